/** Two ends with one peer each, and what the stories ask of them. */
import { expect } from "vitest";
import type { Address } from "../../../src/negotiate/address.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import { desired, type PeerOptions, peer } from "./desired.ts";
import { type End, type EndOptions, type Flow, type Network, World } from "./world.ts";

export const a = "192.0.2.1";
export const b = "192.0.2.2";
/** Whoever else there is. */
export const c = "192.0.2.3";

export interface Pair {
  readonly world: World;
  readonly one: End;
  readonly two: End;
}

export interface PairOptions {
  readonly one?: EndOptions;
  readonly two?: EndOptions;
  readonly network?: Network;
  readonly seed?: number;
}

export function ends(options: PairOptions = {}): Pair {
  const world = new World(options.network, options.seed);
  return { world, one: world.add(a, options.one), two: world.add(b, options.two) };
}

/** The configuration of an end with the other as its only peer. */
export function facing(local: Address, options: PeerOptions = {}): DesiredState {
  return desired([peer(local, local === a ? b : a, options)]);
}

/** Both ends configured at once, the guards set, time passed. */
export function connected(options: PeerOptions = {}, pairOptions: PairOptions = {}, wait = 15_000): Pair {
  const pair = ends(pairOptions);
  pair.one.configure(facing(a, options));
  pair.two.configure(facing(b, { ...mirrored(options), initiate: false }));
  pair.world.run(wait);
  return pair;
}

/** Tunnels seen from the other end. */
function mirrored(options: PeerOptions): PeerOptions {
  if (options.protect === undefined) return options;
  const protect = options.protect.map((line) =>
    line.kind === "tunnel" ? { ...line, local: line.remote, remote: line.local } : line,
  );
  return { ...options, protect };
}

export function gre({ one, two }: Pair): Flow[] {
  return [
    { from: one, to: two, packet: { source: a, destination: b, protocol: 47 } },
    { from: two, to: one, packet: { source: b, destination: a, protocol: 47 } },
  ];
}

/** VXLAN as it is sent: any source port, the fixed destination port; and its answers. */
export function vxlan({ one, two }: Pair, port = 4789): Flow[] {
  const udp = { protocol: 17, sourcePort: 51_234, destinationPort: port };
  return [
    { from: one, to: two, packet: { source: a, destination: b, ...udp } },
    { from: two, to: one, packet: { source: b, destination: a, ...udp } },
  ];
}

/** Hosts of 10.1.0.0/16 behind one, of 10.2.0.0/16 behind two. */
export function subnets({ one, two }: Pair): Flow[] {
  return [
    { from: one, to: two, packet: { source: "10.1.0.5", destination: "10.2.0.6", protocol: 6 } },
    { from: two, to: one, packet: { source: "10.2.0.6", destination: "10.1.0.5", protocol: 6 } },
  ];
}

/** One IKE SA, one pair of SAs for each child, in the status and in the kernel, and nothing besides. */
export function expectRest({ one, two }: Pair, children = 1): void {
  for (const end of [one, two]) {
    const status = end.peer();
    expect(status.state).toBe("up");
    expect(status.ikeSas).toHaveLength(1);
    expect(status.children.map((child) => [child.state, child.sas.length])).toEqual(
      Array.from({ length: children }, () => ["up", 1]),
    );
    expect(standing(end)).toHaveLength(children * 2);
    expect(larval(end)).toBe(0);
  }
  const spis = (end: End, which: "spiIn" | "spiOut") =>
    end.peer().children.flatMap((child) => child.sas.map((sa) => sa[which]));
  expect(spis(one, "spiIn").sort()).toEqual(spis(two, "spiOut").sort());
  expect(spis(one, "spiOut").sort()).toEqual(spis(two, "spiIn").sort());
}

/** The SAs that stand in an end's kernel. */
export function standing(end: End) {
  const answer = end.kernel.request({ kind: "listSas" });
  return answer.kind === "sas" ? answer.sas : [];
}

/** The policies that stand in an end's kernel. */
export function policies(end: End) {
  const answer = end.kernel.request({ kind: "listPolicies" });
  return answer.kind === "policies" ? answer.policies : [];
}

/** Reservations that nobody completed. */
export function larval(end: End): number {
  const complete = new Set(standing(end).map((sa) => sa.spi));
  return end.reserved.filter(
    (sa) => !complete.has(sa.spi) && end.kernel.request({ kind: "querySa", sa }).kind === "usage",
  ).length;
}

/** The codes of the reasons in an end's log, each once. */
export function reasons(end: End): string[] {
  return [...new Set(end.log.flatMap(({ reason }) => (reason === undefined ? [] : [reason.code])))];
}
