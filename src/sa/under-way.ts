/** Exchanges of ours that make, rekey or close Child SAs of one IKE SA, and what the peer says of these meanwhile. */
import type { SaProtocol } from "../kernel/port.ts";
import { earlyDeletions } from "./constants.ts";

/** Each is under way until all that follows from its response is done. */
export class UnderWay {
  // Made when they are needed: most IKE SAs are at rest.
  #exchanges: Set<object> | undefined;
  #deletedEarly: Set<string> | undefined;

  /** Whether we are creating, rekeying or closing one of them (RFC 7296 2.25.1). */
  get isBusy(): boolean {
    return this.#exchanges !== undefined;
  }

  begun(exchange: object): void {
    this.#exchanges ??= new Set();
    this.#exchanges.add(exchange);
  }

  done(exchange: object): void {
    if (!this.#exchanges?.delete(exchange) || this.#exchanges.size > 0) return;
    this.#exchanges = undefined;
    this.#deletedEarly = undefined;
  }

  /** The peer deletes what we do not have: it may be what a response that is still on its way names. */
  deletedUnknown(protocol: SaProtocol, spiOut: number): void {
    if (!this.isBusy) return;
    this.#deletedEarly ??= new Set();
    if (this.#deletedEarly.size < earlyDeletions) this.#deletedEarly.add(`${protocol} ${spiOut}`);
  }

  /** Whether the peer has deleted it before we had the response. */
  wasDeleted(protocol: SaProtocol, spiOut: number): boolean {
    return this.#deletedEarly?.has(`${protocol} ${spiOut}`) === true;
  }
}
