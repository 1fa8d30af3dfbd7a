/** Keeps the policies in the kernel what they should be: locked, or protected while a Child SA stands (invariant 2). */
import type { KernelRequest, Policy, PolicyDirection } from "../kernel/port.ts";
import { type Address, familyOf } from "../negotiate/address.ts";
import { reverseSelector, type Selector } from "../negotiate/selector.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import { policyKey } from "./policies.ts";
import { policyPriority } from "./policy-priority.ts";
import type { Repairs } from "./repairs.ts";

export class PolicyKeeper {
  readonly #repairs: Repairs;
  /** What the configuration asks for, locked. */
  #locks = new Map<string, Policy>();
  /** What stands in the kernel, as far as was told and answered. */
  readonly #standing = new Map<string, Policy>();
  readonly #users = new Map<string, Set<ChildSa>>();

  constructor(repairs: Repairs) {
    this.#repairs = repairs;
  }

  /** Policies of ours that a former run left. */
  adopt(policies: readonly Policy[]): void {
    for (const policy of policies) this.#standing.set(policyKey(policy), policy);
  }

  /**
   * Makes `locks` the policies to have. What stands protected and is in `keep` (a former run's SAs still serve it) stays
   * so until a new Child SA takes it over; what nobody asks for any more goes. Nothing is asked for that stands already.
   */
  configure(locks: readonly Policy[], keep: (policy: Policy) => boolean): void {
    this.#locks = new Map(locks.map((policy) => [policyKey(policy), policy]));
    for (const [key, lock] of this.#locks) {
      const standing = this.#standing.get(key);
      if (standing !== undefined && (this.#inUse(key) || samePolicy(standing, lock) || keep(standing))) continue;
      this.#set(lock);
    }
    for (const [key, policy] of [...this.#standing]) {
      if (!this.#locks.has(key) && !this.#inUse(key) && !keep(policy)) this.#remove(key, policy);
    }
  }

  /** The requests that put a Child SA's policies into the state "protected"; from now on it uses them. */
  protect(child: ChildSa): KernelRequest[] {
    return protectingPolicies(child).map((policy) => {
      const key = policyKey(policy);
      const users = this.#users.get(key) ?? new Set();
      users.add(child);
      this.#users.set(key, users);
      this.#standing.set(key, policy);
      const request: KernelRequest = { kind: "setPolicy", policy };
      this.#repairs.supersede(request);
      return request;
    });
  }

  /** The Child SA uses its policies no more: those without another user are locked, or go where no lock is configured. */
  release(child: ChildSa): void {
    for (const policy of protectingPolicies(child)) {
      const key = policyKey(policy);
      const users = this.#users.get(key);
      if (users?.delete(child) !== true) continue;
      const [other] = users;
      if (other !== undefined) {
        // A newer pair of the same child stands on the same template, unless the peer's address differs.
        const theirs = protectingPolicies(other).find((one) => policyKey(one) === key);
        if (theirs !== undefined && !samePolicy(theirs, policy)) this.#set(theirs);
        continue;
      }
      this.#users.delete(key);
      const lock = this.#locks.get(key);
      if (lock === undefined) this.#remove(key, policy);
      else this.#set(lock);
    }
  }

  /** What should stand, for comparison with what the kernel lists. */
  expected(): Policy[] {
    return [...this.#standing.values()];
  }

  /** Puts back what the kernel has lost. */
  resync(listed: readonly Policy[]): void {
    const there = new Map(listed.map((policy) => [policyKey(policy), policy]));
    for (const [key, policy] of this.#standing) {
      const seen = there.get(key);
      if (seen === undefined || !samePolicy(seen, policy)) this.#set(policy);
    }
  }

  #inUse(key: string): boolean {
    return (this.#users.get(key)?.size ?? 0) > 0;
  }

  #set(policy: Policy): void {
    this.#standing.set(policyKey(policy), policy);
    this.#repairs.insist({ kind: "setPolicy", policy });
  }

  #remove(key: string, policy: Policy): void {
    this.#standing.delete(key);
    this.#repairs.insist({ kind: "deletePolicy", selector: policy.selector, direction: policy.direction });
  }
}

/** The policies of a Child SA, both directions of each selector pair, `forward` too in tunnel mode. */
function protectingPolicies(child: ChildSa): Policy[] {
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
  const template = { protocol, mode: child.mode, reqid: child.reqid, source, destination };
  return { selector, direction, priority: policyPriority(selector), action: { kind: "protected", template } };
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
    one.reqid === other.reqid &&
    one.source === other.source &&
    one.destination === other.destination &&
    familyOf(one.source) === familyOf(other.source)
  );
}
