/** Callers that were sent to another gateway (RFC 5685 5): they have a while to bring up their tunnel there. */

import { gatewayText } from "../ikev2/redirect.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { Gateway, PeerDesired } from "../sa/desired.ts";

/** What is asked of the peer. */
export interface EvictionsContext {
  readonly desired: PeerDesired;
  readonly sas: ReadonlySet<AnyIkeSa>;
  now(): number;
  /** Has the peer looked after at that time. */
  lookAgain(why: "evictions", at: number): void;
}

/** One peer's callers: where they are sent, and when what is left of them goes. */
export class Evictions {
  readonly #context: EvictionsContext;
  #to: Gateway | undefined;
  readonly #until = new Map<AnyIkeSa, number>();

  constructor(context: EvictionsContext) {
    this.#context = context;
    this.#to = context.desired.redirect.to;
  }

  /** Where callers are sent; undefined: they may stay. */
  get to(): Gateway | undefined {
    return this.#to;
  }

  /** From now on they are sent there, those too that have a tunnel; or they may stay, and who was sent away too. */
  send(to: Gateway | undefined): void {
    this.#to = to;
    this.#until.clear();
    if (to === undefined) return;
    for (const sa of [...this.#context.sas]) {
      if (sa.state.kind === "Established" && this.sendAway(sa) !== undefined) sa.dialect.redirect(to);
    }
  }

  /** Where the caller of an IKE SA is sent: only one that said it can be (RFC 5685 3), and is not there already. From now on its time runs. */
  sendAway(sa: AnyIkeSa): Gateway | undefined {
    const { authentication } = sa;
    if (this.#to === undefined || authentication?.role !== "responder" || !authentication.redirectable)
      return undefined;
    // Another address of this host: who came there would be sent there again, and closed for not going.
    if (gatewayText(this.#to) === sa.path.local.address) return undefined;
    const until = this.#context.now() + this.#context.desired.redirect.grace;
    this.#until.set(sa, until);
    this.#context.lookAgain("evictions", until);
    return this.#to;
  }

  /** Closes those whose time is over. */
  closeOverdue(): void {
    const now = this.#context.now();
    const to = this.#to;
    if (to === undefined) return;
    for (const [sa, until] of [...this.#until]) {
      if (until > now) this.#context.lookAgain("evictions", until);
      else {
        this.#until.delete(sa);
        sa.close({ code: "redirected", to: gatewayText(to) });
      }
    }
  }

  /** A rekey put `heir` in the place of `sa`: its time goes on. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    const until = this.#until.get(sa);
    if (until === undefined) return;
    this.#until.delete(sa);
    this.#until.set(heir, until);
  }

  ended(sa: AnyIkeSa): void {
    this.#until.delete(sa);
  }
}
