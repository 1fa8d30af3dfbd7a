// Quick crash detection (RFC 6290): tokens given in IKE_AUTH, and shown by an end that has lost the IKE SA.
import { describe, expect, test } from "vitest";
import { CrashTokens } from "../../../src/ikev2/crash-token.ts";
import { find, findNotify, notify } from "../../../src/ikev2/payloads.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType, payloadType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { peer } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, reasons } from "./pair.ts";
import { Puppet } from "./puppet.ts";
import { carry, type End } from "./world.ts";

const [child] = peer(a, b).children;
const crashSecret = Buffer.alloc(32, 0x5a);
const tokenType = notifyType.QUICK_CRASH_DETECTION;

function token(fill: number, length = 32): Payload {
  return { kind: "N", protocolId: 1, spi: new Uint8Array(0), type: tokenType, data: Buffer.alloc(length, fill) };
}

/** The puppet, in clear, as one that has lost the IKE SA. */
function lost(puppet: Puppet, payloads: Payload[]): Buffer {
  const octets = puppet.clear(true, [notify(notifyType.INVALID_IKE_SPI), ...payloads]);
  octets[18] = exchangeType.INFORMATIONAL;
  return octets;
}

/** An engine that a puppet called, and whose token it has. */
function called(given: Payload[], initiate = false) {
  const { one, world } = ends({ one: { crashSecret }, network: () => [] });
  one.configure(facing(a, { initiate }));
  const puppet = new Puppet(one, b, "initiator");
  puppet.init();
  const answer = puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads({ child }), ...given]) ?? [];
  if (one.peer().state !== "up") throw new Error("not established");
  return { one, world, puppet, answer };
}

const stands = (end: End) => end.peer().ikeSas.length;

describe("tokens", () => {
  test("the same SPIs, role and secret make the same token, anything else another", () => {
    const make = (secret: Uint8Array, ...args: Parameters<CrashTokens["payload"]>) => {
      const payload = new CrashTokens(secret).payload(...args);
      return payload.kind === "N" ? Buffer.from(payload.data).toString("hex") : "";
    };
    const one = make(crashSecret, 1n, 2n, "initiator");
    expect(one).toHaveLength(64);
    expect(make(crashSecret, 1n, 2n, "initiator")).toBe(one);
    const others = [
      make(crashSecret, 1n, 2n, "responder"),
      make(crashSecret, 1n, 3n, "initiator"),
      make(crashSecret, 2n, 1n, "initiator"),
      make(Buffer.alloc(32, 1), 1n, 2n, "initiator"),
    ];
    expect(new Set([one, ...others]).size).toBe(5);
  });

  test("each end gives its own in IKE_AUTH, protected, and the other's is not its", () => {
    const { answer } = called([]);
    const given = findNotify(answer, tokenType);
    expect(given).toMatchObject({ protocolId: 1 });
    expect(given?.data).toHaveLength(32);
    const { one } = ends({ one: { crashSecret }, network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    expect(findNotify(puppet.open(puppet.received()), tokenType)?.data).toHaveLength(32);
  });

  test("without a secret none is given, and the peer's are believed all the same", () => {
    const { one } = ends({ network: () => [] });
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    expect(findNotify(puppet.open(puppet.received()), tokenType)).toBeUndefined();
  });
});

describe("a request of an IKE SA that is not here", () => {
  test("is answered with the token that was given before the restart, in clear, under its own IDs", () => {
    const { one, puppet, answer } = called([]);
    const given = findNotify(answer, tokenType)?.data ?? Buffer.alloc(0);
    one.crash();
    one.configure(facing(a, { initiate: false }));
    const before = one.sent.length;
    puppet.inject(puppet.seal(exchangeType.INFORMATIONAL, [], { messageId: 2 }));
    const [sent, ...more] = one.sent.slice(before);
    expect(more).toEqual([]);
    const { header, payloads } = decodeMessage(sent?.octets ?? new Uint8Array(0));
    expect(header).toMatchObject({ messageId: 2, exchangeType: exchangeType.INFORMATIONAL, flags: flag.response });
    expect([header.initiatorSpi, header.responderSpi]).toEqual([puppet.ownSpi, puppet.theirSpi]);
    expect(payloads.map((payload) => payload.kind === "N" && payload.type)).toEqual([
      notifyType.INVALID_IKE_SPI,
      tokenType,
    ]);
    expect(findNotify(payloads, tokenType)?.data).toEqual(given);
  });

  test("no token for an IKE SA that stands, whoever asks and whatever it says; none to strangers; ten a second", () => {
    const { one, world, puppet } = called([]);
    const forged = puppet.seal(exchangeType.INFORMATIONAL, [], { messageId: 2 });
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    forged.writeBigUInt64BE(0x77n, 0);
    const before = one.sent.length;
    puppet.inject(forged);
    expect(one.sent.length).toBe(before);
    const unknown = (n: number) => {
      const octets = Buffer.from(forged);
      octets.writeBigUInt64BE(BigInt(n) + 1n, 8);
      return octets;
    };
    const from = (address: string) => ({ local: { address: a, port: 500 }, remote: { address, port: 500 } });
    one.handle({ kind: "datagram", octets: unknown(0), path: from("203.0.113.9") });
    expect(one.sent.length).toBe(before);
    for (let n = 0; n < 100; n += 1) puppet.inject(unknown(n));
    expect(one.sent.length - before).toBe(10);
    world.run(1_000);
    puppet.inject(unknown(0));
    expect(one.sent.length - before).toBe(11);
    // A response, and what is in clear, get no answer: two ends would go on for ever.
    const response = unknown(1);
    response[19] = flag.response | flag.initiator;
    puppet.inject(response);
    puppet.inject(lost(puppet, []).fill(9, 8, 16));
    expect(one.sent.length - before).toBe(11);
  });
});

describe("a token that comes in clear", () => {
  test("ends the IKE SA where the peer is waited for, and nothing is said", () => {
    const { one, puppet } = called([token(7)]);
    const before = one.sent.length;
    puppet.inject(lost(puppet, [token(7)]));
    expect(stands(one)).toBe(0);
    expect(reasons(one)).toContain("peer-lost-state");
    expect(one.sent.length).toBe(before);
    for (const [flow] of [[{ from: one, to: one, packet: { source: a, destination: b, protocol: 47 } }]] as const)
      expect(carry(flow)).toMatch(/^out: /);
  });

  test.each([
    ["another", [token(8)]],
    ["none", []],
    ["one that is too short", [token(7, 8)]],
    ["the right one behind four others", [token(1), token(2), token(3), token(4), token(7)]],
  ])("%s changes nothing", (_, payloads) => {
    const { one, puppet } = called([token(7)]);
    puppet.inject(lost(puppet, payloads));
    expect(stands(one)).toBe(1);
    expect(puppet.request(exchangeType.INFORMATIONAL, [])).toEqual([]);
  });

  test("any of four is enough (RFC 6290 4.5)", () => {
    const { one, puppet } = called([token(7)]);
    puppet.inject(lost(puppet, [token(1), token(2), token(3), token(7)]));
    expect(stands(one)).toBe(0);
  });

  test("with other SPIs it is nothing, and where none was given neither", () => {
    const { one, puppet } = called([token(7)]);
    const other = lost(puppet, [token(7)]);
    other.writeBigUInt64BE(0x99n, 0);
    puppet.inject(other);
    expect(stands(one)).toBe(1);
    const { one: caller } = ends({ one: { crashSecret }, network: () => [] });
    caller.configure(facing(a));
    const gateway = new Puppet(caller, b, "responder");
    gateway.answerInit();
    gateway.answerAuth((payloads) => [...payloads, token(7)]);
    gateway.nextMessageId = 0;
    const elsewhere = lost(gateway, [token(7)]);
    elsewhere.writeBigUInt64BE(0x99n, 8);
    const calls = () => caller.log.filter(({ event }) => event === "peer-connecting").length;
    gateway.inject(elsewhere);
    expect(calls()).toBe(1);
    gateway.inject(lost(gateway, [token(7)]));
    expect(calls()).toBe(2);
    const without = called([]);
    without.puppet.inject(lost(without.puppet, [token(7)]));
    expect(stands(without.one)).toBe(1);
  });

  test("a newer one, in a protected message, takes its place", () => {
    const { one, puppet } = called([token(7)]);
    expect(puppet.request(exchangeType.INFORMATIONAL, [token(9)])).toEqual([]);
    puppet.inject(lost(puppet, [token(7)]));
    expect(stands(one)).toBe(1);
    puppet.inject(lost(puppet, [token(9)]));
    expect(stands(one)).toBe(0);
  });

  test("a flood of wrong ones is looked at ten times a second", () => {
    const { one, puppet, world } = called([token(7)]);
    for (let n = 0; n < 100; n += 1) puppet.inject(lost(puppet, [token(8)]));
    puppet.inject(lost(puppet, [token(7)]));
    expect(stands(one)).toBe(1);
    world.run(1_000);
    puppet.inject(lost(puppet, [token(7)]));
    expect(stands(one)).toBe(0);
  });
});

test("a gateway that only answers restarts: the other end learns it from its next request, and no packet is lost", () => {
  const pair = ends({ one: { crashSecret }, two: { crashSecret } });
  pair.one.configure(facing(a));
  pair.two.configure(facing(b, { initiate: false }));
  pair.world.run(5_000);
  expectRest(pair);
  pair.world.carried.push(...gre(pair));
  pair.two.crash();
  pair.two.configure(facing(b, { initiate: false }));
  pair.world.run(100);
  pair.one.handle({ kind: "rekey", peer: "peer", what: "children" });
  pair.world.run(60_000);
  expectRest(pair);
  expect(pair.world.checks).toBeGreaterThan(20);
  const shown = pair.two.sent.filter(({ octets }) => {
    const { payloads } = decodeMessage(octets);
    return find(payloads, "N") !== undefined && findNotify(payloads, tokenType) !== undefined;
  });
  expect(shown.length).toBeGreaterThan(0);
  expect(shown.every(({ octets }) => decodeHeader(octets).responderSpi !== 0n)).toBe(true);
});

test("where another IKE SA with the peer stands already, no third one is opened", () => {
  const { one, puppet } = called([token(7)], true);
  const again = new Puppet(one, b, "initiator", 0x99n);
  again.init();
  again.request(exchangeType.IKE_AUTH, again.authPayloads({ child }));
  expect(stands(one)).toBe(2);
  const before = one.sent.length;
  puppet.inject(lost(puppet, [token(7)]));
  const opened = one.sent.slice(before).filter(({ octets }) => octets[18] === exchangeType.IKE_SA_INIT);
  expect(opened).toEqual([]);
});

test("none is given for an IKE SA that is about to stand (RFC 6290 9.2): what comes on it before the response waits", () => {
  const { one, two, world } = ends({ one: { crashSecret }, two: { crashSecret: Buffer.alloc(32, 2) } });
  one.configure(facing(a));
  two.configure(facing(b, { initiate: false }));
  world.run(2_000);
  // The response that makes the new IKE SA is overtaken by the first request on it.
  world.network = ({ octets }) => [decodeHeader(octets).exchangeType === exchangeType.CREATE_CHILD_SA ? 300 : 10];
  one.handle({ kind: "rekey", peer: "peer", what: "ike" });
  world.run(330);
  expect(two.sent.at(-1)?.octets[18], "a request on the new one").toBe(exchangeType.INFORMATIONAL);
  world.run(250);
  expect(one.sent.filter(({ octets }) => octets[16] === payloadType.N)).toEqual([]);
  world.run(10_000);
  expectRest({ world, one, two });
});
