/** Signs of life: asked for where nothing comes from the peer, and not where its packets come (RFC 7296 2.4). */
import { describe, expect, test } from "vitest";
import { b, connected, expectRest, facing, gre, type Pair, policies, reasons, standing } from "./pair.ts";
import { carry, type Flow } from "./world.ts";

/** Sends a packet of a flow every two seconds, whether it arrives or not. */
function keepSending(pair: Pair, flow: Flow | undefined, until: number): void {
  if (flow === undefined) throw new Error("no such flow");
  carry(flow);
  if (pair.world.now + 2_000 <= until) pair.world.schedule(2_000, () => keepSending(pair, flow, until));
}

function sentSince(pair: Pair, run: () => void): number {
  const before = pair.one.sent.length + pair.two.sent.length;
  run();
  return pair.one.sent.length + pair.two.sent.length - before;
}

describe("a peer that lives", () => {
  test("is hardly asked while packets go both ways", () => {
    const pair = connected();
    const until = pair.world.now + 300_000;
    for (const flow of gre(pair)) keepSending(pair, flow, until);
    // Whether its daemon lives as well, in 300 s twice, a request and a response.
    expect(sentSince(pair, () => pair.world.run(300_000))).toBe(4);
  });

  test("is asked by the end that only sends, and by that alone, soon", () => {
    const pair = connected();
    const [outbound] = gre(pair);
    keepSending(pair, outbound, pair.world.now + 300_000);
    const asked = pair.one.sent.length;
    expect(sentSince(pair, () => pair.world.run(16_000))).toBe(2);
    expect(pair.one.sent.length - asked).toBe(1);
    pair.world.run(270_000);
    expectRest(pair);
  });

  test("is asked after half the time where it was heard of since, but we alone send", () => {
    const pair = connected({}, {}, 20_000);
    const { one, two, world } = pair;
    // The last that is heard of it.
    two.handle({ kind: "rekey", peer: "peer", what: "children" });
    keepSending(pair, gre(pair)[0], world.now + 60_000);
    world.run(1_000);
    const heard = world.now;
    const sent = one.sent.length;
    world.run(13_000);
    expect(one.sent.length).toBe(sent);
    while (one.sent.length === sent && world.now < heard + 60_000) world.run(500);
    expect(world.now - heard).toBeLessThan(17_000);
  });

  test("is asked after the time that the file says where nothing goes either way", () => {
    const pair = connected({}, {}, 5_000);
    expect(sentSince(pair, () => pair.world.run(24_000))).toBe(0);
    expect(sentSince(pair, () => pair.world.run(4_000))).toBeGreaterThan(0);
  });
});

test("a peer that restarted, and goes on with the Child SAs that it found, is found out in time", () => {
  const pair = connected({}, {}, 5_000);
  const { world, one, two } = pair;
  const until = world.now + 140_000;
  for (const flow of gre(pair)) keepSending(pair, flow, until);
  two.crash();
  two.configure(facing(b, { initiate: false }));
  world.run(60_000);
  expect(two.peer().ikeSas, "what it found carries everything").toEqual([]);
  expect(one.peer().ikeSas).toHaveLength(1);
  world.run(140_000);
  expectRest(pair);
});

test("another IKE SA stands before the Child SAs go that such a peer went on with: no packet is lost", () => {
  const pair = connected({}, {}, 5_000);
  const { world, one, two } = pair;
  world.carried.push(...gre(pair));
  two.crash();
  two.configure(facing(b, { initiate: false }));
  world.run(200_000);
  expect(reasons(one)).toContain("no-answer");
  expectRest(pair);
});

test("where none can be had, the Child SAs of a peer that gives no answer go soon, for that reason", () => {
  const pair = connected();
  const { world, one } = pair;
  world.network = () => [];
  // A request 15 s from now, unanswered for 31 s; eight seconds in which another might have come to stand.
  world.run(50_000);
  expect(reasons(one)).toContain("no-answer");
  expect(one.peer().children[0]?.sas, "they might be carried by its kernel").toHaveLength(1);
  world.run(5_000);
  expect(one.peer()).toMatchObject({ state: "connecting", reason: { code: "no-answer" } });
  expect(one.peer().children[0]).toMatchObject({ state: "locked", sas: [] });
  expect(standing(one)).toEqual([]);
  expect(policies(one).map(({ action }) => action.kind)).toEqual(["locked", "locked"]);
});

test("a peer that is gone is missed, though packets went both ways to the last", () => {
  const pair = connected();
  const until = pair.world.now + 100_000;
  for (const flow of gre(pair)) keepSending(pair, flow, until);
  pair.world.run(100_000);
  pair.world.network = () => [];
  keepSending(pair, gre(pair)[0], pair.world.now + 50_000);
  pair.world.run(80_000);
  expect(reasons(pair.one)).toContain("no-answer");
});

describe("a soft limit whose report is lost", () => {
  test.each([
    ["packets", { seconds: 0, packets: 10n }],
    ["octets", { seconds: 0, bytes: 1_000n }],
  ])("of %s: the Child SA is rekeyed at the next look", (_, soft) => {
    const pair = connected({ soft }, {}, 5_000);
    const before = pair.one.peer().children[0]?.sas[0]?.spiIn;
    for (const end of [pair.one, pair.two]) end.kernel.loseNext("expire", 2);
    for (let n = 0; n < 20; n += 1) expect(gre(pair).map(carry)).toEqual(Array(2).fill("protected, delivered"));
    pair.world.run(1_000);
    expect(pair.one.peer().children[0]?.sas[0]?.spiIn, "nobody knows yet").toBe(before);
    pair.world.run(31_000);
    expectRest(pair);
    expect(pair.one.peer().children[0]?.sas[0]?.spiIn).not.toBe(before);
  });

  test("of time: the Child SA is rekeyed in time", () => {
    const pair = connected({ soft: { seconds: 40 } });
    const before = pair.one.peer().children[0]?.sas[0]?.spiIn;
    for (const end of [pair.one, pair.two]) end.kernel.loseNext("expire", 9);
    pair.world.run(34_000);
    expectRest(pair);
    expect(pair.one.peer().children[0]?.sas[0]?.spiIn).not.toBe(before);
  });
});

test.each([
  ["packets", { seconds: 0, packets: 100n }],
  ["octets", { seconds: 0, bytes: 6_000n }],
])("a soft limit of %s that the kernel reports: rekeyed at once", (_, soft) => {
  const pair = connected({ soft });
  const before = pair.one.peer().children[0]?.sas[0]?.spiIn;
  for (let n = 0; n < 140; n += 1) expect(gre(pair).map(carry)).toEqual(Array(2).fill("protected, delivered"));
  pair.world.run(7_000);
  expectRest(pair);
  expect(pair.one.peer().children[0]?.sas[0]?.spiIn).not.toBe(before);
});
