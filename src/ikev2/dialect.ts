/** What the engine asks of a peer, said in IKEv2. */
import type { Dialect } from "../sa/any-ike-sa.ts";
import { type ChildSa, protocolOf } from "../sa/child-sa.ts";
import type { OwnRekey } from "../sa/child-state.ts";
import type { ChildDesired, Gateway } from "../sa/desired.ts";
import { createChild, rekeyChild } from "./exchanges/create-child-sa-initiator.ts";
import { askForLife, deleteChild, proofOfLife } from "./exchanges/informational.ts";
import { addressesChanged } from "./exchanges/mobike.ts";
import type { IkeSa } from "./ike-sa.ts";
import { redirectCaller } from "./redirect.ts";

/** Holds nothing of its own: made when it is asked for. */
export class Ikev2Dialect implements Dialect {
  readonly name = "IKEv2";
  readonly #sa: IkeSa;

  constructor(sa: IkeSa) {
    this.#sa = sa;
  }

  askForChild(child: ChildDesired): void {
    this.#sa.request(createChild(child));
  }

  askForLife(then?: () => void): void {
    this.#sa.request(then === undefined ? askForLife : proofOfLife(then));
  }

  rekeyChild(child: ChildSa, begun: (rekey: OwnRekey) => void): void {
    const task = rekeyChild(child);
    begun(task);
    this.#sa.request(task);
  }

  deleteChild(child: ChildSa, then?: () => void): void {
    this.#sa.request(deleteChild(protocolOf(child), child.spiIn, then));
  }

  rekey(): void {
    this.#sa.succession.start();
  }

  addressesChanged(): void {
    addressesChanged(this.#sa);
  }

  redirect(to: Gateway): void {
    this.#sa.request(redirectCaller(to));
  }

  get canMove(): boolean {
    return this.#sa.mobike !== undefined;
  }

  readonly mayCarryOn = false;

  readonly bequeaths = false;

  get mayStandAtPeer(): boolean {
    return this.#sa.state.kind === "ExpectAuthResponse";
  }
}
