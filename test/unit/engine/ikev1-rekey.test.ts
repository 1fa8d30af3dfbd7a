import { describe, expect, test } from "vitest";
import type { PeerOptions } from "./desired.ts";
import { timing } from "./desired.ts";
import { a, b, connected, ends, expectRest, facing, gre, type Pair, reasons, standing } from "./pair.ts";
import type { Network } from "./world.ts";

const options: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256-ecp256"] };

/** Nothing is lost and nothing leaks from here on. */
function flooded(pair: Pair): Pair {
  pair.world.guarded.push(...gre(pair));
  pair.world.carried.push(...gre(pair));
  return pair;
}

const spis = ({ one }: Pair) => one.peer().children.flatMap((child) => child.sas.map((sa) => sa.spiIn));
const cookies = ({ one }: Pair) => one.peer().ikeSas.map((sa) => sa.initiatorSpi);

describe.each(["main", "aggressive"] as const)("%s mode", (ikev1) => {
  const mode = { ...options, ikev1 };

  test.each(["one", "two"] as const)("end %s replaces the IPsec SAs, and no packet is lost", (who) => {
    const pair = flooded(connected(mode));
    const before = spis(pair);
    pair[who].handle({ kind: "rekey", peer: "peer", what: "children" });
    pair.world.run(60_000);
    expectRest(pair);
    expect(spis(pair)).not.toEqual(before);
  });

  test.each(["one", "two"] as const)("end %s replaces the ISAKMP SA, whose IPsec SAs go on", (who) => {
    const pair = flooded(connected(mode));
    const before = { spis: spis(pair), cookies: cookies(pair) };
    pair[who].handle({ kind: "rekey", peer: "peer", what: "ike" });
    pair.world.run(60_000);
    expectRest(pair);
    expect(spis(pair)).toEqual(before.spis);
    expect(cookies(pair)).not.toEqual(before.cookies);
    // They are replaced and deleted under the new one.
    pair.two.handle({ kind: "rekey", peer: "peer", what: "children" });
    pair.world.run(60_000);
    expectRest(pair);
    pair.world.carried.length = 0;
    pair.one.handle({ kind: "down", peer: "peer" });
    pair.world.run(1_000);
    expect(standing(pair.two)).toEqual([]);
  });

  test.each(["children", "ike"] as const)("both ends replace the %s at once: one is left", (what) => {
    const pair = flooded(connected(mode));
    pair.one.handle({ kind: "rekey", peer: "peer", what });
    pair.two.handle({ kind: "rekey", peer: "peer", what });
    pair.world.run(120_000);
    expectRest(pair);
  });
});

test("who was called in main mode replaces the ISAKMP SA in it, whatever its section calls in", () => {
  const pair = ends();
  pair.one.configure(facing(a, options));
  pair.two.configure(facing(b, { ...options, ikev1: "aggressive", initiate: false }));
  pair.world.run(5_000);
  const before = cookies(pair);
  flooded(pair).two.handle({ kind: "rekey", peer: "peer", what: "ike" });
  pair.world.run(60_000);
  expectRest(pair);
  expect(cookies(pair)).not.toEqual(before);
  expect(reasons(pair.one)).toEqual([]);
});

test("both are replaced in time by themselves, again and again, and nothing piles up", () => {
  const pair = flooded(
    connected({
      ...options,
      hardSeconds: 120,
      soft: { seconds: 60 },
      timing: { ...timing, ikeRekey: 100_000, ikeLifetime: 200_000 },
    }),
  );
  for (let minute = 0; minute < 20; minute += 1) {
    pair.world.run(60_000);
    expect(standing(pair.one).length).toBeLessThanOrEqual(6);
    expect(standing(pair.two).length).toBeLessThanOrEqual(6);
    expect(pair.one.peer().ikeSas.length).toBeLessThanOrEqual(2);
  }
  for (const end of [pair.one, pair.two])
    expect(reasons(end).filter((code) => code !== "replaced" && code !== "peer-deleted")).toEqual([]);
});

/** Datagrams of one rekey of a child: three of quick mode and a DELETE; of an ISAKMP SA: six and a DELETE. */
describe.each([
  ["children", 4],
  ["ike", 7],
] as const)(
  "whatever the network does to one datagram while the %s are replaced, no packet is lost",
  (what, datagrams) => {
    test.each<[string, (index: number, at: number) => readonly number[]]>([
      ["lost", (n, at) => (n === at ? [] : [10])],
      ["repeated", (n, at) => (n === at ? [10, 400] : [10])],
      ["late", (n, at) => (n === at ? [1_500] : [10])],
    ])("%s", (_, fate) => {
      for (let at = 0; at < datagrams; at += 1) {
        let begun = Number.POSITIVE_INFINITY;
        const network: Network = (_datagram, index) => fate(index - begun, at);
        const pair = flooded(connected(options, { network }));
        begun = pair.one.sent.length + pair.two.sent.length;
        pair.one.handle({ kind: "rekey", peer: "peer", what });
        pair.world.run(120_000);
        expectRest(pair);
      }
    });
  },
);
