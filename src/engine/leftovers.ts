/** IKE SAs that stand here, while the peer came back and knows nothing of them (RFC 7296 2.4, INITIAL_CONTACT). */
import type { IkeSa } from "../ikev2/ike-sa.ts";
import { covers } from "./coverage.ts";

/** A leftover that is not being closed yet. */
export interface Leftover {
  readonly sa: IkeSa;
  /** Newer IKE SAs carry all its children. */
  readonly replaced: boolean;
  /** Since when the peer has had the time to replace it, in ms of the engine's clock. */
  readonly since: number;
}

/** Tells, of one peer's IKE SAs, the leftovers from those that took their place: the same identity is at the other end. */
export class Leftovers {
  readonly #leftovers = new Set<IkeSa>();
  readonly #byIdentity = new Map<string, Set<IkeSa>>();

  has(sa: IkeSa): boolean {
    return this.#leftovers.has(sa);
  }

  /** An IKE SA was established; `initialContact`: the peer says that it has no other. */
  established(sa: IkeSa, initialContact: boolean): void {
    const key = identityOf(sa);
    const twins = this.#byIdentity.get(key) ?? new Set();
    this.#byIdentity.set(key, twins);
    for (const other of twins) {
      // RFC 7296 2.4: the peer knows of no other IKE SA; what stood before it called is a leftover. One that came to
      // stand while the peer was calling is no leftover: two ends called each other at once.
      if (initialContact && other.establishedAt <= sa.createdAt) this.#leftovers.add(other);
    }
    twins.add(sa);
  }

  ended(sa: IkeSa): void {
    this.#leftovers.delete(sa);
    const key = identityOf(sa);
    const twins = this.#byIdentity.get(key);
    twins?.delete(sa);
    if (twins?.size === 0) this.#byIdentity.delete(key);
  }

  /** Those that are not being closed yet; they may go while this is gone through. */
  *standing(): Generator<Leftover> {
    for (const sa of [...this.#leftovers]) {
      if (sa.state.kind !== "Established") continue;
      const heirs = [...(this.#byIdentity.get(identityOf(sa)) ?? [])].filter((other) => !this.#leftovers.has(other));
      const replaced = heirs.some((heir) => covers(heir, sa));
      yield { sa, replaced, since: Math.max(sa.establishedAt, ...heirs.map((heir) => heir.establishedAt)) };
    }
  }
}

function identityOf(sa: IkeSa): string {
  return sa.remoteId?.text ?? "";
}
