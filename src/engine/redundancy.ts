/** Of one peer's IKE SAs and pairs of Child SAs, those that are one too many: which they are, and how they go. */
import { createChild } from "../ikev2/exchanges/create-child-sa.ts";
import type { IkeSa } from "../ikev2/ike-sa.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { ChildRecord } from "./child-record.ts";
import { covers, missingOn } from "./coverage.ts";
import { Leftovers } from "./leftovers.ts";

/** How long an IKE SA that is one too many waits for its twin to carry the children, in ms. */
const redundantPatience = 10_000;

/** What is asked of the peer and of what surrounds it. */
export interface RedundancyContext {
  readonly sas: ReadonlySet<IkeSa>;
  readonly children: ReadonlyMap<string, ChildRecord>;
  now(): number;
  /** Has the peer look again at that time, in ms of the engine's clock. */
  lookAgain(why: "redundant" | "leftovers", at: number): void;
  /** Stops sending on an IKE SA's children, whose traffic another carries. */
  retire(sa: IkeSa): void;
}

/** Chooses the IKE SA that stays, and closes the others as soon as nothing is lost by it. */
export class Redundancy {
  readonly #context: RedundancyContext;
  readonly #leftovers = new Leftovers();
  /** Child SAs that the peer has been asked to delete. */
  readonly #retired = new WeakSet<ChildSa>();

  constructor(context: RedundancyContext) {
    this.#context = context;
  }

  /** An IKE SA was established; `initialContact`: the peer says that it has no other. */
  established(sa: IkeSa, initialContact: boolean): void {
    this.#leftovers.established(sa, initialContact);
    this.closeLeftovers();
  }

  ended(sa: IkeSa): void {
    this.#leftovers.ended(sa);
  }

  /** The IKE SA that children are asked for on: of several that stand, the one that RFC 7296 2.8.1's comparison of nonces keeps. */
  main(): IkeSa | undefined {
    let main: IkeSa | undefined;
    for (const sa of this.#context.sas) {
      if (sa.state.kind !== "Established" || this.#leftovers.has(sa)) continue;
      if (main === undefined || sa.lowestNonce > main.lowestNonce) main = sa;
    }
    return main;
  }

  /** Does what brings the peer nearer to having `main` alone, with one pair for each child. */
  tend(main: IkeSa): void {
    this.#tendTwins(main);
    this.#tendCrossed(main);
  }

  /** Their children may still be carried by the peer's kernel: they go when new ones stand, or when the peer has had its time. */
  closeLeftovers(): void {
    const now = this.#context.now();
    for (const { sa, replaced, since } of this.#leftovers.standing()) {
      if (replaced || since + redundantPatience <= now) this.#replace(sa, replaced);
      else this.#context.lookAgain("leftovers", since + redundantPatience);
    }
  }

  /**
   * Two ends that called each other at once have two IKE SAs. Who opened the lesser one closes it once the other carries
   * all its children, and asks for those that it does not carry yet.
   */
  #tendTwins(main: IkeSa): void {
    const now = this.#context.now();
    for (const sa of [...this.#context.sas]) {
      if (sa === main || sa.state.kind !== "Established" || sa.role !== "initiator") continue;
      const overdue = Math.max(sa.establishedAt, main.establishedAt) + redundantPatience;
      const covered = covers(main, sa);
      if (covered || overdue <= now) this.#replace(sa, covered);
      else {
        this.#context.lookAgain("redundant", overdue);
        for (const name of missingOn(main, sa)) this.#move(name, main);
      }
    }
  }

  #move(name: string, main: IkeSa): void {
    const record = this.#context.children.get(name);
    if (record === undefined || record.state.kind !== "up" || record.state.movingTo === main) return;
    record.change({ kind: "up", movingTo: main }, this.#context.now());
    main.request(createChild(record.desired));
  }

  /** `covered`: its children are carried elsewhere, so that nothing need be sent on them while the peer drops its halves. */
  #replace(sa: IkeSa, covered: boolean): void {
    if (covered) this.#context.retire(sa);
    sa.close({ code: "replaced" });
  }

  /** Both ends asked for the same child at once: who asked for the lesser pair has it deleted. */
  #tendCrossed(main: IkeSa): void {
    for (const record of this.#context.children.values()) {
      if (record.sas.size < 2) continue;
      const pairs = [...record.sas].filter((child) => main.children.get(child.spiIn) === child && !child.rekeys);
      if (!pairs.every((child) => main.children.sendsOn(child))) continue;
      let greatest = 0n;
      for (const { lowestNonce } of pairs) if (lowestNonce > greatest) greatest = lowestNonce;
      for (const child of pairs) {
        if (child.lowestNonce === greatest || child.role === "responder" || this.#retired.has(child)) continue;
        this.#retired.add(child);
        main.children.retire(child, { code: "replaced" });
      }
    }
  }
}
