/** What the engine asks of a peer, said in IKEv1. */
import type { SaProtocol } from "../kernel/port.ts";
import type { Dialect } from "../sa/any-ike-sa.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { OwnRekey } from "../sa/child-state.ts";
import type { ChildDesired } from "../sa/desired.ts";
import { deletePause } from "./constants.ts";
import { sayDeletion } from "./exchanges/informational.ts";
import { QuickModeInitiator } from "./exchanges/quick-mode-initiator.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

interface Deletion {
  readonly protocol: SaProtocol;
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
  deleteChild(protocol: SaProtocol, spiIn: number, then?: () => void): void {
    if (then === undefined) return sayDeletion(this.#sa, protocol, spiIn);
    this.#deletions ??= new Map();
    this.#deletions.set(spiIn, { protocol, then });
    this.#sa.host.arm(this.#sa, `delete ${spiIn}`, this.#sa.host.now() + deletePause);
  }

  /** The moment has come. Another ISAKMP SA may have the pair by now, and says it. */
  deletionDue(spiIn: number): void {
    const deletion = this.#deletions?.get(spiIn);
    if (deletion === undefined) return;
    this.#deletions?.delete(spiIn);
    sayDeletion(this.#sa.holder, deletion.protocol, spiIn);
    deletion.then();
  }

  rekey(): void {
    this.#sa.succession.start();
  }

  addressesChanged(): void {}

  redirect(): void {}

  get name(): string {
    return `IKEv1 ${this.#sa.mode} mode`;
  }

  get mayStandAtPeer(): boolean {
    return this.#sa.state.kind === "ExpectIdentityAnswer";
  }
}
