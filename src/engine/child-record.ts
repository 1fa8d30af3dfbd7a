/** One child that is to stand, and how it stands. */

import type { Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildEnds, ChildSa } from "../sa/child-sa.ts";
import type { ChildDesired } from "../sa/desired.ts";

export type ChildState =
  /** On demand: the next packet asks for it, but not before `retryAt`. */
  | { readonly kind: "waiting"; readonly retryAt: number }
  | { readonly kind: "locked" /** Not asked for before. */; readonly retryAt: number }
  | { readonly kind: "connecting"; by: AnyIkeSa }
  /**
   * `movingTo`: another IKE SA has been asked for it, because the one that carries it is to be closed. `askAgainAt`: the peer
   * could not do it just then.
   */
  | { readonly kind: "up"; movingTo?: AnyIkeSa; askAgainAt?: number };

export class ChildRecord {
  readonly desired: ChildDesired;
  readonly reqid: number;
  readonly #sas = new Set<ChildSa>();
  /** How many of them stand between two addresses: a peer that calls from anywhere may have ten thousand. */
  readonly #between = new Map<string, number>();
  state: ChildState = { kind: "locked", retryAt: 0 };
  since: number;
  reason: Reason | undefined;
  failures = 0;
  /** The packet that asked for it: its selectors go first in the TS payloads (RFC 7296 2.9). */
  packet: Selector | undefined;

  constructor(desired: ChildDesired, reqid: number, now: number, onDemand = false) {
    this.desired = desired;
    this.reqid = reqid;
    this.since = now;
    if (onDemand) this.state = { kind: "waiting", retryAt: 0 };
  }

  /** Those that stand, newest last: that is what Linux sends on. */
  get sas(): ReadonlySet<ChildSa> {
    return this.#sas;
  }

  add(child: ChildSa): void {
    if (this.#sas.has(child)) return;
    this.#sas.add(child);
    this.#count(child, 1);
  }

  remove(child: ChildSa): void {
    if (this.#sas.delete(child)) this.#count(child, -1);
  }

  /** Changes where one of them travels; its place in the row stays. */
  move(child: ChildSa, ends: ChildEnds): void {
    const counts = this.#sas.has(child);
    if (counts) this.#count(child, -1);
    child.local = ends.local;
    child.remote = ends.remote;
    child.encapsulation = ends.encapsulation;
    if (counts) this.#count(child, 1);
  }

  /** Whether one of them, other than `child`, stands between its addresses. */
  isCarried(child: ChildSa): boolean {
    const count = this.#between.get(`${child.local} ${child.remote}`) ?? 0;
    return count > (this.#sas.has(child) ? 1 : 0);
  }

  /** The operator wants it: why it was not up is no reason any more, nor to wait. */
  beginAnew(): void {
    this.failures = 0;
    this.reason = undefined;
    if (this.state.kind === "locked") this.state = { kind: "locked", retryAt: 0 };
  }

  /** A request failed; where another IKE SA carries it and the peer was only busy (RFC 7296 2.25), it is asked again from `at` on. */
  failed(reason: Reason, at: number): void {
    const isBusy = reason.code === "peer-error" && reason.notify === "TEMPORARY_FAILURE";
    if (isBusy && this.state.kind === "up" && this.state.movingTo !== undefined) this.state.askAgainAt = at;
  }

  /** When that IKE SA, which is to carry it too, may be asked for it; undefined: it has been asked, or there is nothing to move. */
  mayMoveTo(sa: AnyIkeSa): number | undefined {
    if (this.state.kind !== "up") return undefined;
    return this.state.movingTo === sa ? this.state.askAgainAt : 0;
  }

  change(state: ChildState, now: number): void {
    if (state.kind !== this.state.kind) this.since = now;
    this.state = state;
  }

  #count({ local, remote }: ChildSa, by: 1 | -1): void {
    const key = `${local} ${remote}`;
    const count = (this.#between.get(key) ?? 0) + by;
    if (count === 0) this.#between.delete(key);
    else this.#between.set(key, count);
  }
}
