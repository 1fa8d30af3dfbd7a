/** What the engine asks of a peer, said in IKEv1. */
import type { Dialect } from "../sa/any-ike-sa.ts";
import { type ChildSa, crossed, inboundId } from "../sa/child-sa.ts";
import type { OwnRekey } from "../sa/child-state.ts";
import type { ChildDesired } from "../sa/desired.ts";
import { deletePause, deletionRepeat, farewells, rememberedFarewells, repeatedDeletions } from "./constants.ts";
import { sayDeletion } from "./exchanges/informational.ts";
import { QuickModeInitiator } from "./exchanges/quick-mode-initiator.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

interface Deletion {
  readonly child: ChildSa;
  /** When it is said, in ms of the engine's clock. */
  readonly at: number;
  /** How often it is said after that. */
  readonly repeats: number;
  /** What follows when it is said first. */
  readonly then?: () => void;
}

/** What the peer may not have heard: the pair is gone here already. */
interface Farewell {
  readonly child: ChildSa;
  /** How often it is to be said still. */
  left: number;
}

export class Ikev1Dialect implements Dialect {
  readonly canMove = false;
  readonly #sa: IkeV1Sa;
  /** Pairs that are to go in a moment, by their inbound SPI. */
  #deletions: Map<number, Deletion> | undefined;
  /** Those that went at once, by their inbound SPI, oldest first. */
  #farewells: Map<number, Farewell> | undefined;

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  askForChild(child: ChildDesired): void {
    this.#sa.exchanges.add(new QuickModeInitiator(child, undefined));
  }

  askForLife(then?: () => void): void {
    this.#sa.deadPeers.ask(then);
  }

  rekeyChild(child: ChildSa, begun: (rekey: OwnRekey) => void): void {
    const exchange = new QuickModeInitiator(child.desired, child);
    begun(exchange);
    this.#sa.exchanges.add(exchange);
  }

  /**
   * A DELETE is not answered. Where something is to follow, another pair has taken the place of this one: it is said only
   * when the message that completes the other must have arrived. A peer that may send on this one and not on the other is told
   * again, while we still receive on it.
   */
  deleteChild(child: ChildSa, then?: () => void): void {
    if (then === undefined) return this.#sayFarewell(child);
    const repeats = this.#mayBeSentOn(child) ? repeatedDeletions : 0;
    this.#sayLater(child.spiIn, { child, at: this.#sa.host.now() + deletePause, repeats, then });
  }

  /** What stays is no newer: of several pairs that crossed the peer sends on the one that came last there. */
  #mayBeSentOn(child: ChildSa): boolean {
    const { children } = this.#sa.holder;
    return [...children.values()].some(
      (other) =>
        other !== child &&
        other.desired.name === child.desired.name &&
        children.state(other)?.kind === "Standing" &&
        (other.since <= child.since || crossed(other, child)),
    );
  }

  deletionDue(spiIn: number): void {
    const deletion = this.#deletions?.get(spiIn);
    if (deletion === undefined) return;
    this.#deletions?.delete(spiIn);
    const { child, repeats, then } = deletion;
    this.#say(child);
    then?.();
    const { host, isOver, succession } = this.#sa;
    if (repeats === 0 || isOver || succession.holder.children.get(spiIn) !== undefined) return;
    this.#sayLater(spiIn, { child, at: host.now() + deletionRepeat, repeats: repeats - 1 });
  }

  /** The peer lives, and hears us: what it may have missed is said again. */
  sayAgain(): void {
    for (const [spiIn, farewell] of this.#farewells ?? []) {
      farewell.left -= 1;
      const isTaken = this.#sa.holder.children.get(spiIn) !== undefined;
      if (farewell.left === 0 || isTaken) this.#farewells?.delete(spiIn);
      if (!isTaken) this.#say(farewell.child);
    }
  }

  /** The pair is gone here, and its DELETE may be lost on its way: the peer would send on its half for as long as it lasts. */
  #sayFarewell(child: ChildSa): void {
    this.#say(child);
    this.#remember(child.spiIn, { child, left: farewells });
  }

  #remember(spiIn: number, farewell: Farewell): void {
    this.#farewells ??= new Map();
    this.#farewells.set(spiIn, farewell);
    const [oldest] = this.#farewells.keys();
    if (this.#farewells.size > rememberedFarewells && oldest !== undefined) this.#farewells.delete(oldest);
  }

  /** Another's IPsec SAs are this one's from now on: so is what was to be said of them, however soon the other ends. */
  inherit(other: Ikev1Dialect): void {
    const { farewells: said, deletions } = other.#giveAway();
    for (const [spiIn, farewell] of said ?? []) this.#remember(spiIn, farewell);
    for (const [spiIn, deletion] of deletions ?? []) {
      other.#sa.host.disarm(other.#sa, `delete ${spiIn}`);
      this.#sayLater(spiIn, deletion);
    }
  }

  #giveAway() {
    const given = { farewells: this.#farewells, deletions: this.#deletions };
    this.#farewells = undefined;
    this.#deletions = undefined;
    return given;
  }

  #sayLater(spiIn: number, deletion: Deletion): void {
    this.#deletions ??= new Map();
    this.#deletions.set(spiIn, deletion);
    this.#sa.host.arm(this.#sa, `delete ${spiIn}`, deletion.at);
  }

  /** Some look for the pair under the ISAKMP SA alone whose message names it, and of several may have it under any. */
  #say(child: ChildSa): void {
    for (const sa of [this.#sa, ...this.#sa.succession.twins]) sayDeletion(sa, inboundId(child));
  }

  rekey(): void {
    this.#sa.succession.start();
  }

  addressesChanged(): void {}

  redirect(): void {}

  get name(): string {
    return `IKEv1 ${this.#sa.mode} mode`;
  }

  readonly mayCarryOn = true;

  get bequeaths(): boolean {
    return this.#sa.succession.heirToBe !== undefined;
  }

  get mayStandAtPeer(): boolean {
    return this.#sa.state.kind === "ExpectIdentityAnswer";
  }
}
