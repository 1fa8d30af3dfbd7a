/** Child SAs and IKE SAs are replaced without the loss of a packet, whoever begins, and whatever the network does to the messages. */
import { describe, expect, test } from "vitest";
import { decodeHeader } from "../../../src/wire/ikev2/header.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, connected, expectRest, gre, type Pair, reasons, subnets, vxlan } from "./pair.ts";
import { Traffic } from "./traffic.ts";
import type { End, Flow, Network } from "./world.ts";

type Who = "initiator" | "responder" | "both";
type What = "children" | "ike";

interface Story {
  /** What the end that opened the IKE SA rekeys, and what the other does, at the same instant. */
  readonly acts: readonly [What | undefined, What | undefined];
  readonly options?: PeerOptions;
  readonly flows?: (pair: Pair) => Flow[];
  readonly children?: number;
  readonly seed?: number;
  /** What becomes of the datagrams from the rekey on. */
  readonly network?: Network;
}

function by(who: Who, what: What): Story["acts"] {
  return [who === "responder" ? undefined : what, who === "initiator" ? undefined : what];
}

function spis(end: End): string[] {
  return end.peer().children.flatMap(({ sas }) => sas.map(({ spiIn }) => spiIn));
}

function ikeSpis(end: End): string[] {
  return end.peer().ikeSas.map(({ initiatorSpi, responderSpi }) => `${initiatorSpi} ${responderSpi}`);
}

/** Has a settled pair rekey under traffic; what stands after twelve seconds is one new one of each that was to be rekeyed. */
function rekeyed(story: Story): { readonly pair: Pair; readonly traffic: Traffic; readonly datagrams: number } {
  const { acts, options = {}, flows = gre, children = 1, seed = 0, network = () => [10] } = story;
  const pair = connected(options, { seed }, 3_000);
  const before = { children: spis(pair.one), ike: ikeSpis(pair.one) };
  pair.world.guarded.push(...flows(pair));
  // Packets take longer than datagrams, so that rekeys overtake them.
  const traffic = new Traffic(pair, flows(pair), pair.world.now + 6_000, (n) => 20 + (n % 7) * 10, 12);
  pair.world.run(100);
  let datagrams = 0;
  pair.world.network = (datagram) => network(datagram, datagrams++);
  for (const [i, what] of acts.entries()) {
    if (what !== undefined) (i === 0 ? pair.one : pair.two).handle({ kind: "rekey", peer: "peer", what });
  }
  pair.world.run(12_000);
  expectRest(pair, children);
  if (acts.includes("children")) expect(spis(pair.one).filter((spi) => before.children.includes(spi))).toEqual([]);
  else expect(spis(pair.one)).toEqual(before.children);
  if (acts.includes("ike")) expect(ikeSpis(pair.one)).not.toEqual(before.ike);
  else expect(ikeSpis(pair.one)).toEqual(before.ike);
  expect(ikeSpis(pair.two)).toEqual(ikeSpis(pair.one));
  expect(traffic.sent).toBeGreaterThanOrEqual(1_000);
  return { pair, traffic, datagrams };
}

const usual = new Set(["replaced", "peer-deleted"]);

const fates: [string, readonly number[]][] = [
  ["lost", []],
  ["repeated", [10, 15]],
  ["late by less than a repetition", [700]],
  ["late by more than a repetition", [2_500]],
  ["late and repeated", [10, 1_200]],
];

/** Each datagram of the story suffers the fate, in a world of its own. */
function suffering(acts: Story["acts"], fate: readonly number[], seeds: readonly number[]): void {
  const { datagrams } = rekeyed({ acts });
  expect(datagrams).toBeGreaterThanOrEqual(4);
  for (let nth = 0; nth < datagrams + 2; nth += 1) {
    for (const seed of seeds) {
      const network: Network = (_, index) => (index === nth ? fate : [10]);
      const story = `datagram ${nth}, seed ${seed}`;
      try {
        expect(rekeyed({ acts, seed, network }).traffic.losses).toEqual([]);
      } catch (error) {
        throw new Error(story, { cause: error });
      }
    }
  }
}

describe.each<Who>(["initiator", "responder", "both"])("Child SAs rekeyed by %s", (who) => {
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
    const { traffic, pair } = rekeyed({ acts: by(who, "children"), options, flows, children });
    expect(traffic.losses).toEqual([]);
    expect(reasons(pair.one).filter((code) => !usual.has(code))).toEqual([]);
  });

  test("in every order of the nonces: nothing is lost", () => {
    for (let seed = 1; seed <= 24; seed += 1)
      expect(rekeyed({ acts: by(who, "children"), seed }).traffic.losses, `seed ${seed}`).toEqual([]);
  });

  test.each(fates)("each datagram %s: nothing is lost", (_, fate) => {
    suffering(by(who, "children"), fate, [1, 2]);
  });
});

describe.each<Who>(["initiator", "responder", "both"])("the IKE SA rekeyed by %s", (who) => {
  test.each<[string, PeerOptions]>([
    ["with its method", {}],
    ["with a choice of methods", { ike: ["aes128gcm16-prfsha256-x25519-ecp256"] }],
    ["with ciphers that want random IVs", { ike: ["aes256-sha256-prfsha256-x25519"] }],
  ])("%s: the Child SAs go over, and nothing is lost", (_, options) => {
    const { traffic, pair } = rekeyed({ acts: by(who, "ike"), options });
    expect(traffic.losses).toEqual([]);
    expect(reasons(pair.one).filter((code) => !usual.has(code))).toEqual([]);
  });

  test("in every order of the nonces: one remains", () => {
    for (let seed = 1; seed <= 16; seed += 1)
      expect(rekeyed({ acts: by(who, "ike"), seed }).traffic.losses, `seed ${seed}`).toEqual([]);
  });

  test.each(fates)("each datagram %s: nothing is lost", (_, fate) => {
    suffering(by(who, "ike"), fate, [1, 2]);
  });
});

test.each<Who>(["initiator", "responder"])(
  "responses that take five seconds, Child SAs rekeyed by %s: nothing is lost",
  (who) => {
    const other = who === "initiator" ? b : a;
    let late = 4;
    const network: Network = ({ path }) => (path.local.address === other && late-- > 0 ? [5_000] : [10]);
    expect(rekeyed({ acts: by(who, "children"), network }).traffic.losses).toEqual([]);
  },
);

test("a pair that the peer does not know yet is not rekeyed: its rekey waits for the sign that the pair is known", () => {
  const pair = connected({}, {}, 3_000);
  const { world, one, two } = pair;
  let late = 1;
  world.network = ({ path }) => (path.local.address === b && late-- > 0 ? [900] : [10]);
  const traffic = new Traffic(pair, gre(pair), world.now + 6_000, () => 20, 12);
  one.handle({ kind: "rekey", peer: "peer", what: "children" });
  world.run(100);
  two.handle({ kind: "rekey", peer: "peer", what: "children" });
  world.run(12_000);
  expect(traffic.losses).toEqual([]);
  expect(reasons(two).filter((code) => !usual.has(code))).toEqual([]);
  expectRest(pair);
});

test("an IKE SA is not replaced again before the peer has deleted what it replaced: tried again later", () => {
  const pair = connected({}, {}, 3_000);
  const { world, one, two } = pair;
  const told = () => one.log.filter(({ event }) => event === "rekey-failed").map(({ reason }) => reason);
  const [first] = ikeSpis(one);
  let lost = 0;
  // The first DELETE of the old one is lost.
  world.network = ({ octets }) => {
    const { exchangeType: type, initiatorSpi } = decodeHeader(octets);
    const isFarewell =
      type === exchangeType.INFORMATIONAL && first?.startsWith(initiatorSpi.toString(16).padStart(16, "0"));
    return isFarewell === true && lost++ === 0 ? [] : [10];
  };
  one.handle({ kind: "rekey", peer: "peer", what: "ike" });
  world.run(100);
  const second = ikeSpis(one);
  one.handle({ kind: "rekey", peer: "peer", what: "ike" });
  world.run(100);
  expect(told()).toEqual([{ code: "peer-error", exchange: "CREATE_CHILD_SA", notify: "TEMPORARY_FAILURE" }]);
  expect(ikeSpis(one)).toEqual(second);
  world.run(10_000);
  expect(ikeSpis(one)).not.toEqual(second);
  expect(ikeSpis(two)).toEqual(ikeSpis(one));
  expectRest(pair);
});

describe.each<[string, Story["acts"]]>([
  ["the IKE SA by the initiator, Child SAs by the responder", ["ike", "children"]],
  ["Child SAs by the initiator, the IKE SA by the responder", ["children", "ike"]],
])("%s", (_, acts) => {
  test.each(fates)("each datagram %s: nothing is lost", (_, fate) => {
    suffering(acts, fate, [1]);
  });
});

test.each([1, 4])(
  "with a window of %i a request goes out when what the response before it brought stands, however slow the worker",
  (window) => {
    const options = {
      protect: [{ kind: "gre" }, { kind: "vxlan" }],
      esp: ["aes128gcm16-x25519"],
      messages: { window, fragmentSize: 1_280 },
    } satisfies PeerOptions;
    const pair = connected(options, { one: { computeDelay: 60 } }, 5_000);
    const flows = [...gre(pair), ...vxlan(pair)];
    const traffic = new Traffic(pair, flows, pair.world.now + 4_000, () => 10, 7);
    pair.world.run(100);
    pair.one.handle({ kind: "rekey", peer: "peer", what: "children" });
    pair.world.run(15_000);
    expect(traffic.losses).toEqual([]);
    expectRest(pair, 3);
  },
);
