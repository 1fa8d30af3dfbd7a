/** Keeps the policies in the kernel what they should be: locked, or protected while a Child SA stands (invariant 2). */
import type { KernelRefusal, KernelRequest, Policy } from "../kernel/port.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import { policyKey } from "./policies.ts";
import { type PolicyLookup, PolicyUsers, policyLookup, protectingPolicies, samePolicy } from "./policy-users.ts";
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
  readonly #users: PolicyUsers;

  /** `isShared`: whether many hosts may have Child SAs of a reqid. */
  constructor(repairs: Repairs, isServed: (reqid: number) => boolean, isShared: (reqid: number) => boolean) {
    this.#repairs = repairs;
    this.#isServed = isServed;
    this.#users = new PolicyUsers(isShared);
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

  /**
   * The requests that put a Child SA's policies into the state "protected"; from now on it uses them. Unless it `sends`,
   * packets go on leaving where they left before.
   */
  protect(child: ChildSa, sends: boolean): KernelRequest[] {
    this.#users.sends(child, sends);
    if (child.desired.onDemand !== undefined) {
      const trapped = this.#trapped.get(child.reqid) ?? new Set();
      this.#trapped.set(child.reqid, trapped.add(child));
    }
    const policiesOf = policyLookup();
    const requests = [...policiesOf(child)].map(([key, own]): KernelRequest => {
      this.#users.add(key, child);
      const served = this.#served(key, child.reqid);
      const policy = this.#users.inForce(key, policiesOf, served) ?? served ?? own;
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

  /** The requests that have packets leave on a Child SA whose outbound half is about to stand, later than the rest. */
  send(child: ChildSa): KernelRequest[] {
    this.#users.sends(child, true);
    return this.#outdated(child).map((policy): KernelRequest => {
      this.#standing.set(policyKey(policy), policy);
      return { kind: "setPolicy", policy };
    });
  }

  /** Its outbound half is about to go: packets leave on another that there is. */
  sendNoMore(child: ChildSa): void {
    this.#users.sends(child, false);
    for (const policy of this.#outdated(child)) this.#set(policy);
  }

  /** The other Child SAs that carry some of what this one is for, wherever they lead. */
  sharing(child: ChildSa): ChildSa[] {
    return this.#users.sharing(child);
  }

  /** Whether packets of all that a Child SA carries may leave on others. */
  isSentBeside(child: ChildSa): boolean {
    return this.#users.isSentBeside(child);
  }

  /** The outbound policies of a Child SA that do not lead where they should, as they are to be. */
  #outdated(child: ChildSa): Policy[] {
    const policiesOf = policyLookup();
    return child.selectors.flatMap((selector) => {
      const key = policyKey({ selector, direction: "out" });
      const wanted = this.#users.has(key, child) ? this.#users.inForce(key, policiesOf) : undefined;
      return wanted === undefined || this.#stands(key, wanted) ? [] : [wanted];
    });
  }

  /** What a former run's SAs still serve. */
  #served(key: string, reqid: number): Policy | undefined {
    const standing = this.#standing.get(key);
    return standing?.action.kind === "protected" && this.#isServed(reqid) ? standing : undefined;
  }

  /**
   * Child SAs get other ends by `change`: the policies whose templates name the old ones, as they are to be from now on.
   * The caller has them set. One that takes any ends goes on doing so.
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

  /**
   * The Child SA uses its policies no more: those without another user are locked, or go where no lock is configured. If it
   * `lingers`, what was sent on it is taken until `lingered`, as long as others use them.
   */
  release(child: ChildSa, lingers = false): void {
    const trapped = this.#trapped.get(child.reqid);
    if (trapped?.delete(child) === true && trapped.size === 0) this.#trapped.delete(child.reqid);
    const policiesOf = policyLookup();
    for (const [key, policy] of policiesOf(child)) {
      if (!this.#users.delete(key, child)) continue;
      if (lingers && policy.direction !== "out") this.#users.linger(key, child);
      const newest = this.#users.newest(key);
      if (newest === undefined) {
        if (!this.#isServed(child.reqid)) this.#lock(key, policy);
        continue;
      }
      // Mostly the same template; another one where the peer's address differs.
      const served = this.#served(key, child.reqid);
      const theirs = this.#users.inForce(key, policiesOf, served) ?? policiesOf(newest).get(key);
      if (theirs !== undefined && !this.#stands(key, theirs)) this.#set(theirs);
    }
    for (const trap of this.#traps.get(child.reqid) ?? []) {
      const key = policyKey(trap);
      const policy = this.#idle(trap);
      const standing = this.#standing.get(key);
      if (!this.#inUse(key) && standing !== undefined && !samePolicy(standing, policy)) this.#set(policy);
    }
  }

  /** Nothing is taken on a Child SA any more that was released while it lingered. */
  lingered(child: ChildSa): void {
    const policiesOf = policyLookup();
    for (const key of policiesOf(child).keys()) {
      if (this.#users.lingered(key, child)) this.#tighten(key, child.reqid, policiesOf);
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
    const policiesOf = policyLookup();
    for (const [key, policy] of [...this.#standing]) {
      if (reqidOf(policy) !== reqid) continue;
      if (this.#inUse(key)) this.#tighten(key, reqid, policiesOf);
      else this.#lock(key, policy);
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

  /** Something that was taken under a policy comes no more. */
  #tighten(key: string, reqid: number, policiesOf: PolicyLookup): void {
    const policy = this.#users.inForce(key, policiesOf, this.#served(key, reqid));
    if (policy !== undefined && !this.#stands(key, policy)) this.#set(policy);
  }

  #inUse(key: string): boolean {
    return this.#users.inUse(key);
  }

  #stands(key: string, policy: Policy): boolean {
    const standing = this.#standing.get(key);
    return standing !== undefined && samePolicy(standing, policy);
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
