/** Repeated authentication (RFC 4478): a new IKE SA with its Child SAs stands before the old one goes. */
import { describe, expect, it } from "vitest";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import { type PeerOptions, timing } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, reasons, standing, vxlan } from "./pair.ts";
import { Puppet } from "./puppet.ts";

const protect = [{ kind: "gre" }, { kind: "ipip" }, { kind: "vxlan", port: 4789 }] as const;

/** Both ends up, with traffic that must arrive after every single event from now on. */
function carrying(one: PeerOptions, two: PeerOptions): Pair {
  const pair = ends();
  pair.one.configure(facing(a, { protect, ...one }));
  pair.two.configure(facing(b, { protect, initiate: false, ...two }));
  pair.world.run(15_000);
  expectRest(pair, 4);
  pair.world.guarded.push(...gre(pair));
  pair.world.carried.push(...gre(pair), ...vxlan(pair));
  return pair;
}

/** How often an end was told that notify in refusal. */
const timesTold = (end: Pair["one"], notify: string) =>
  end.log.filter((record) => "reason" in record && JSON.stringify(record.reason).includes(notify)).length;

const spi = (pair: Pair) => pair.one.peer().ikeSas[0]?.initiatorSpi;

function lifetime(seconds: number): Payload {
  const data = Buffer.alloc(4);
  data.writeUInt32BE(seconds);
  return { kind: "N", protocolId: 0, spi: Buffer.alloc(0), type: notifyType.AUTH_LIFETIME, data };
}

describe("reauthentication", () => {
  it.each([
    ["the caller wants it", { reauth: 60_000 }, {}],
    ["the called wants it, and says so", {}, { reauth: 60_000 }],
    ["both want it", { reauth: 60_000 }, { reauth: 60_000 }],
    ["both keep every IKE SA that comes", { reauth: 60_000, unique: "never" }, { unique: "never" }],
    ["the called may call too", {}, { reauth: 60_000, initiate: true }],
  ] as const)("%s: no packet is lost, and one IKE SA remains", (_, one, two) => {
    const pair = carrying(one, two);
    for (let round = 1; round <= 3; round += 1) {
      const before = spi(pair);
      pair.world.run(60_000);
      expect(spi(pair)).not.toBe(before);
      expectRest(pair, 4);
    }
    expect(["peer-deleted", "replaced"]).toEqual(expect.arrayContaining(reasons(pair.one)));
  });

  it("is not put off by a rekey of the IKE SA: the proof is as old as it was", () => {
    const pair = carrying({ reauth: 60_000 }, {});
    pair.one.handle({ kind: "rekey", peer: "peer", what: "ike" });
    pair.world.run(5_000);
    const rekeyed = spi(pair);
    pair.world.run(39_000);
    expect(spi(pair)).not.toBe(rekeyed);
  });

  it("comes neither sooner than at 80 percent of the time nor later than at 90", () => {
    const pair = carrying({ reauth: 100_000 }, {});
    const before = spi(pair);
    const opened = () => pair.one.log.filter(({ event }) => event === "peer-connecting").length;
    const first = opened();
    pair.world.run(79_900 - pair.world.now);
    expect(opened()).toBe(first);
    pair.world.run(90_100 - pair.world.now);
    expect(opened()).toBe(first + 1);
    pair.world.run(5_000);
    expect(spi(pair)).not.toBe(before);
  });

  it("loses no packet while datagrams are lost and come twice", () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const pair = carrying({ reauth: 60_000 }, { reauth: 60_000 });
      const seen = new Set<string>();
      // Any message may be lost once, its repeat arrives, some messages come twice and late.
      pair.world.network = ({ octets }, index) => {
        const key = Buffer.from(octets).toString("latin1");
        const isLost = !seen.has(key) && (index * 7 + seed * 3) % 5 < 2;
        seen.add(key);
        return isLost ? [] : [10, 10 + ((index * 13 + seed) % 40)];
      };
      pair.world.run(105_000);
      pair.world.network = () => [10];
      pair.world.run(15_000);
      expectRest(pair, 4);
    }
  });

  it("loses nothing where the peer is busy with a rekey when the new one asks for the children: it asks again", () => {
    const pair = carrying({ reauth: 60_000 }, {});
    while (pair.one.peer().ikeSas.length < 2) pair.world.run(1);
    // From the moment when the new one stands at the called end.
    for (let n = 0; n < 40; n += 1) {
      pair.two.handle({ kind: "rekey", peer: "peer", what: "ike" });
      pair.world.run(5);
    }
    pair.world.run(30_000);
    expect(timesTold(pair.one, "TEMPORARY_FAILURE")).toBeGreaterThan(0);
    expectRest(pair, 4);
  });

  it("goes on with the old one where the new one comes to nothing, and tries again until the time is over", () => {
    const silent = { ...timing, liveness: 0 };
    const pair = carrying({ reauth: 60_000, timing: silent }, { timing: silent });
    const before = spi(pair);
    pair.world.network = () => [];
    pair.world.run(70_000 - pair.world.now);
    expect(spi(pair)).toBe(before);
    pair.world.carried.length = 0;
    pair.world.run(40_000);
    expect(reasons(pair.one)).toContain("authentication-expired");
    pair.world.network = () => [10];
    pair.world.run(90_000);
    expectRest(pair, 4);
  });

  it("a wish of zero seconds is obeyed, but not without a pause", () => {
    const { one, world } = ends();
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [...payloads, lifetime(0)]);
    const opened = () => one.log.filter(({ event }) => event === "peer-connecting").length;
    expect(opened()).toBe(1);
    world.run(9_900);
    expect(opened()).toBe(1);
    world.run(200);
    expect(opened()).toBe(2);
    for (let n = 0; n < 50; n += 1) puppet.request(exchangeType.INFORMATIONAL, [lifetime(0)]);
    world.run(1_000);
    expect(opened()).toBe(2);
  });

  it("is the caller's to repeat: the same words from a caller mean nothing", () => {
    const { one, world } = ends();
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "initiator");
    puppet.init();
    const calls = () => one.log.filter(({ event }) => event === "peer-connecting").length;
    puppet.request(exchangeType.IKE_AUTH, [...puppet.authPayloads(), lifetime(0)]);
    expect(one.peer().ikeSas).toHaveLength(1);
    const before = calls();
    puppet.request(exchangeType.INFORMATIONAL, [lifetime(0)]);
    world.run(25_000);
    expect(calls()).toBe(before);
    expect(standing(one)).toEqual([]);
  });

  it.each([0, 3, 5, 300])("words of %i octets are nothing", (length) => {
    const { one, world } = ends();
    one.configure(facing(a));
    const puppet = new Puppet(one, b, "responder");
    puppet.answerInit();
    puppet.answerAuth((payloads) => [
      ...payloads,
      { ...(lifetime(0) as Extract<Payload, { kind: "N" }>), data: Buffer.alloc(length) },
    ]);
    world.run(20_000);
    expect(one.log.filter(({ event }) => event === "peer-connecting")).toHaveLength(1);
  });
});
