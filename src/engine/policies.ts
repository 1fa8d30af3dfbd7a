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
const discoveryTypes: readonly number[] = [133, 134, 135, 136, 137];

/** Destination unreachable, port unreachable (RFC 4443 3.1). */
const portUnreachable = { sourcePort: 1, destinationPort: 4 } as const;

/** What names a policy: one selector and one direction. */
export function policyKey(policy: Pick<Policy, "selector" | "direction">): string {
  return `${policy.direction} ${formatSelector(policy.selector)}`;
}

/**
 * Every policy of the desired state in its locked state, each selector and direction once: peers' children, locks
 * towards everybody, where an any-protocol IPv6 selector would kill it, neighbour discovery in clear, and what keeps errors
 * about GRE over IPv6 here.
 */
export function lockPolicies(desired: DesiredState): Policy[] {
  const policies = new Map<string, Policy>();
  const add = (policy: Policy): void => {
    policies.set(policyKey(policy), policy);
  };
  for (const peer of [...desired.peers, ...(desired.locked ?? [])]) {
    for (const child of peer.children) {
      for (const policy of childLockPolicies(peer, child)) {
        add(policy);
        if (answersUnprotected(policy)) add(unreachableLock(policy.selector));
      }
    }
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

/**
 * Newer Linux (7.2; 6.1 does not) takes an ICMPv6 error about a GRE packet for which it has no device for one about what GRE carries: it finds
 * neither our policy nor our SA, and quotes in clear what came protected. (Errors of other protocols keep to the policies.)
 */
function answersUnprotected({ direction, selector }: Policy): boolean {
  return direction === "out" && selector.protocol === ipProtocol.gre && familyOf(selector.source.address) === 6;
}

function unreachableLock({ source, destination }: Selector): Policy {
  return locked({ source, destination, protocol: ipProtocol.icmpv6, ...portUnreachable }, "out");
}

function catchesDiscovery(policy: Policy): boolean {
  const { protocol, source, sourcePort: type } = policy.selector;
  if (familyOf(source.address) !== 6) return false;
  if (protocol === ipProtocol.icmpv6) return type === undefined || discoveryTypes.includes(type);
  return protocol === ipProtocol.any;
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
