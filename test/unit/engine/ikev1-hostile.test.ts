import { expect, test } from "vitest";
import type { XauthDesired } from "../../../src/sa/remote-access.ts";
import { type EncodedPayloads, encodePayloads } from "../../../src/wire/ikev1/message.ts";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { ikev1Types, mutate, type Rng } from "../../fuzz/mutate.ts";
import { everythingOpened } from "../crypto/ikev1-replay.ts";
import { messages } from "../wire/ikev1/recorded.ts";
import { mutationsOr, newRng } from "../wire/mutation-campaign.ts";
import type { PeerOptions } from "./desired.ts";
import { sayProved, sayUnproved, stands, type Target } from "./hostility.ts";
import { Ikev1Puppet, puppetEsp, puppetIke } from "./ikev1-puppet.ts";
import { a, b, connected, ends, facing, standing } from "./pair.ts";

const total = mutationsOr(100_000);
const timeout = 60_000 + total * 2;

type Role = "initiator" | "responder";
const main: PeerOptions = { ikev1: "main", ike: [puppetIke], esp: [puppetEsp] };

function puppet(role: Role): Ikev1Puppet {
  const { one } = ends({ network: () => [] });
  one.configure(facing(a, { ...main, initiate: role === "initiator" }));
  return new Ikev1Puppet(one, b, role === "initiator" ? "responder" : "initiator");
}

/** Phase 1 up to `messages` of the puppet's. */
function begun(role: Role, messages: number): Ikev1Puppet {
  const one = puppet(role);
  const steps =
    role === "initiator"
      ? [() => one.answerSa(), () => one.answerKey(), () => one.answerIdentity()]
      : [() => one.callSa(), () => one.callKey(), () => one.callIdentity()];
  for (const step of steps.slice(0, messages)) step();
  return one;
}

function established(role: Role): Ikev1Puppet {
  const one = begun(role, 3);
  if (role === "initiator") one.answerQuickMode(0xabcd_0001);
  else one.callQuickMode(0xabcd_0001);
  if (!stands(one.end)) throw new Error("not established");
  return one;
}

const password = { name: "file:alice.password", octets: Buffer.from("open sesame") };
const logins: Readonly<Record<Role, XauthDesired>> = {
  initiator: { kind: "client", user: "alice", password },
  responder: { kind: "server", users: [{ name: "alice", password }] },
};

/** Phase 1 is over, and quick mode not possible yet: the engine logs in as initiator, and is logged in with as responder. */
function unready(role: Role): Ikev1Puppet {
  const { one: end } = ends({ network: () => [] });
  end.configure(facing(a, { ...main, initiate: role === "initiator", xauth: logins[role] }));
  const one = new Ikev1Puppet(end, b, role === "initiator" ? "responder" : "initiator");
  one.method = 65001;
  const steps =
    role === "initiator"
      ? [() => one.answerSa(), () => one.answerKey(), () => one.answerIdentity()]
      : [() => one.callSa(), () => one.callKey(), () => one.callIdentity()];
  for (const step of steps) step();
  return one;
}

const targets: readonly Target<Ikev1Puppet>[] = [
  ["a responder that nobody called", () => puppet("responder"), false],
  ["an initiator that waits for the SA", () => puppet("initiator"), false],
  ["an initiator that waits for the key exchange", () => begun("initiator", 1), false],
  ["a responder that waits for the key exchange", () => begun("responder", 1), false],
  ["an initiator that waits for the identity", () => begun("initiator", 2), false],
  ["a responder that waits for the identity", () => begun("responder", 2), false],
  ["an initiator that waits to be asked for its password", () => unready("initiator"), false],
  ["a responder that has asked for a password", () => unready("responder"), false],
  ["an established initiator", () => established("initiator"), true],
  ["an established responder", () => established("responder"), true],
];

const talks = [
  connected(main),
  connected({ ...main, ikev1: "aggressive" }),
  connected({ ...main, messages: { window: 4, fragmentSize: 200 } }),
];

/** What others recorded, and what two of our own ends say to each other. */
const inputs: readonly Uint8Array[] = [...messages, ...talks.flatMap(({ one, two }) => [...one.sent, ...two.sent])].map(
  ({ octets }) => octets,
);

/** Names the SA that the engine has, in three of four messages. */
function aim(rng: Rng, octets: Uint8Array, one: Ikev1Puppet): Uint8Array {
  if (octets.length < 28 || rng() % 4 === 0) return octets;
  const view = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const begun = one.role === "responder" && one.theirCookie === 0n && one.end.sent.length > 0;
  const theirs = begun ? one.received().readBigUInt64BE(0) : one.theirCookie;
  view.writeBigUInt64BE(one.role === "initiator" ? one.ownCookie : theirs, 0);
  if (rng() % 4 !== 0) view.writeBigUInt64BE(one.role === "initiator" ? theirs : one.ownCookie, 8);
  // Exchange type and message ID of the step that is waited for, mostly; or what may be said at any time.
  const { IDENTITY_PROTECTION, INFORMATIONAL } = exchangeType;
  octets[18] = [IDENTITY_PROTECTION, IDENTITY_PROTECTION, INFORMATIONAL][rng() % 4] ?? octets[18] ?? 0;
  if (rng() % 2 === 0) view.writeUInt32BE(rng() % 3, 20);
  if (rng() % 2 === 0) octets[19] = rng() % 2;
  return octets;
}

test.each(targets)(
  "whatever comes unauthenticated to %s: no exception, bounded work, nothing established is touched",
  (...target) => {
    const change = (rng: Rng, input: Uint8Array, one: Ikev1Puppet) => aim(rng, mutate(rng, input, ikev1Types), one);
    // A read, perhaps of what fragments come to, and at most one answer of bounded size.
    sayUnproved(target, inputs, Math.round((total * 0.7) / targets.length), change, (octets) => octets + 64);
  },
  timeout,
);

/** What a peer says after phase 1, behind its HASH. */
function said(one: Ikev1Puppet): Payload[][] {
  const spi = Buffer.from("abcd0001", "hex");
  const cookies = one.received().subarray(0, 16);
  const notify = (type: number, data: Uint8Array): Payload[] => [
    { isakmp: "N", doi: 1, protocolId: 3, spi, type, data },
  ];
  return [
    one.quickModePayloads(0xabcd_0100, new Uint8Array(32).fill(9)),
    [{ isakmp: "D", doi: 1, protocolId: 3, spiSize: 4, spis: [spi] }],
    [{ isakmp: "D", doi: 1, protocolId: 1, spiSize: 16, spis: [cookies] }],
    notify(24576, Buffer.from("800b00010002000400000e10", "hex")),
    notify(14, new Uint8Array(0)),
    notify(36136, Uint8Array.of(0, 0, 0, 1)),
  ];
}

test.each(["initiator", "responder"] as const)(
  "whatever an authenticated peer says to an %s: no exception, bounded work, nothing is left over",
  (role) => {
    const recorded = everythingOpened().map(({ message, octets, afterFirst, payloads }) => {
      const isHashed = payloads[0]?.isakmp === "HASH";
      return isHashed
        ? { firstType: octets[0] ?? 0, octets: Buffer.from(afterFirst) }
        : { firstType: message.header.nextPayload, octets: Buffer.from(octets) };
    });
    const own = said(established(role)).map((payloads) => encodePayloads(payloads));
    const say = (one: Ikev1Puppet, rng: Rng, run: number): void => {
      const plaintexts: readonly EncodedPayloads[] = rng() % 2 === 0 ? own : recorded;
      const input = plaintexts[run % plaintexts.length];
      if (input === undefined) throw new Error("no plaintexts");
      const type = [exchangeType.QUICK_MODE, exchangeType.INFORMATIONAL, exchangeType.TRANSACTION][rng() % 3] ?? 5;
      // Some as they are: a message of few octets hardly ever stays right otherwise.
      const octets = rng() % 8 === 0 ? input.octets : Buffer.from(mutate(rng, input.octets, ikev1Types));
      const messageId = one.nextMessageId++;
      const changed = { firstType: input.firstType, octets };
      // Three of four behind a HASH that is right.
      const message = rng() % 4 === 0 ? one.seal(type, messageId, changed) : one.sealHashed(type, messageId, changed);
      one.inject(message);
    };
    sayProved(() => established(role), { runs: Math.round((total * 0.3) / 2), say, mostStanding: 2 + 64 });
  },
  timeout,
);

/** What a peer says between phase 1 and quick mode: names, passwords, verdicts, addresses. */
function attributes(): Payload[][] {
  const none = new Uint8Array(0);
  const text = (value: string) => Buffer.from(value);
  const attr = (cfgType: number, ...list: readonly (readonly [number, Uint8Array | number])[]): Payload[] => [
    { isakmp: "ATTR", cfgType, identifier: 7, attributes: list.map(([type, value]) => ({ type, value })) },
  ];
  return [
    attr(1, [16521, none], [16522, none]),
    attr(1, [16520, 0], [16521, none], [16524, text("challenge")]),
    attr(2, [16521, text("alice")], [16522, text("open barley")]),
    attr(3, [16527, 0], [16523, text("no")]),
    attr(3, [1, Buffer.from([10, 9, 0, 1])], [2, Buffer.from([255, 255, 255, 255])]),
    attr(1, [1, none]),
    attr(4, [16527, none]),
  ];
}

test.each(["initiator", "responder"] as const)(
  "whatever an authenticated peer says to an %s before anybody has logged in: no exception, bounded work, nothing stands",
  (role) => {
    const rng = newRng();
    const plaintexts = [...attributes(), ...said(unready(role))].map((payloads) => encodePayloads(payloads));
    const { QUICK_MODE, INFORMATIONAL, TRANSACTION } = exchangeType;
    let one = unready(role);
    let answers = 0;
    for (let run = 0; run < Math.round(total * 0.1); run += 1) {
      const isFresh = run % 5 === 0;
      if (isFresh) one = unready(role);
      const input = plaintexts[run % plaintexts.length];
      if (input === undefined) throw new Error("no plaintexts");
      const octets = rng() % 8 === 0 ? input.octets : Buffer.from(mutate(rng, input.octets, ikev1Types));
      const type = [QUICK_MODE, INFORMATIONAL, TRANSACTION, TRANSACTION][rng() % 4] ?? TRANSACTION;
      // First in the exchange that the engine has begun, where it has; then in the peer's own.
      const asked = one.received();
      const own = isFresh && asked[18] === TRANSACTION ? asked.readUInt32BE(20) : undefined;
      if (own !== undefined) one.open(asked);
      const before = one.end.sent.length;
      one.inject(one.sealHashed(type, own ?? one.nextMessageId++, { firstType: input.firstType, octets }));
      answers += one.end.sent.length - before;
      expect(one.end.mostEffects).toBeLessThan(32);
      expect(standing(one.end)).toEqual([]);
      expect(one.end.sent.some(({ octets: sent }) => sent[18] === QUICK_MODE)).toBe(false);
    }
    // It was spoken to, and has answered some of it, or this tests nothing.
    expect(answers).toBeGreaterThan(20);
  },
  timeout,
);
