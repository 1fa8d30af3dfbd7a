/** Keeps the policies in the kernel what they should be: locked, or protected while a Child SA stands (invariant 2). */
import type { KernelRefusal, KernelRequest, Policy, PolicyDirection } from "../kernel/port.ts";
import { type Address, familyOf } from "../negotiate/address.ts";
import { reverseSelector, type Selector } from "../negotiate/selector.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import { policyKey } from "./policies.ts";
import { policyPriority } from "./policy-priority.ts";
import type { Repairs } from "./repairs.ts";

export class PolicyKeeper {
  readonly #repairs: Repairs;
  /** Whether a former run's SAs of that reqid stand: they need their policies as they are. */
  readonly #isServed: (reqid: number) => boolean;
  /** What the configuration asks for while no Child SA stands: locked, or a trap that demands an SA. */
  #locks = new Map<string, Policy>();
  /** The traps of each reqid. */
  #traps = new Map<number, Policy[]>();
  /** The Child SAs of the reqids that have traps. */
  readonly #trapped = new Map<number, Set<ChildSa>>();
  /** What stands in the kernel, as far as was told and answered. */
  readonly #standing = new Map<string, Policy>();
  readonly #users = new Map<string, Set<ChildSa>>();

  constructor(repairs: Repairs, isServed: (reqid: number) => boolean) {
    this.#repairs = repairs;
    this.#isServed = isServed;
  }

  /** Policies of ours that a former run left; what was set since stands as it was set. */
  adopt(policies: readonly Policy[]): void {
    for (const policy of policies) {
      const key = policyKey(policy);
      if (!this.#standing.has(key)) this.#standing.set(key, policy);
    }
  }

  /**
   * Makes `locks` the policies to have. What a former run's SAs still serve, and has a reqid of `wanted`, stays protected
   * until a new Child SA takes it over; what nobody asks for any more goes. Nothing is asked for that stands already.
   */
  configure(locks: readonly Policy[], wanted: ReadonlySet<number>): void {
    this.#locks = new Map(locks.map((policy) => [policyKey(policy), policy]));
    this.#traps = new Map();
    for (const policy of locks) {
      const reqid = reqidOf(policy);
      if (reqid === undefined) continue;
      const traps = this.#traps.get(reqid);
      if (traps === undefined) this.#traps.set(reqid, [policy]);
      else traps.push(policy);
    }
    const keep = (policy: Policy): boolean => {
      const reqid = reqidOf(policy);
      return reqid !== undefined && wanted.has(reqid) && this.#isServed(reqid);
    };
    for (const [key, configured] of this.#locks) {
      const lock = this.#idle(configured);
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
    if (child.desired.onDemand !== undefined) {
      const trapped = this.#trapped.get(child.reqid) ?? new Set();
      this.#trapped.set(child.reqid, trapped.add(child));
    }
    const requests = protectingPolicies(child).map((policy): KernelRequest => {
      const key = policyKey(policy);
      const users = this.#users.get(key) ?? new Set();
      users.add(child);
      this.#users.set(key, users);
      this.#standing.set(key, policy);
      return { kind: "setPolicy", policy };
    });
    for (const trap of this.#traps.get(child.reqid) ?? []) {
      const policy = this.#idle(trap);
      const key = policyKey(policy);
      const standing = this.#standing.get(key);
      if (this.#inUse(key) || standing === undefined || samePolicy(standing, policy)) continue;
      this.#standing.set(key, policy);
      requests.push({ kind: "setPolicy", policy });
    }
    return requests;
  }

  /**
   * Child SAs get other ends by `change`: the policies whose templates name the old ones, as they are to be from now on.
   * The caller has them set.
   */
  move(children: readonly ChildSa[], change: () => void): Policy[] {
    const named = new Set<string>();
    for (const policy of children.flatMap(protectingPolicies)) {
      const key = policyKey(policy);
      const standing = this.#standing.get(key);
      if (standing !== undefined && samePolicy(standing, policy)) named.add(key);
    }
    change();
    const moved = new Map<string, Policy>();
    for (const policy of children.flatMap(protectingPolicies)) {
      const key = policyKey(policy);
      if (named.has(key)) moved.set(key, policy);
    }
    for (const [key, policy] of moved) this.#standing.set(key, policy);
    return [...moved.values()];
  }

  /** The Child SA uses its policies no more: those without another user are locked, or go where no lock is configured. */
  release(child: ChildSa): void {
    const trapped = this.#trapped.get(child.reqid);
    if (trapped?.delete(child) === true && trapped.size === 0) this.#trapped.delete(child.reqid);
    for (const policy of protectingPolicies(child)) {
      const key = policyKey(policy);
      const users = this.#users.get(key);
      if (users?.delete(child) !== true) continue;
      const newest = [...users].at(-1);
      if (newest === undefined) {
        this.#users.delete(key);
        if (!this.#isServed(child.reqid)) this.#lock(key, policy);
        continue;
      }
      // Mostly the same template; another one where the peer's address differs.
      const theirs = protectingPolicies(newest).find((one) => policyKey(one) === key);
      const standing = this.#standing.get(key);
      if (theirs !== undefined && (standing === undefined || !samePolicy(theirs, standing))) this.#set(theirs);
    }
    for (const trap of this.#traps.get(child.reqid) ?? []) {
      const key = policyKey(trap);
      const policy = this.#idle(trap);
      const standing = this.#standing.get(key);
      if (!this.#inUse(key) && standing !== undefined && !samePolicy(standing, policy)) this.#set(policy);
    }
  }

  /**
   * A policy as it is to be while no Child SA uses it. Beside a Child SA that was narrowed to less, a trap is locked: its
   * template would send what was not agreed on into that SA.
   */
  #idle(policy: Policy): Policy {
    const reqid = reqidOf(policy);
    if (reqid === undefined || !this.#trapped.has(reqid)) return policy;
    return { ...policy, action: { kind: "locked" } };
  }

  /** A former run's last SA of this reqid is gone or about to go: what only it served is locked. */
  unserved(reqid: number): void {
    for (const [key, policy] of [...this.#standing]) {
      if (reqidOf(policy) === reqid && !this.#inUse(key)) this.#lock(key, policy);
    }
  }

  /** Puts back what the kernel has lost. */
  resync(listed: readonly Policy[]): void {
    const there = new Map(listed.map((policy) => [policyKey(policy), policy]));
    for (const [key, policy] of this.#standing) {
      const seen = there.get(key);
      if (seen === undefined || !samePolicy(seen, policy)) this.#set(policy);
    }
  }

  /** Whether every one of these stands in the kernel as it should, and the first refusal where one does not. */
  standing(policies: Iterable<Policy>): { readonly installed: boolean; readonly refusal?: KernelRefusal } {
    let installed = true;
    for (const policy of policies) {
      const { open, refusal } = this.#repairs.state({ kind: "setPolicy", policy });
      if (refusal !== undefined) return { installed: false, refusal };
      if (open) installed = false;
    }
    return { installed };
  }

  #inUse(key: string): boolean {
    return (this.#users.get(key)?.size ?? 0) > 0;
  }

  #lock(key: string, policy: Policy): void {
    const lock = this.#locks.get(key);
    if (lock === undefined) this.#remove(key, policy);
    else this.#set(this.#idle(lock));
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

function reqidOf(policy: Policy): number | undefined {
  return policy.action.kind === "protected" ? policy.action.template.reqid : undefined;
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
  const compressed = child.compression === undefined ? {} : { compressed: true as const };
  const template = { protocol, mode: child.mode, reqid: child.reqid, ...compressed, source, destination };
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
    one.compressed === other.compressed &&
    one.reqid === other.reqid &&
    one.source === other.source &&
    one.destination === other.destination &&
    familyOf(one.source) === familyOf(other.source)
  );
}
