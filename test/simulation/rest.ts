/** What must stand once there has been peace for long enough, and what must be gone once all is over. */
import { lockPolicies, policyKey } from "../../src/engine/policies.ts";
import type { PeerStatus, Status } from "../../src/engine/status.ts";
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

/** What there is more than one of between two ends, or what only one of them has; undefined where all stands once. */
export function surplus(one: Snapshot, other: Snapshot, names: readonly [string, string]): string | undefined {
  const sides = [
    { here: one, there: other, peer: peerIn(one, names[0]) },
    { here: other, there: one, peer: peerIn(other, names[1]) },
  ];
  for (const { here, there, peer } of sides) {
    if (peer === undefined) return `${here.end.address} has no such peer`;
    if (peer.ikeSas.length !== 1) return `${here.end.address} has ${peer.ikeSas.length} IKE SAs`;
    for (const { name, sas } of peer.children)
      if (sas.length !== 1) return `${here.end.address} has ${sas.length} pairs of ${name}`;
    const between = here.sas.filter(
      (sa) =>
        (sa.source === here.address && sa.destination === there.publicAddress) ||
        (sa.source === there.publicAddress && sa.destination === here.address),
    );
    if (between.length !== peer.children.length * 2)
      return `${here.end.address} has ${between.length} SAs in its kernel for ${peer.children.length} children`;
  }
  const spis = (at: number, which: "spiIn" | "spiOut") =>
    (sides[at]?.peer?.children ?? [])
      .flatMap(({ sas }) => sas.map((sa) => sa[which]))
      .sort()
      .join();
  if (spis(0, "spiIn") !== spis(1, "spiOut") || spis(0, "spiOut") !== spis(1, "spiIn"))
    return "the two ends have different SAs";
  const ike = (at: number) => sides[at]?.peer?.ikeSas.map((sa) => `${sa.initiatorSpi} ${sa.responderSpi}`).join();
  return ike(0) === ike(1) ? undefined : "the two ends have different IKE SAs";
}

/** What is wrong with an end's policies while all its children are up. */
export function policyFault(end: End, desired: DesiredState): string | undefined {
  return compare(end, desired, "protected");
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
  return compare(end, desired, "locked");
}

function compare(end: End, desired: DesiredState, action: "locked" | "protected"): string | undefined {
  const wanted = new Set(lockPolicies(desired).map(policyKey));
  for (const policy of policies(end)) {
    const key = policyKey(policy);
    if (!wanted.delete(key)) return `a policy stands that nobody asks for: ${key}`;
    if (policy.action.kind !== action) return `a policy is ${policy.action.kind}: ${key}`;
  }
  const [missing] = wanted;
  return missing === undefined ? undefined : `a policy is missing: ${missing}`;
}
