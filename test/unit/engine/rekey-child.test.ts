/** Child SAs are replaced without the loss of a packet, whoever begins, and whatever the network does to the messages. */
import { describe, expect, test } from "vitest";
import type { PeerOptions } from "./desired.ts";
import { connected, expectRest, gre, type Pair, reasons, subnets, vxlan } from "./pair.ts";
import { Traffic } from "./traffic.ts";
import type { End, Flow, Network } from "./world.ts";

type Who = "initiator" | "responder" | "both";

function rekeyers({ one, two }: Pair, who: Who): End[] {
  return { initiator: [one], responder: [two], both: [one, two] }[who];
}

interface Story {
  readonly who: Who;
  readonly options?: PeerOptions;
  readonly flows?: (pair: Pair) => Flow[];
  readonly children?: number;
  readonly seed?: number;
  /** What becomes of the datagrams from the rekey on. */
  readonly network?: Network;
  /** How long a packet is on its way: by default longer than a datagram, so that rekeys overtake packets. */
  readonly delay?: (n: number) => number;
}

/** Has the children of a settled pair rekeyed under traffic; what stands after twelve seconds is one new pair of each. */
function rekeyed(story: Story): { readonly pair: Pair; readonly traffic: Traffic; readonly datagrams: number } {
  const { who, options = {}, flows = gre, children = 1, seed = 0, network = () => [10] } = story;
  const pair = connected(options, { seed }, 3_000);
  const before = pair.one.peer().children.flatMap(({ sas }) => sas.map(({ spiIn }) => spiIn));
  pair.world.guarded.push(...flows(pair));
  const traffic = new Traffic(pair, flows(pair), pair.world.now + 6_000, story.delay ?? ((n) => 20 + (n % 7) * 10), 12);
  pair.world.run(100);
  let datagrams = 0;
  pair.world.network = (datagram) => network(datagram, datagrams++);
  for (const end of rekeyers(pair, who)) end.handle({ kind: "rekey", peer: "peer", what: "children" });
  pair.world.run(12_000);
  expectRest(pair, children);
  const after = pair.one.peer().children.flatMap(({ sas }) => sas.map(({ spiIn }) => spiIn));
  expect(after.filter((spi) => before.includes(spi))).toEqual([]);
  expect(traffic.sent).toBeGreaterThanOrEqual(1_000);
  return { pair, traffic, datagrams };
}

describe.each<Who>(["initiator", "responder", "both"])("rekeyed by %s", (who) => {
  test.each<[string, PeerOptions, (pair: Pair) => Flow[], number]>([
    ["GRE", {}, gre, 1],
    ["with a key exchange of its own", { esp: ["aes128gcm16-x25519"] }, gre, 1],
    ["AH", { ah: ["sha256"] }, gre, 1],
    ["VXLAN, two pairs", { protect: [{ kind: "vxlan", port: 4789 }] }, vxlan, 2],
    [
      "a tunnel",
      {
        protect: [
          {
            kind: "tunnel",
            local: { address: "10.1.0.0", length: 16 },
            remote: { address: "10.2.0.0", length: 16 },
          },
        ],
      },
      subnets,
      1,
    ],
  ])("%s: nothing is lost", (_, options, flows, children) => {
    const { traffic, pair } = rekeyed({ who, options, flows, children });
    expect(traffic.losses).toEqual([]);
    expect(reasons(pair.one).filter((code) => code !== "replaced" && code !== "peer-deleted")).toEqual([]);
  });

  test("in every order of the nonces: nothing is lost", () => {
    for (let seed = 1; seed <= 24; seed += 1) expect(rekeyed({ who, seed }).traffic.losses, `seed ${seed}`).toEqual([]);
  });

  const fates: [string, readonly number[]][] = [
    ["lost", []],
    ["repeated", [10, 15]],
    ["late by less than a repetition", [700]],
    ["late by more than a repetition", [2_500]],
    ["late and repeated", [10, 1_200]],
  ];
  test.each(fates)("each datagram %s: nothing is lost", (_, fate) => {
    const { datagrams } = rekeyed({ who });
    expect(datagrams).toBeGreaterThanOrEqual(4);
    for (let nth = 0; nth < datagrams + 2; nth += 1) {
      for (const seed of [1, 2]) {
        const network: Network = (_, index) => (index === nth ? fate : [10]);
        const { traffic } = rekeyed({ who, seed, network });
        expect(traffic.losses, `datagram ${nth}, seed ${seed}`).toEqual([]);
      }
    }
  });
});
