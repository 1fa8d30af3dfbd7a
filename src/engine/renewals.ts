/** IKE SAs that a new one with the same peer is to take the place of: make before break. */
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildRecord } from "./child-record.ts";
import { covers, missingOn } from "./coverage.ts";

/** How long the new one has to carry the children, in ms; then the old one goes all the same. */
const patience = 10_000;

/** What is asked of the peer. */
export interface RenewalsContext {
  readonly children: ReadonlyMap<string, ChildRecord>;
  now(): number;
  /** Has the peer tended again at that time. */
  lookAgain(why: "renewals", at: number): void;
  /** Stops sending on an IKE SA's children, whose traffic another carries. */
  retire(sa: AnyIkeSa): void;
}

interface Renewal {
  readonly heir: AnyIkeSa;
  /** Children that the new one was asked for: each once. */
  readonly asked: Set<string>;
}

/** Each goes when the new one carries all its children, so that there is no moment without. */
export class Renewals {
  readonly #context: RenewalsContext;
  readonly #renewals = new Map<AnyIkeSa, Renewal>();

  constructor(context: RenewalsContext) {
    this.#context = context;
  }

  /** Whether a new one is under way for it. */
  has(sa: AnyIkeSa): boolean {
    return this.#renewals.has(sa);
  }

  /** `heir` has been opened to take the place of `sa`. */
  begin(sa: AnyIkeSa, heir: AnyIkeSa): void {
    this.#renewals.set(sa, { heir, asked: new Set() });
  }

  /** A rekey put `heir` in the place of `sa`. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    for (const [old, renewal] of [...this.#renewals]) {
      if (old === sa) {
        this.#renewals.delete(old);
        this.#renewals.set(heir, renewal);
      } else if (renewal.heir === sa) this.#renewals.set(old, { ...renewal, heir });
    }
  }

  /** One of the two has ended; where it was the new one, the old one goes on as it was. */
  ended(sa: AnyIkeSa): void {
    this.#renewals.delete(sa);
    for (const [old, { heir }] of this.#renewals) if (heir === sa) this.#renewals.delete(old);
  }

  /** Brings each further: asks for what the new one does not carry, and ends the old one when nothing is missing. */
  tend(): void {
    for (const [old, renewal] of [...this.#renewals]) {
      const { heir } = renewal;
      if (heir.state.kind !== "Established") continue;
      const overdue = heir.establishedAt + patience;
      const covered = covers(heir, old);
      if (covered || overdue <= this.#context.now()) {
        this.#renewals.delete(old);
        if (covered) this.#context.retire(old);
        old.close({ code: "replaced" });
        continue;
      }
      const waits = missingOn(heir, old).map((name) => this.#move(name, renewal));
      this.#context.lookAgain("renewals", Math.min(overdue, ...waits));
    }
  }

  /** Asks for it; or when it may be asked for, in ms of the engine's clock. */
  #move(name: string, { heir, asked }: Renewal): number {
    const record = this.#context.children.get(name);
    const at = record?.mayMoveTo(heir);
    if (record === undefined || at === undefined || (at === 0 && asked.has(name))) return Infinity;
    if (at > this.#context.now()) return at;
    asked.add(name);
    record.change({ kind: "up", movingTo: heir }, this.#context.now());
    heir.dialect.askForChild(record.desired);
    return Infinity;
  }
}
