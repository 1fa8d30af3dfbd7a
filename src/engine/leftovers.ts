/** IKE SAs that the peer has replaced by a newer one, knowingly or because it forgot them (RFC 7296 2.4). */

import type { Identity } from "../negotiate/identity.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { covers } from "./coverage.ts";

/** A leftover that is not being closed yet. */
export interface Leftover {
  readonly sa: AnyIkeSa;
  /** The peer says that it knows nothing of it (INITIAL_CONTACT). */
  readonly forgotten: boolean;
  /** Newer IKE SAs carry all its children. */
  readonly replaced: boolean;
  /** Since when the peer has had the time to replace it, in ms of the engine's clock. */
  readonly since: number;
}

/** Tells, of one peer's IKE SAs, the leftovers from those that took their place: the same identity is at the other end. */
export class Leftovers {
  /** With each: whether the peer says that it knows nothing of it. */
  readonly #leftovers = new Map<AnyIkeSa, boolean>();
  /** When the peer showed that it had lost them, in ms of the engine's clock. */
  readonly #lostAt = new Map<AnyIkeSa, number>();
  readonly #byIdentity = new Map<string, Set<AnyIkeSa>>();
  /** When each, or the one that it was rekeyed from in the end, was established, in ms of the engine's clock. */
  readonly #openedAt = new Map<AnyIkeSa, number>();

  has(sa: AnyIkeSa): boolean {
    return this.#leftovers.has(sa);
  }

  /** Whether the peer says that it knows nothing of it. */
  isForgotten(sa: AnyIkeSa): boolean {
    return this.#leftovers.get(sa) === true;
  }

  /** The peer has shown that it knows nothing of it any more. */
  forget(sa: AnyIkeSa, now: number): void {
    this.#leftovers.set(sa, true);
    if (!this.#lostAt.has(sa)) this.#lostAt.set(sa, now);
  }

  /** An IKE SA was established; `initialContact`: the peer says that it has no other. */
  established(sa: AnyIkeSa, initialContact: boolean): void {
    const key = sa.remoteId?.text ?? "";
    const twins = this.#byIdentity.get(key) ?? new Set();
    this.#byIdentity.set(key, twins);
    for (const other of twins) {
      // What came to stand while this one was being made is no leftover: two ends called each other at once, and what
      // the peer said of its other IKE SAs may have been said before it stood there.
      if (other.establishedAt >= sa.createdAt) continue;
      this.#leftovers.set(other, initialContact || this.isForgotten(other));
    }
    twins.add(sa);
    this.#openedAt.set(sa, sa.establishedAt);
  }

  /** `heir` took the place of `sa`. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    const forgotten = this.#leftovers.get(sa);
    const isKnown = this.#byIdentity.get(sa.remoteId?.text ?? "")?.has(sa) === true;
    const openedAt = this.#openedAt.get(sa);
    this.ended(sa);
    // Who rekeys both often would never have had the time to close one.
    if (openedAt !== undefined) this.#openedAt.set(heir, openedAt);
    if (forgotten !== undefined) this.#leftovers.set(heir, forgotten);
    if (!isKnown) return;
    const key = heir.remoteId?.text ?? "";
    this.#byIdentity.set(key, (this.#byIdentity.get(key) ?? new Set()).add(heir));
  }

  ended(sa: AnyIkeSa): void {
    this.#leftovers.delete(sa);
    this.#lostAt.delete(sa);
    this.#openedAt.delete(sa);
    const key = sa.remoteId?.text ?? "";
    const twins = this.#byIdentity.get(key);
    twins?.delete(sa);
    if (twins?.size === 0) this.#byIdentity.delete(key);
  }

  /** Those that stand with that identity at the other end. */
  with(identity: Identity): Iterable<AnyIkeSa> {
    return this.#byIdentity.get(identity.text) ?? [];
  }

  /**
   * Those that are not being closed yet, all or those whose place `heir` may have taken: of one peer there may be very many.
   * They may go while this is gone through.
   */
  *standing(heir?: AnyIkeSa): Generator<Leftover> {
    if (this.#leftovers.size === 0) return;
    const twins = heir === undefined ? this.#leftovers.keys() : this.#byIdentity.get(heir.remoteId?.text ?? "");
    for (const sa of [...(twins ?? [])]) {
      const forgotten = this.#leftovers.get(sa);
      if (forgotten === undefined || sa.state.kind !== "Established") continue;
      const heirs = [...(this.#byIdentity.get(sa.remoteId?.text ?? "") ?? [])].filter(
        (other) => !this.#leftovers.has(other),
      );
      const replaced = heirs.some((other) => other.state.kind === "Established" && covers(other, sa));
      const openedAt = (other: AnyIkeSa): number => this.#openedAt.get(other) ?? other.establishedAt;
      const since = Math.max(this.#lostAt.get(sa) ?? openedAt(sa), ...heirs.map(openedAt));
      yield { sa, forgotten, replaced, since };
    }
  }
}
