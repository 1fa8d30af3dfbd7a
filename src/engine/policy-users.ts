/** Which Child SAs use each policy, and what the policy is to be for them. Asks the kernel for nothing. */
import type { Policy, PolicyDirection } from "../kernel/port.ts";
import { type Address, anyPrefix, familyOf } from "../negotiate/address.ts";
import { reverseSelector, type Selector } from "../negotiate/selector.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import { policyKey } from "./policies.ts";
import { policyPriority } from "./policy-priority.ts";

/** By `policyKey`. In tunnel mode a template names the outer addresses, which differ while a peer that has moved has two pairs. */
export class PolicyUsers {
  /** In the order in which they came. */
  readonly #users = new Map<string, Set<ChildSa>>();
  /** Those that are gone, while what was sent on them may still come. */
  readonly #lingering = new Map<string, Set<ChildSa>>();
  /** Nothing is sent on these yet, or no more. */
  readonly #unsent = new WeakSet<ChildSa>();
  /** Whether many hosts may have Child SAs of that reqid: their templates are what tells them apart. */
  readonly #isShared: (reqid: number) => boolean;

  constructor(isShared: (reqid: number) => boolean) {
    this.#isShared = isShared;
  }

  add(key: string, child: ChildSa): void {
    put(this.#users, key, child);
  }

  /** Whether it used the policy. */
  delete(key: string, child: ChildSa): boolean {
    return take(this.#users, key, child);
  }

  has(key: string, child: ChildSa): boolean {
    return this.#users.get(key)?.has(child) === true;
  }

  inUse(key: string): boolean {
    return this.#users.has(key);
  }

  /** The latest that came. */
  newest(key: string): ChildSa | undefined {
    return [...(this.#users.get(key) ?? [])].at(-1);
  }

  /** What was sent on it is taken, as long as others use the policy. */
  linger(key: string, child: ChildSa): void {
    put(this.#lingering, key, child);
  }

  /** Nothing is taken on it any more. Whether it lingered. */
  lingered(key: string, child: ChildSa): boolean {
    return take(this.#lingering, key, child);
  }

  /** Whether packets may leave on it. */
  sends(child: ChildSa, sends: boolean): void {
    if (sends) this.#unsent.delete(child);
    else this.#unsent.add(child);
  }

  /** The other Child SAs that carry some of what this one is for, wherever they lead. */
  sharing(child: ChildSa): ChildSa[] {
    const others = new Set<ChildSa>();
    for (const selector of child.selectors)
      for (const user of this.#users.get(policyKey({ selector, direction: "out" })) ?? []) others.add(user);
    others.delete(child);
    return [...others];
  }

  /** Whether packets of all that a Child SA carries may leave on others. */
  isSentBeside(child: ChildSa): boolean {
    return child.selectors.every((selector) => {
      const users = [...(this.#users.get(policyKey({ selector, direction: "out" })) ?? [])];
      return users.some((user) => user !== child && !this.#unsent.has(user));
    });
  }

  /**
   * A policy as those that use it want it. Outbound it is the newest's that is sent on; undefined where none is. Inbound it
   * takes what any of them brings: a peer that opens another pair from another address still sends on the one before.
   * `served`: what SAs of a former run need.
   */
  inForce(key: string, policiesOf: PolicyLookup, served?: Policy): Policy | undefined {
    const users = [...(this.#users.get(key) ?? [])];
    const isOutbound = key.startsWith("out ");
    const newest = isOutbound ? users.findLast((user) => !this.#unsent.has(user)) : users.at(-1);
    const policy = newest === undefined ? undefined : policiesOf(newest).get(key);
    if (isOutbound || newest === undefined || policy === undefined) return policy;
    const senders = [...users, ...(this.#lingering.get(key) ?? [])];
    const together =
      senders.every(({ local, remote }) => local === newest.local && remote === newest.remote) &&
      (served === undefined || samePolicy(served, policy));
    return together || this.#isShared(newest.reqid) ? policy : widened(policy);
  }
}

/** A Child SA's policies by `policyKey`. */
export type PolicyLookup = (child: ChildSa) => ReadonlyMap<string, Policy>;

/** Makes the policies of each Child SA once, however often one is looked up: there may be hundreds. */
export function policyLookup(): PolicyLookup {
  const made = new Map<ChildSa, ReadonlyMap<string, Policy>>();
  return (child) => {
    const known = made.get(child);
    if (known !== undefined) return known;
    const policies = new Map(protectingPolicies(child).map((policy) => [policyKey(policy), policy]));
    made.set(child, policies);
    return policies;
  };
}

/** The policies of a Child SA, both directions of each selector pair, `forward` too in tunnel mode. */
export function protectingPolicies(child: ChildSa): Policy[] {
  return child.selectors.flatMap((outbound) => {
    const inbound = reverseSelector(outbound);
    const policies = [
      protectedPolicy(child, outbound, "out", child.local, child.remote),
      protectedPolicy(child, inbound, "in", child.remote, child.local),
    ];
    if (child.mode === "tunnel") policies.push(protectedPolicy(child, inbound, "forward", child.remote, child.local));
    return policies;
  });
}

function protectedPolicy(
  child: ChildSa,
  selector: Selector,
  direction: PolicyDirection,
  source: Address,
  destination: Address,
): Policy {
  const { protocol } = child.desired;
  const companions = {
    ...(child.compression === undefined ? {} : { compressed: true as const }),
    ...(child.ah === undefined ? {} : { withAh: true as const }),
  };
  const template = { protocol, mode: child.mode, reqid: child.reqid, ...companions, source, destination };
  return { selector, direction, priority: policyPriority(selector), action: { kind: "protected", template } };
}

/** The same with a template that takes SAs between any addresses: the reqid ties it to ours. */
function widened(policy: Policy): Policy {
  const { action } = policy;
  if (action.kind !== "protected" || action.template.mode !== "tunnel") return policy;
  const any = anyPrefix(familyOf(action.template.source)).address;
  return { ...policy, action: { kind: "protected", template: { ...action.template, source: any, destination: any } } };
}

/** Whether two policies of one selector and direction demand the same. */
export function samePolicy(a: Policy, b: Policy): boolean {
  if (a.priority !== b.priority || a.action.kind !== b.action.kind) return false;
  if (a.action.kind !== "protected" || b.action.kind !== "protected") return true;
  const one = a.action.template;
  const other = b.action.template;
  return (
    one.protocol === other.protocol &&
    one.mode === other.mode &&
    one.compressed === other.compressed &&
    one.withAh === other.withAh &&
    one.reqid === other.reqid &&
    one.source === other.source &&
    one.destination === other.destination &&
    familyOf(one.source) === familyOf(other.source)
  );
}

function put(map: Map<string, Set<ChildSa>>, key: string, child: ChildSa): void {
  const children = map.get(key);
  if (children === undefined) map.set(key, new Set([child]));
  else children.add(child);
}

function take(map: Map<string, Set<ChildSa>>, key: string, child: ChildSa): boolean {
  const children = map.get(key);
  if (children?.delete(child) !== true) return false;
  if (children.size === 0) map.delete(key);
  return true;
}
