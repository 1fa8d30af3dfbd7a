/** How one IKE SA with a peer gives way to another, here or elsewhere: proofs repeated (RFC 4478), redirects (RFC 5685). */

import type { Address } from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { Gateway, PeerDesired } from "../sa/desired.ts";
import type { ChildRecord } from "./child-record.ts";
import { Evictions } from "./evictions.ts";
import { Redirects } from "./redirects.ts";
import { Renewals } from "./renewals.ts";

/** Timers by which the peer looks after a handover. */
export const handoverTimers = ["renewals", "evictions"] as const;

/** What is asked of the peer. */
export interface HandoverContext {
  readonly desired: PeerDesired;
  readonly sas: ReadonlySet<AnyIkeSa>;
  readonly children: ReadonlyMap<string, ChildRecord>;
  now(): number;
  /** Has the peer look after it at that time. */
  lookAgain(why: (typeof handoverTimers)[number], at: number): void;
  /** Stops sending on an IKE SA's children, whose traffic another carries. */
  retire(sa: AnyIkeSa): void;
  /** Opens another IKE SA; undefined where the peer cannot be called. */
  call(address: Address, redirectedFrom?: Address): AnyIkeSa | undefined;
}

/** One peer's: as the end that calls, and as the end that is called. */
export class Handover {
  readonly #context: HandoverContext;
  readonly #renewals: Renewals;
  readonly #redirects: Redirects;
  readonly #evictions: Evictions;

  constructor(context: HandoverContext) {
    this.#context = context;
    this.#renewals = new Renewals(context);
    this.#redirects = new Redirects(context.desired);
    this.#evictions = new Evictions(context);
  }

  /**
   * Opens another IKE SA, which takes the place of this one as soon as it carries its children. Who only waits for calls
   * leaves it to the other end. Whether one is under way.
   */
  renew(sa: AnyIkeSa): boolean {
    const calls = sa.authentication?.role === "initiator" || this.#context.desired.initiate;
    if (calls && !this.#renewals.has(sa)) {
      const heir = this.#context.call(sa.path.remote.address);
      if (heir !== undefined) this.#renewals.begin(sa, heir);
    }
    return this.#renewals.has(sa);
  }

  /** The peer sends us elsewhere: goes there, or says why not. What carries traffic stays until the new one does. */
  redirected(sa: AnyIkeSa, to: Gateway): Reason | undefined {
    const verdict = this.#redirects.follow(to, sa.path.remote.address, this.#context.now());
    if ("reason" in verdict) return verdict.reason;
    const heir = this.#context.call(verdict.address, sa.path.remote.address);
    const reason: Reason = { code: "redirected", to: verdict.address };
    if (heir !== undefined && sa.children.size > 0) this.#renewals.begin(sa, heir);
    else if (sa.state.kind === "Established") sa.close(reason);
    else sa.end(reason);
    return undefined;
  }

  /** Callers are sent to another gateway from now on, those too that have a tunnel; undefined: they may stay. */
  redirect(to: Gateway | undefined): void {
    this.#evictions.send(to);
  }

  /** Where callers are sent. */
  get redirectTo(): Gateway | undefined {
    return this.#evictions.to;
  }

  /** Where the caller of this IKE SA is sent; undefined: it may stay. */
  elsewhere(sa: AnyIkeSa): Gateway | undefined {
    return this.#evictions.sendAway(sa);
  }

  /** A rekey put `heir` in the place of `sa`. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    this.#renewals.rekeyed(sa, heir);
    this.#evictions.rekeyed(sa, heir);
  }

  ended(sa: AnyIkeSa): void {
    this.#renewals.ended(sa);
    this.#evictions.ended(sa);
  }

  /** Brings further whatever is under way. */
  tend(): void {
    this.#evictions.closeOverdue();
    this.#renewals.tend();
  }
}
