/** What the engine asks of a peer, said in IKEv1. */
import type { Dialect } from "../sa/any-ike-sa.ts";
import { type ChildSa, inboundId } from "../sa/child-sa.ts";
import type { OwnRekey } from "../sa/child-state.ts";
import type { ChildDesired } from "../sa/desired.ts";
import { deletePause } from "./constants.ts";
import { sayDeletion } from "./exchanges/informational.ts";
import { QuickModeInitiator } from "./exchanges/quick-mode-initiator.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

interface Deletion {
  readonly child: ChildSa;
  /** When it is said, in ms of the engine's clock. */
  readonly at: number;
  readonly then: () => void;
}

export class Ikev1Dialect implements Dialect {
  readonly canMove = false;
  readonly #sa: IkeV1Sa;
  /** Pairs that are to go in a moment, by their inbound SPI. */
  #deletions: Map<number, Deletion> | undefined;

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
   * when the message that completes the other must have arrived.
   */
  deleteChild(child: ChildSa, then?: () => void): void {
    if (then === undefined) return this.#say(child);
    this.#sayLater(child.spiIn, { child, at: this.#sa.host.now() + deletePause, then });
  }

  deletionDue(spiIn: number): void {
    const deletion = this.#deletions?.get(spiIn);
    if (deletion === undefined) return;
    this.#deletions?.delete(spiIn);
    this.#say(deletion.child);
    deletion.then();
  }

  /** Another's IPsec SAs are this one's from now on: so is what was to be said of them, however soon the other ends. */
  inherit(other: Ikev1Dialect): void {
    const deletions = other.#deletions;
    other.#deletions = undefined;
    for (const [spiIn, deletion] of deletions ?? []) {
      other.#sa.host.disarm(other.#sa, `delete ${spiIn}`);
      this.#sayLater(spiIn, deletion);
    }
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
