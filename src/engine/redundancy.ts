/** Of one peer's IKE SAs and pairs of Child SAs, those that are one too many: which they are, and how they go. */

import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { type ChildSa, crossed } from "../sa/child-sa.ts";
import type { UniquePolicy } from "../sa/desired.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import type { ChildRecord } from "./child-record.ts";
import { covers, missingOn } from "./coverage.ts";
import { Leftovers } from "./leftovers.ts";

/** How long an IKE SA that is one too many waits for its twin to carry the children, in ms. */
const redundantPatience = 10_000;

/** How long the end that opened an IKE SA which is one too many is left to close it, in ms; other daemons never do. */
const openerPatience = 15_000;

/**
 * How much longer the peer is left to delete a pair of its own that has the greater nonces: it may take that for the one that is
 * to stay, and delete the other.
 */
const greaterPatience = 4_000;

/** How often that wait doubles: some daemons open another for each that is closed. */
const mostDoublings = 8;

/** Why there is something to be looked at again. */
export type Look = "redundant" | "leftovers" | "crossed";

/** What is asked of the peer and of what surrounds it. */
export interface RedundancyContext {
  readonly unique: UniquePolicy;
  readonly sas: ReadonlySet<AnyIkeSa>;
  readonly children: ReadonlyMap<string, ChildRecord>;
  now(): number;
  /** Has the peer look again at that time, in ms of the engine's clock. */
  lookAgain(why: Look, at: number): void;
  /** Stops sending on an IKE SA's children, whose traffic another carries. */
  retire(sa: AnyIkeSa): void;
}

/** Chooses the IKE SA that stays, and closes the others as soon as nothing is lost by it. */
export class Redundancy {
  readonly #context: RedundancyContext;
  readonly #leftovers = new Leftovers();
  /** IKE SAs that are being asked for a sign of life. */
  readonly #asked = new WeakSet<AnyIkeSa>();
  /** When each will be looked at again, in ms of the engine's clock; in the past: not at all. */
  readonly #looks = new Map<Look, number>();
  /** How often we closed one that the peer should have closed. */
  #closedForPeer = 0;

  constructor(context: RedundancyContext) {
    this.#context = context;
  }

  /** Why a caller that has proved this identity is turned away; undefined where it is welcome. */
  unwelcome(identity: Identity, path: Path): Reason | undefined {
    if (this.#context.unique !== "keep") return undefined;
    for (const other of this.#leftovers.with(identity)) {
      // From the same address it is the same host: it restarted, or both ends called at once.
      if (other.state.kind !== "Established" || other.path.remote.address === path.remote.address) continue;
      // If it moved, or died, it is to be let in as soon as possible.
      this.#askForLife(other);
      return { code: "already-connected", identity: identity.text, from: formatEndpoint(other.path.remote) };
    }
    return undefined;
  }

  /** The operator wants it tried anew: how often it was tried before does not count. */
  beginAnew(): void {
    this.#closedForPeer = 0;
    this.#looks.clear();
  }

  /** An IKE SA was established; `initialContact`: the peer says that it has no other. */
  established(sa: AnyIkeSa, initialContact: boolean): void {
    if (this.#context.unique === "never") return;
    this.#leftovers.established(sa, initialContact);
    this.closeLeftovers(sa);
  }

  /** The peer was quicker: of our own calls, those of which it has nothing but half-open state are needless. */
  giveUpOwnCalls(): void {
    for (const sa of [...this.#context.sas]) {
      if (sa.role === "initiator" && sa.establishedAt === 0 && !sa.dialect.mayStandAtPeer)
        sa.close({ code: "replaced" });
    }
  }

  /** One took the place of another: what was known of that holds for it. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    this.#leftovers.rekeyed(sa, heir);
  }

  /** The peer has shown that it knows nothing of it any more; it goes when another carries its children, or soon. */
  forgotten(sa: AnyIkeSa): void {
    const now = this.#context.now();
    this.#leftovers.forget(sa, now);
    this.#lookAgain("leftovers", now + redundantPatience);
  }

  /** Whether the peer has said or shown that it knows nothing of it any more. */
  isForgotten(sa: AnyIkeSa): boolean {
    return this.#leftovers.isForgotten(sa);
  }

  ended(sa: AnyIkeSa): void {
    this.#leftovers.ended(sa);
  }

  /**
   * The IKE SA that children are asked for on: of those that nothing newer has replaced, the one that RFC 7296 2.8.1's
   * comparison of nonces keeps.
   */
  main(): AnyIkeSa | undefined {
    let main: AnyIkeSa | undefined;
    for (const sa of this.#context.sas) {
      if (sa.state.kind !== "Established" || this.#leftovers.isForgotten(sa)) continue;
      if (main === undefined || this.#isBetter(sa, main)) main = sa;
    }
    return main;
  }

  /** Does what brings the peer nearer to having `main` alone, with one pair for each child. */
  tend(main: AnyIkeSa): void {
    if (this.#context.unique !== "never") this.#tendTwins(main);
    this.#tendCrossed(main);
  }

  /**
   * Their children may still be carried by the peer's kernel: they go when new ones stand, or when the peer that forgot
   * them has had its time. A peer that remembers them is left to close them itself, and to keep what is not replaced.
   * With `heir`, only those are looked at whose place it may have taken.
   */
  closeLeftovers(heir?: AnyIkeSa): void {
    const now = this.#context.now();
    for (const { sa, forgotten, replaced, since } of this.#leftovers.standing(heir)) {
      const overdue = since + redundantPatience;
      if (forgotten ? replaced || overdue <= now : replaced && overdue <= now) this.#replace(sa, replaced);
      else if (overdue > now) this.#lookAgain("leftovers", overdue);
      else if (sa.origin === "initiator") this.#empty(sa);
    }
  }

  /** We opened it, and something of it is carried nowhere else: each end would renew its own for ever. */
  #empty(sa: AnyIkeSa): void {
    const main = this.main();
    if (main === undefined || main === sa || this.#leftovers.has(main)) return;
    for (const name of missingOn(main, sa)) this.#move(name, main);
  }

  /** At the earliest of the times that were asked for. */
  #lookAgain(why: Look, at: number): void {
    const armed = this.#looks.get(why);
    if (armed !== undefined && armed <= at && armed > this.#context.now()) return;
    this.#looks.set(why, at);
    this.#context.lookAgain(why, at);
  }

  #isBetter(sa: AnyIkeSa, than: AnyIkeSa): boolean {
    const isLeft = this.#leftovers.has(sa);
    return isLeft === this.#leftovers.has(than) ? sa.lowestNonce > than.lowestNonce : !isLeft;
  }

  /**
   * Two ends that called each other at once have two IKE SAs. Who opened the lesser one closes it once the other carries
   * all its children, and asks for those that it does not carry yet.
   */
  #tendTwins(main: AnyIkeSa): void {
    for (const sa of [...this.#context.sas]) {
      if (sa === main || sa.state.kind !== "Established" || this.#leftovers.has(sa)) continue;
      if (sa.origin === "initiator") this.#tendOwnTwin(sa, main);
      else this.#tendTheirTwin(sa, main);
    }
  }

  #tendOwnTwin(sa: AnyIkeSa, main: AnyIkeSa): void {
    const overdue = bothSince(sa, main) + redundantPatience;
    const covered = covers(main, sa);
    if (covered || overdue <= this.#context.now()) {
      if (this.#livesBeside(main, sa)) this.#replace(sa, covered);
      return;
    }
    this.#lookAgain("redundant", overdue);
    for (const name of missingOn(main, sa)) this.#move(name, main);
  }

  /** The peer opened it; a daemon that has no such rule keeps both for ever. What `main` does not carry is left alone. */
  #tendTheirTwin(sa: AnyIkeSa, main: AnyIkeSa): void {
    if (!covers(main, sa)) return;
    const patience = openerPatience * 2 ** Math.min(this.#closedForPeer, mostDoublings);
    const overdue = bothSince(sa, main) + patience;
    if (overdue > this.#context.now()) return this.#lookAgain("redundant", overdue);
    if (!this.#livesBeside(main, sa)) return;
    this.#closedForPeer += 1;
    this.#replace(sa, true);
  }

  /**
   * Whether the peer has shown that it has `main` still, after both came to stand: one of the two may have ended the other
   * there without a word, by an INITIAL_CONTACT that was on its way. Where it has not, it is asked.
   */
  #livesBeside(main: AnyIkeSa, sa: AnyIkeSa): boolean {
    if (main.lastHeard > bothSince(main, sa)) return true;
    this.#askForLife(main);
    return false;
  }

  #askForLife(sa: AnyIkeSa): void {
    if (this.#asked.has(sa)) return;
    this.#asked.add(sa);
    sa.dialect.askForLife(() => {
      this.#asked.delete(sa);
      this.#lookAgain("redundant", this.#context.now());
    });
  }

  #move(name: string, main: AnyIkeSa): void {
    const record = this.#context.children.get(name);
    const at = record?.mayMoveTo(main);
    if (record === undefined || at === undefined) return;
    if (at > this.#context.now()) return this.#lookAgain("redundant", at);
    record.change({ kind: "up", movingTo: main }, this.#context.now());
    main.dialect.askForChild(record.desired);
  }

  /** `covered`: its children are carried elsewhere, so that nothing need be sent on them while the peer drops its halves. */
  #replace(sa: AnyIkeSa, covered: boolean): void {
    if (covered) this.#context.retire(sa);
    sa.close({ code: "replaced" });
  }

  /** Both ends asked for the same child at once: who asked for the lesser pair has it deleted, or we do in the end. */
  #tendCrossed(main: AnyIkeSa): void {
    for (const record of this.#context.children.values()) {
      if (record.sas.size < 2) continue;
      const pairs = [...record.sas].filter(
        (child) => main.children.state(child)?.kind === "Standing" && !main.children.isTwin(child),
      );
      if (pairs.length < 2 || !pairs.every((child) => main.children.sendsOn(child))) continue;
      const best = bestOf(pairs);
      const newest = Math.max(...pairs.map(({ since }) => since));
      for (const child of pairs) {
        if (child === best) continue;
        const overdue =
          newest + openerPatience + (isGreater(child, best) && child.role === "responder" ? greaterPatience : 0);
        if ((child.role === "initiator" && !mayStayThere(child, best)) || overdue <= this.#context.now())
          main.children.retire(child, { code: "replaced" }, best);
        else this.#lookAgain("crossed", overdue);
      }
    }
  }
}

/** Since when both stand, in ms of the engine's clock. */
function bothSince(one: AnyIkeSa, other: AnyIkeSa): number {
  return Math.max(one.establishedAt, other.establishedAt);
}

/**
 * Whether the peer may keep it, and delete the one that we keep: where nothing tells when the other was asked for (IKEv1),
 * each end may take for crossed what the other does not, and only the nonces are the same at both.
 */
function mayStayThere(child: ChildSa, best: ChildSa | undefined): boolean {
  return child.begun !== undefined && isGreater(child, best);
}

function isGreater(child: ChildSa, best: ChildSa | undefined): boolean {
  return best !== undefined && child.lowestNonce > best.lowestNonce;
}

/** Of several pairs for one child, those that crossed with the latest: of them the one with the greatest nonces. */
function bestOf(pairs: readonly ChildSa[]): ChildSa | undefined {
  return pairs
    .filter((pair) => pairs.every((other) => other.since <= pair.since || crossed(pair, other)))
    .reduce<ChildSa | undefined>(
      (best, pair) => (best === undefined || pair.lowestNonce > best.lowestNonce ? pair : best),
      undefined,
    );
}
