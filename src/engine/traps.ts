/**
 * Children that are negotiated on demand: while no SA stands, their policies are not locked but demand an SA that is not
 * there. Nothing passes either way, and the first packet on its way out raises an acquire.
 */
import type { KernelRequest, Policy } from "../kernel/port.ts";
import { type Address, familyOf } from "../negotiate/address.ts";
import type { ChildDesired, DesiredState, PeerDesired } from "../sa/desired.ts";
import { childLockPolicies, policyKey } from "./policies.ts";

/** Whether the child waits for a packet: it can be called for, and the file says so. */
export function isOnDemand(peer: PeerDesired, child: ChildDesired): boolean {
  return child.onDemand !== undefined && peer.initiate && outerEnds(peer) !== undefined;
}

/** The same policies, those of children on demand in the state that raises acquires. */
export function withTraps(
  locks: readonly Policy[],
  desired: DesiredState,
  reqidOf: (peer: PeerDesired, child: ChildDesired) => number,
): Policy[] {
  const traps = new Map<string, Policy>();
  for (const peer of desired.peers) {
    for (const child of peer.children) {
      for (const policy of trapPolicies(peer, child, reqidOf(peer, child))) traps.set(policyKey(policy), policy);
    }
  }
  return traps.size === 0 ? [...locks] : locks.map((policy) => traps.get(policyKey(policy)) ?? policy);
}

/** The policies of one child while it waits; none where it is not on demand. */
export function trapPolicies(peer: PeerDesired, child: ChildDesired, reqid: number): Policy[] {
  const ends = outerEnds(peer);
  if (ends === undefined || !isOnDemand(peer, child)) return [];
  return childLockPolicies(peer, child).map((policy): Policy => {
    const { selector, direction } = policy;
    const [source, destination] = direction === "out" ? [ends.local, ends.remote] : [ends.remote, ends.local];
    const { protocol, mode } = child;
    const around = child.ah === undefined ? {} : { withAh: true as const };
    const outer =
      mode === "tunnel"
        ? { source, destination }
        : { source: selector.source.address, destination: selector.destination.address };
    return { ...policy, action: { kind: "protected", template: { protocol, mode, reqid, ...around, ...outer } } };
  });
}

/** The requests after which the next packet of the child raises an acquire, whatever became of an earlier one. */
export function acquireClearances(peer: PeerDesired, child: ChildDesired, reqid: number): KernelRequest[] {
  const requests = new Map<string, KernelRequest>();
  for (const { direction, action } of trapPolicies(peer, child, reqid)) {
    if (direction !== "out" || action.kind !== "protected") continue;
    const { protocol, mode, source, destination } = action.template;
    requests.set(`${source} ${destination}`, { kind: "clearAcquire", protocol, mode, source, destination, reqid });
  }
  return [...requests.values()];
}

/** The addresses that a call uses first; undefined where the peer cannot be called. */
function outerEnds({ local, remote }: PeerDesired): { readonly local: Address; readonly remote: Address } | undefined {
  if (local === undefined || remote === "any") return undefined;
  const first = remote.find((address) => familyOf(address) === familyOf(local));
  return first === undefined ? undefined : { local, remote: first };
}
