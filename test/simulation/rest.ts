/** What must stand once there has been peace for long enough, and what must be gone once all is over. */
import { lockPolicies, policyKey } from "../../src/engine/policies.ts";
import type { PeerStatus, Status } from "../../src/engine/status.ts";
import { withTraps } from "../../src/engine/traps.ts";
import type { StandingSa } from "../../src/kernel/port.ts";
import type { DesiredState } from "../../src/sa/desired.ts";
import { larval, policies, standing } from "../unit/engine/pair.ts";
import type { End } from "../unit/engine/world.ts";

/** One end as it stands now. */
export interface Snapshot {
  readonly end: End;
  /** Its own address, and where the others find it. */
  readonly address: string;
  readonly publicAddress: string;
  readonly status: Status;
  readonly sas: readonly StandingSa[];
}

export function snapshot(end: End, publicAddress: string): Snapshot {
  return { end, address: end.address, publicAddress, status: end.engine.status(), sas: standing(end) };
}

export function peerIn({ status }: Snapshot, name: string): PeerStatus | undefined {
  return status.peers.find((peer) => peer.name === name);
}

/** What is wrong with one end's view of a peer in peace, at any moment; undefined where nothing is. */
export function downReason(peer: PeerStatus | undefined): string | undefined {
  if (peer === undefined) return "the peer is not configured";
  if (peer.state !== "up") return `the peer is ${peer.state} (${peer.reason?.code ?? "no reason"})`;
  if (peer.ikeSas.length === 0) return "there is no IKE SA";
  for (const child of peer.children) {
    if (child.state !== "up") return `${child.name} is ${child.state} (${child.reason?.code ?? "no reason"})`;
    if (child.policyFault !== undefined) return `${child.name} has a policy that the kernel refuses`;
    if (child.sas.length === 0) return `${child.name} has no SAs`;
  }
  return undefined;
}

/** The same for a peer with which nothing can come to stand: it has nothing, and says why. */
export function upReason(peer: PeerStatus | undefined, mayBeAnyone: boolean): string | undefined {
  if (peer === undefined) return "the peer is not configured";
  if (peer.state === "up" || peer.ikeSas.length > 0) return `the peer is ${peer.state}, and what speaks to it cannot`;
  if (peer.children.some(({ sas }) => sas.length > 0)) return "SAs stand that nobody can have agreed on";
  const isSilent = peer.reason === undefined && !(mayBeAnyone && peer.state === "waiting");
  return isSilent ? "it is not up, and does not say why" : undefined;
}

/**
 * What there is more or less than one of between two ends, by what it is: the IKE SA, or a line of the configuration. Empty
 * where all stands once, and is the same at both ends.
 */
export function surplus(one: Snapshot, other: Snapshot, names: readonly [string, string]): Map<string, string> {
  const found = new Map<string, string>();
  const sides = [
    { view: one, peer: peerIn(one, names[0]) },
    { view: other, peer: peerIn(other, names[1]) },
  ];
  const spis: [Map<string, string>, Map<string, string>] = [new Map(), new Map()];
  sides.forEach(({ view, peer }, side) => {
    const here = view.publicAddress;
    const ike = peer?.ikeSas.map((sa) => `${sa.initiatorSpi} ${sa.responderSpi}`) ?? [];
    if (ike.length !== 1) found.set("IKE SA", `${here} has ${ike.length} IKE SAs`);
    spis[side]?.set("IKE SA", ike.join());
    for (const { name, reqid, sas } of peer?.children ?? []) {
      const both = bothEndsName(name, side);
      const inKernel = view.sas.filter((sa) => sa.reqid === reqid).length;
      if (sas.length !== 1 || inKernel !== 2)
        found.set(both, `${here} has ${sas.length} pairs of ${name}, and ${inKernel} SAs of it in its kernel`);
      spis[side]?.set(
        both,
        sas.map(({ spiIn, spiOut }) => (side === 0 ? `${spiIn} ${spiOut}` : `${spiOut} ${spiIn}`)).join(),
      );
    }
  });
  for (const [what, here] of spis[0])
    if (!found.has(what) && spis[1].get(what) !== here) found.set(what, `the two ends have different SAs of ${what}`);
  return found;
}

/** SAs of an end that belong to none of its children. */
export function strays({ status, sas }: Snapshot): readonly StandingSa[] {
  const reqids = new Set(status.peers.flatMap(({ children }) => children.map(({ reqid }) => reqid)));
  return sas.filter(({ reqid }) => !reqids.has(reqid));
}

/** The two ends of a child call it by different names where it has a direction, or subnets. */
function bothEndsName(name: string, side: number): string {
  if (side === 0) return name;
  if (name.endsWith("/to")) return name.replace("/to", "/from");
  if (name.endsWith("/from")) return name.replace("/from", "/to");
  return name.replace(/^tunnel (.+) <-> ([^:]+?)( \w+)?$/, "tunnel $2 <-> $1$3");
}

/** What is wrong with an end's policies while all its children are up, but those of `strangers`. */
export function policyFault(end: End, desired: DesiredState, strangers: ReadonlySet<string>): string | undefined {
  return compare(end, desired, strangers);
}

/** What an end that has stopped leaves behind, and should not. */
export function leftBehind(end: End, desired: DesiredState): string | undefined {
  if (!end.stopped) return "the engine has not stopped";
  const sas = standing(end);
  if (sas.length > 0) return `${sas.length} SAs stand, first ${sas[0]?.spi.toString(16)}`;
  const reserved = larval(end);
  if (reserved > 0) return `${reserved} reserved SPIs stand`;
  const deadline = end.engine.nextDeadline();
  if (deadline !== undefined) return `a timer is armed for ${deadline} ms`;
  return compare(end, desired, new Set(desired.peers.map(({ name }) => name)));
}

/** `idle`: the names of the peers with which nothing stands. */
function compare(end: End, desired: DesiredState, idle: ReadonlySet<string>): string | undefined {
  const waiting = { ...desired, peers: desired.peers.filter(({ name }) => idle.has(name)) };
  const unprotected = new Map(
    withTraps(lockPolicies(waiting), waiting, () => 0).map((policy) => [policyKey(policy), policy.action.kind]),
  );
  const wanted = new Set(lockPolicies(desired).map(policyKey));
  for (const policy of policies(end)) {
    const key = policyKey(policy);
    const { kind } = policy.action;
    if (!wanted.delete(key)) return `a policy stands that nobody asks for: ${key}`;
    // What is negotiated on demand demands an SA that is not there, or is locked.
    const unused = unprotected.get(key);
    const isRight = unused === undefined ? kind === "protected" : kind === "locked" || kind === unused;
    if (!isRight) return `a policy is ${kind}: ${key}`;
  }
  const [missing] = wanted;
  return missing === undefined ? undefined : `a policy is missing: ${missing}`;
}
