import { describe, expect, test } from "vitest";
import type { DesiredState } from "../../../src/sa/desired.ts";
import type { PeerOptions } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, type Pair, policies, standing, subnets } from "./pair.ts";
import { carry, type End, type Flow } from "./world.ts";

const west = { address: "10.1.0.0", length: 16 };
const east = { address: "10.2.0.0", length: 16 };
const tunnels = {
  one: { protect: [{ kind: "tunnel", local: west, remote: east }] },
  two: { protect: [{ kind: "tunnel", local: east, remote: west }] },
} as const satisfies Readonly<Record<string, PeerOptions>>;

function compressing(state: DesiredState, yes = true): DesiredState {
  const children = (peer: DesiredState["peers"][number]) =>
    peer.children.map((child) => (yes ? { ...child, compress: true as const } : child));
  return { ...state, peers: state.peers.map((peer) => ({ ...peer, children: children(peer) })) };
}

function pairOf(one: PeerOptions, two: PeerOptions, wants: { one: boolean; two: boolean }): Pair {
  const pair = ends({ one: { addresses: ["10.1.0.1"] }, two: { addresses: ["10.2.0.1"] } });
  pair.one.configure(compressing(facing(a, one), wants.one));
  pair.two.configure(compressing(facing(b, { ...two, initiate: false }), wants.two));
  return pair;
}

const cpis = (end: End) => standing(end).map(({ cpi }) => cpi);
const compressed = (end: End) =>
  policies(end).map(({ action }) => action.kind === "protected" && action.template.compressed === true);

function everySize(flows: readonly Flow[]): Flow[] {
  return flows.flatMap((flow) => [60, 1400].map((length) => ({ ...flow, packet: { ...flow.packet, length } })));
}

describe("compression", () => {
  for (const mode of ["transport", "tunnel"] as const) {
    const flowsOf = mode === "tunnel" ? subnets : gre;
    const [one, two] = mode === "tunnel" ? [tunnels.one, tunnels.two] : [{}, {}];

    test(`is agreed on where both want it, in ${mode} mode, and goes with its Child SA`, () => {
      const pair = pairOf(one, two, { one: true, two: true });
      pair.world.guarded.push(...flowsOf(pair));
      pair.world.run(5_000);
      expectRest(pair);
      for (const end of [pair.one, pair.two]) {
        expect(cpis(end)).toEqual([expect.any(Number), expect.any(Number)]);
        expect(compressed(end)).not.toContain(false);
      }
      for (const flow of everySize(flowsOf(pair))) expect(carry(flow)).toBe("protected, delivered");
      pair.one.handle({ kind: "down", peer: "peer" });
      pair.world.run(10_000);
      for (const end of [pair.one, pair.two]) expect(standing(end)).toEqual([]);
      const kinds = pair.one.kernel.journal.filter(({ kind }) => kind === "deleteSa");
      expect(kinds.map((request) => "sa" in request && "cpi" in request.sa)).not.toContain(false);
    });

    test.each([
      ["the initiator", true, false],
      ["the responder", false, true],
    ] as const)(`is left out where only %s wants it, in ${mode} mode`, (_, first, second) => {
      const pair = pairOf(one, two, { one: first, two: second });
      pair.world.guarded.push(...flowsOf(pair));
      pair.world.run(5_000);
      expectRest(pair);
      for (const end of [pair.one, pair.two]) {
        expect(cpis(end)).toEqual([undefined, undefined]);
        expect(compressed(end)).not.toContain(true);
      }
      for (const flow of everySize(flowsOf(pair))) expect(carry(flow)).toBe("protected, delivered");
    });
  }

  test("is agreed on anew at every rekey", () => {
    const soft = { seconds: 60 };
    const pair = ends();
    const rekeyed = (state: DesiredState): DesiredState => ({
      ...state,
      peers: state.peers.map((peer) => ({ ...peer, children: peer.children.map((child) => ({ ...child, soft })) })),
    });
    pair.one.configure(rekeyed(compressing(facing(a))));
    pair.two.configure(compressing(facing(b, { initiate: false })));
    pair.world.run(5_000);
    const before = cpis(pair.one);
    pair.world.run(80_000);
    expectRest(pair);
    for (const cpi of cpis(pair.one)) expect(before).not.toContain(cpi);
    for (const flow of everySize(gre(pair))) expect(carry(flow)).toBe("protected, delivered");
  });

  test("that is lost from the kernel alone is noticed, and the Child SA made anew", () => {
    const pair = pairOf({}, {}, { one: true, two: true });
    pair.world.run(5_000);
    const before = cpis(pair.one);
    const { kernel } = pair.one;
    const request = kernel.request.bind(kernel);
    let lists = 0;
    kernel.request = (asked) => {
      const answer = request(asked);
      if (answer.kind !== "sas" || lists++ > 0) return answer;
      return { ...answer, sas: answer.sas.map(({ cpi: _, ...sa }) => sa) };
    };
    pair.one.handle({ kind: "kernel", event: { kind: "overrun" } });
    pair.world.run(10_000);
    expectRest(pair);
    for (const cpi of cpis(pair.one)) expect(before).not.toContain(cpi);
  });

  test("whose CPI the kernel refuses leaves nothing behind and everything locked", () => {
    const pair = pairOf({}, {}, { one: true, two: true });
    pair.world.guarded.push(...gre(pair));
    pair.one.kernel.failNext("installSa", "EPROTONOSUPPORT");
    pair.world.run(400);
    expect(standing(pair.one)).toEqual([]);
    pair.world.run(20_000);
    expectRest(pair);
  });
});
