/** The policies that the desired state asks for, from which fail-closed follows (invariant 2). Pure. */
import type { Policy, PolicyDirection } from "../kernel/port.ts";
import { type Address, anyPrefix, type Family, familyOf, hostPrefix, type Prefix } from "../negotiate/address.ts";
import { formatSelector, ipProtocol, reverseSelector, type Selector } from "../negotiate/selector.ts";
import {
  type ChildDesired,
  type DesiredState,
  type LockDesired,
  type LockedPeerDesired,
  lockFamilies,
  type SelectorEnd,
} from "../sa/desired.ts";
import { exemptPriority, policyPriority } from "./policy-priority.ts";

/** Neighbour and router discovery (RFC 4861): types 133 to 137. */
const discoveryTypes = [133, 134, 135, 136, 137] as const;

/** What names a policy: one selector and one direction. */
export function policyKey(policy: Pick<Policy, "selector" | "direction">): string {
  return `${policy.direction} ${formatSelector(policy.selector)}`;
}

/**
 * Every policy of the desired state in its locked state, each selector and direction once: peers' children, locks
 * towards everybody, and where an any-protocol IPv6 selector would kill it, neighbour discovery in clear.
 */
export function lockPolicies(desired: DesiredState): Policy[] {
  const policies = new Map<string, Policy>();
  const add = (policy: Policy): void => {
    policies.set(policyKey(policy), policy);
  };
  for (const peer of [...desired.peers, ...(desired.locked ?? [])]) {
    for (const child of peer.children) for (const policy of childLockPolicies(peer, child)) add(policy);
  }
  for (const lock of desired.local.locks) for (const policy of overlayLockPolicies(lock)) add(policy);
  if ([...policies.values()].some(catchesDiscovery)) for (const policy of discoveryPolicies()) add(policy);
  return [...policies.values()];
}

/** The policies of a lock towards everybody, for both families. */
export function overlayLockPolicies(lock: LockDesired): Policy[] {
  return lockFamilies.flatMap((family) => {
    const selector: Selector = {
      source: anyPrefix(family),
      destination: anyPrefix(family),
      protocol: lock.protocol,
      destinationPort: lock.port,
    };
    return [locked(selector, "out"), locked(selector, "in")];
  });
}

/** The policies of one child while it is down, for every address its peer may have. */
export function childLockPolicies(peer: LockedPeerDesired, child: ChildDesired): Policy[] {
  return childSelectors(peer, child).flatMap((selector) => lockedPair(selector, child.mode === "tunnel"));
}

/** The outbound selectors of a child, for every address its peer may have. */
export function childSelectors(peer: LockedPeerDesired, child: ChildDesired): Selector[] {
  const selectors: Selector[] = [];
  for (const family of lockFamilies) {
    const remotes = endPrefixes(child.remote, peer.remote, family);
    const locals = endPrefixes(
      child.local,
      peer.local === undefined ? "any" : [peer.local, ...(peer.otherLocals ?? [])],
      family,
    );
    for (const source of locals) {
      for (const destination of remotes) {
        selectors.push({
          source,
          destination,
          protocol: child.local.protocol,
          sourcePort: child.local.port,
          destinationPort: child.remote.port,
        });
      }
    }
  }
  return selectors;
}

/** Both directions of an outbound selector, locked; for tunnels `forward` too. */
export function lockedPair(outbound: Selector, forward: boolean): Policy[] {
  const inbound = reverseSelector(outbound);
  const policies = [locked(outbound, "out"), locked(inbound, "in")];
  if (forward) policies.push(locked(inbound, "forward"));
  return policies;
}

function endPrefixes(end: SelectorEnd, hosts: readonly Address[] | "any", family: Family): Prefix[] {
  if (end.prefix !== "host")
    return [end.prefix, ...(end.more ?? [])].filter(({ address }) => familyOf(address) === family);
  if (hosts === "any") return [anyPrefix(family)];
  return hosts.filter((host) => familyOf(host) === family).map(hostPrefix);
}

function locked(selector: Selector, direction: PolicyDirection): Policy {
  return { selector, direction, priority: policyPriority(selector), action: { kind: "locked" } };
}

function catchesDiscovery(policy: Policy): boolean {
  const { protocol, source } = policy.selector;
  return familyOf(source.address) === 6 && (protocol === ipProtocol.any || protocol === ipProtocol.icmpv6);
}

function discoveryPolicies(): Policy[] {
  return discoveryTypes.flatMap((type) =>
    (["out", "in"] as const).map((direction) => ({
      selector: { source: anyPrefix(6), destination: anyPrefix(6), protocol: ipProtocol.icmpv6, sourcePort: type },
      direction,
      priority: exemptPriority,
      action: { kind: "exempt" as const },
    })),
  );
}
