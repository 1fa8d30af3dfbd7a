// Transform sets as routers have them, which IKEv1 alone can carry: AH around ESP, IPComp inside, each by itself and all at once.
import { describe, expect, test } from "vitest";
import type { KernelRequest } from "../../../src/kernel/port.ts";
import { type ProtectLine, subnetPairs } from "../../../src/overlay/expand.ts";
import type { PeerOptions } from "./desired.ts";
import {
  a,
  b,
  connected,
  ends,
  expectRest,
  facing,
  gre,
  type Pair,
  policies,
  reasons,
  standing,
  subnets,
} from "./pair.ts";
import { carry, type End, type Flow } from "./world.ts";

const router: PeerOptions = { ikev1: "main", ike: ["aes128-sha256-ecp256"], esp: ["aes128-sha256"] };
const west = { address: "10.1.0.0", length: 16 };
const east = { address: "10.2.0.0", length: 16 };
const line = (local: typeof west, remote: typeof west): ProtectLine => ({ kind: "tunnel", local, remote });

/** Two ends of a line in that mode; each has an address in its subnet, as a router does. */
function pairOf(mode: "transport" | "tunnel", one: PeerOptions, two: PeerOptions = one): Pair {
  const protect = mode === "tunnel" ? { one: [line(west, east)], two: [line(east, west)] } : undefined;
  const pair = ends({ one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } });
  pair.one.configure(facing(a, { ...router, ...one, ...(protect && { protect: protect.one }) }));
  pair.two.configure(facing(b, { ...router, ...two, initiate: false, ...(protect && { protect: protect.two }) }));
  pair.world.guarded.push(...flowsOf(pair, mode));
  return pair;
}

function flowsOf(pair: Pair, mode: "transport" | "tunnel"): Flow[] {
  const flows = mode === "tunnel" ? subnets(pair) : gre(pair);
  return flows.flatMap((flow) => [60, 1400].map((length) => ({ ...flow, packet: { ...flow.packet, length } })));
}

/** What stands at an end, each SA as its protocols from the outside in. */
function kinds(end: End): string[] {
  return standing(end)
    .map(({ protocol, cpi, ahSpi }) => [ahSpi && "ah", protocol, cpi && "ipcomp"].filter(Boolean).join(" "))
    .sort();
}

/** What the policies demand, in the same words. */
function demanded(end: End): string[] {
  return [
    ...new Set(
      policies(end).map(({ action }) => {
        if (action.kind !== "protected") return action.kind;
        const { withAh, protocol, compressed } = action.template;
        return [withAh && "ah", protocol, compressed && "ipcomp"].filter(Boolean).join(" ");
      }),
    ),
  ];
}

const sets: readonly [string, PeerOptions, string][] = [
  ["AH alone", { ah: ["sha256"] }, "ah"],
  ["ESP alone", { esp: ["aes256gcm16"] }, "esp"],
  ["ESP with its own authentication", {}, "esp"],
  ["AH and ESP", { around: ["sha384"] }, "ah esp"],
  ["AH and ESP with perfect forward secrecy", { esp: ["aes128-sha256-ecp256"], around: ["sha256"] }, "ah esp"],
  ["AH and ESP that encrypts alone", { esp: ["aes256"], around: ["sha256"] }, "ah esp"],
  ["AH and ESP with extended numbers", { esp: ["aes128-sha256-esn"], around: ["sha256"] }, "ah esp"],
  ["IPComp in ESP", { compress: true }, "esp ipcomp"],
  ["IPComp in AH", { ah: ["sha256"], compress: true }, "ah ipcomp"],
  ["IPComp in ESP in AH", { around: ["sha256"], compress: true }, "ah esp ipcomp"],
];

describe("transform sets", () => {
  for (const mode of ["transport", "tunnel"] as const) {
    test.each(sets)(`in ${mode} mode: %s`, (_, options, kind) => {
      const pair = pairOf(mode, options);
      for (const flow of flowsOf(pair, mode)) expect(carry(flow)).toBe("out: XfrmOutPolBlock");
      pair.world.run(5_000);
      expectRest(pair);
      for (const end of [pair.one, pair.two]) {
        expect(kinds(end)).toEqual([kind, kind]);
        expect(demanded(end)).toEqual([kind]);
      }
      for (const flow of flowsOf(pair, mode)) expect(carry(flow)).toBe("protected, delivered");
      pair.one.handle({ kind: "down", peer: "peer" });
      pair.world.run(10_000);
      for (const end of [pair.one, pair.two]) {
        expect(standing(end)).toEqual([]);
        expect(demanded(end)).toEqual(["locked"]);
      }
    });
  }

  test("keys differ by protocol and by direction", () => {
    const pair = connected({ ...router, esp: ["aes128-sha256"], around: ["sha256"] });
    const installed = pair.one.kernel.journal.flatMap((request) => (request.kind === "installSa" ? [request.sa] : []));
    expect(installed).toHaveLength(2);
    const spis = installed.flatMap(({ spi, ahSpi }) => [spi, ahSpi]);
    expect(new Set(spis).size).toBe(4);
    // The request's own keys are wiped; those that the kernel took open what the other end sealed, and nothing else does.
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    for (const sa of installed) {
      expect(sa.ah?.key.every((octet) => octet === 0)).toBe(true);
      expect(sa.encr?.key.every((octet) => octet === 0)).toBe(true);
    }
  });

  test("several algorithms at both ends: the responder's first that both have, of each protocol", () => {
    const ours: PeerOptions = { esp: ["aes128-aes256-sha256-sha512"], around: ["sha256-sha512"] };
    const theirs: PeerOptions = { esp: ["aes256-sha512-sha256"], around: ["sha384-sha512"] };
    const pair = pairOf("transport", ours, theirs);
    pair.world.run(5_000);
    expectRest(pair);
    const proposals = [pair.one, pair.two].map((end) => end.peer()?.children[0]?.sas[0]?.proposal);
    expect(proposals).toEqual(["aes256-sha512 with ah sha512", "aes256-sha512 with ah sha512"]);
  });

  test.each<[string, PeerOptions, PeerOptions]>([
    ["AH and ESP against ESP", { around: ["sha256"] }, {}],
    ["ESP against AH and ESP", {}, { around: ["sha256"] }],
    ["AH and ESP against AH", { around: ["sha256"] }, { ah: ["sha256"] }],
    ["AH against AH and ESP", { ah: ["sha256"] }, { around: ["sha256"] }],
  ])("%s: neither is taken for the other, and both ends say so", (_, ours, theirs) => {
    const pair = pairOf("transport", ours, theirs);
    pair.world.run(5_000);
    for (const end of [pair.one, pair.two]) expect(standing(end)).toEqual([]);
    expect(reasons(pair.one)).toContain("peer-refused-proposal");
    const refusal = pair.two.log.find(({ reason }) => reason?.code === "no-common-proposal")?.reason;
    expect(refusal).toMatchObject({ difference: { transformType: "protocol" } });
  });

  test("another algorithm in AH: no common proposal, with both lists", () => {
    const pair = pairOf("transport", { around: ["sha256"] }, { around: ["sha512"] });
    pair.world.run(5_000);
    const refusal = pair.two.log.find(({ reason }) => reason?.code === "no-common-proposal")?.reason;
    expect(refusal).toMatchObject({
      ours: ["aes128-sha256 with ah sha512"],
      theirs: [expect.stringMatching(/AH_SHA2_256.* and .*ESP_AES/)],
    });
  });

  test.each([
    ["the initiator", { compress: true }, {}],
    ["the responder", {}, { compress: true }],
  ] as const)("IPComp is left out where only %s wants it", (_, ours, theirs) => {
    for (const around of [undefined, ["sha256"]]) {
      const more = around === undefined ? {} : { around };
      const pair = pairOf("tunnel", { ...ours, ...more }, { ...theirs, ...more });
      pair.world.run(5_000);
      expectRest(pair);
      const kind = around === undefined ? "esp" : "ah esp";
      for (const end of [pair.one, pair.two]) expect(kinds(end)).toEqual([kind, kind]);
      for (const flow of flowsOf(pair, "tunnel")) expect(carry(flow)).toBe("protected, delivered");
    }
  });

  test("are replaced whole, in time, and nothing is lost meanwhile", () => {
    const all: PeerOptions = { around: ["sha256"], compress: true, soft: { seconds: 60 } };
    const pair = pairOf("tunnel", all);
    pair.world.run(5_000);
    const before = standing(pair.one);
    for (let second = 0; second < 90; second += 1) {
      pair.world.run(1_000);
      for (const flow of flowsOf(pair, "tunnel")) expect(carry(flow)).toBe("protected, delivered");
    }
    expectRest(pair);
    for (const end of [pair.one, pair.two]) expect(kinds(end)).toEqual(["ah esp ipcomp", "ah esp ipcomp"]);
    for (const { spi, ahSpi, cpi } of standing(pair.one)) {
      expect(before.map((sa) => sa.spi)).not.toContain(spi);
      expect(before.map((sa) => sa.ahSpi)).not.toContain(ahSpi);
      expect(before.map((sa) => sa.cpi)).not.toContain(cpi);
    }
    const deletions = pair.one.kernel.journal.filter(({ kind }) => kind === "deleteSa") as { sa: object }[];
    expect(deletions.length).toBeGreaterThan(0);
    for (const { sa } of deletions) expect(sa).toMatchObject({ ahSpi: expect.any(Number), cpi: expect.any(Number) });
  });

  test("that crash with their daemon are adopted, carry on, and go whole once new ones stand", () => {
    const pair = pairOf("transport", { around: ["sha256"] });
    pair.world.run(5_000);
    const before = standing(pair.one).map(({ ahSpi }) => ahSpi);
    pair.one.crash();
    for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    pair.one.configure(facing(a, { ...router, around: ["sha256"] }));
    for (let step = 0; step < 60; step += 1) {
      pair.world.run(500);
      for (const flow of gre(pair)) expect(carry(flow)).toBe("protected, delivered");
    }
    expectRest(pair);
    for (const { ahSpi } of standing(pair.one)) expect(before).not.toContain(ahSpi);
  });

  test("one of which vanishes from the kernel is noticed, and all is made anew", () => {
    const pair = pairOf("transport", { around: ["sha256"] });
    pair.world.run(5_000);
    const before = standing(pair.one).map(({ ahSpi }) => ahSpi);
    const { kernel } = pair.one;
    const request = kernel.request.bind(kernel);
    let lists = 0;
    kernel.request = (asked: KernelRequest) => {
      const answer = request(asked);
      if (answer.kind !== "sas" || lists++ > 0) return answer;
      return { ...answer, sas: answer.sas.map(({ ahSpi: _, ...sa }) => sa) };
    };
    pair.one.handle({ kind: "kernel", event: { kind: "overrun" } });
    pair.world.run(15_000);
    expectRest(pair);
    for (const { ahSpi } of standing(pair.one)) expect(before).not.toContain(ahSpi);
  });

  test("whose policy somebody makes demand less are demanded whole again", () => {
    const pair = pairOf("transport", { around: ["sha256"] });
    pair.world.run(5_000);
    for (const policy of policies(pair.one)) {
      if (policy.action.kind !== "protected") throw new Error("not protected");
      const { withAh: _, ...template } = policy.action.template;
      pair.one.kernel.request({ kind: "setPolicy", policy: { ...policy, action: { kind: "protected", template } } });
    }
    expect(demanded(pair.one)).toEqual(["esp"]);
    pair.one.handle({ kind: "kernel", event: { kind: "overrun" } });
    pair.world.run(2_000);
    expect(demanded(pair.one)).toEqual(["ah esp"]);
  });

  test("whose AH ends in the kernel go whole", () => {
    const pair = pairOf("transport", { around: ["sha256"] });
    pair.world.run(5_000);
    const [inbound] = standing(pair.one).filter(({ destination }) => destination === a);
    if (inbound?.ahSpi === undefined) throw new Error("no AH");
    const { reqid, destination, ahSpi } = inbound;
    const sa = { protocol: "ah", spi: ahSpi, destination } as const;
    pair.one.handle({ kind: "kernel", event: { kind: "expire", sa, hard: true, reqid } });
    pair.world.run(15_000);
    expectRest(pair);
    for (const one of standing(pair.one)) expect(one.ahSpi).not.toBe(ahSpi);
  });

  test("on demand: the first packet raises them, and nothing leaves before", () => {
    const pair = ends();
    const around = ["sha256"];
    const trapped = facing(a, { ...router, around });
    const peers = trapped.peers.map((peer) => ({
      ...peer,
      children: peer.children.map((child) => ({ ...child, onDemand: { idle: 0 } })),
    }));
    pair.one.configure({ ...trapped, peers });
    pair.two.configure(facing(b, { ...router, around, initiate: false }));
    pair.world.guarded.push(...gre(pair));
    pair.world.run(1_000);
    expect(demanded(pair.one)).toEqual(["ah esp"]);
    const [flow] = gre(pair);
    if (flow === undefined) throw new Error("no flow");
    expect(carry(flow)).toBe("out: XfrmOutNoStates");
    pair.world.run(5_000);
    expect(kinds(pair.one)).toEqual(["ah esp", "ah esp"]);
    for (const each of gre(pair)) expect(carry(each)).toBe("protected, delivered");
  });

  test("for lists of subnets: an SA for each pair, none of which takes another's place", () => {
    const all = (local: readonly (typeof west)[], remote: readonly (typeof west)[]): PeerOptions => {
      const [mine = west, ...moreLocal] = local;
      const [theirs = west, ...moreRemote] = remote;
      return { protect: subnetPairs({ kind: "tunnel", local: mine, remote: theirs, moreLocal, moreRemote }) };
    };
    const [left, right] = [
      [west, { ...west, address: "10.3.0.0" }],
      [east, { ...east, address: "10.4.0.0" }],
    ] as const;
    const pair = ends({ one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } });
    const options: PeerOptions = { ...router, soft: { seconds: 100 } };
    pair.one.configure(facing(a, { ...options, ...all(left, right) }));
    pair.two.configure(facing(b, { ...options, ...all(right, left), initiate: false }));
    const flows = [1, 3].flatMap((w) =>
      [2, 4].flatMap((e): Flow[] => {
        const [source, destination] = [`10.${w}.0.5`, `10.${e}.0.6`];
        return [
          { from: pair.one, to: pair.two, packet: { source, destination, protocol: 6 } },
          { from: pair.two, to: pair.one, packet: { source: destination, destination: source, protocol: 6 } },
        ];
      }),
    );
    pair.world.guarded.push(...flows);
    pair.world.run(5_000);
    for (let second = 0; second < 140; second += 5) {
      for (const flow of flows) expect(carry(flow)).toBe("protected, delivered");
      pair.world.run(5_000);
    }
    expectRest(pair, 4);
    expect(pair.one.peer().children.map(({ sas }) => sas.length)).toEqual([1, 1, 1, 1]);
  });

  test("behind a NAT: AH cannot pass it, around ESP neither", () => {
    const pair = pairOf("transport", { around: ["sha256"], nat: { keepalive: 20_000, force: true } });
    pair.world.run(5_000);
    expect(standing(pair.one)).toEqual([]);
    expect([...reasons(pair.one), ...reasons(pair.two)]).toContain("nat-forbids-ah");
  });
});
