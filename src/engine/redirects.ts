/** Following a gateway's REDIRECT (RFC 5685): where to, whether at all, and no more often than makes sense. */
import { gatewayText } from "../ikev2/redirect.ts";
import type { Address } from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { Gateway, PeerDesired } from "../sa/desired.ts";

/** RFC 5685 7: MAX_REDIRECTS within REDIRECT_LOOP_DETECT_PERIOD, in ms. */
const mostRedirects = 5;
const loopDetectPeriod = 300_000;

/** One peer's redirects. */
export class Redirects {
  readonly #desired: PeerDesired;
  /** When the latest were followed. */
  #followed: number[] = [];

  constructor(desired: PeerDesired) {
    this.#desired = desired;
  }

  /**
   * The address to go to, which counts as gone to, or why not. Only what `remote` names: its policies stand, and a
   * REDIRECT must not change any (RFC 5685 3). So it can send nobody to a victim, or to where traffic would be in clear.
   */
  follow(to: Gateway, from: Address, now: number): { readonly address: Address } | { readonly reason: Reason } {
    const refuse = (why: Extract<Reason, { code: "redirect-refused" }>["why"]) =>
      ({ reason: { code: "redirect-refused", to: gatewayText(to), why } }) as const;
    const { redirect, remote } = this.#desired;
    if (!redirect.follow || remote === "any") return refuse("forbidden");
    const address = this.#addressesOf(to).find((one) => remote.includes(one) && one !== from);
    if (address === undefined) return refuse("unlisted");
    this.#followed = this.#followed.filter((at) => at + loopDetectPeriod > now);
    if (this.#followed.length >= mostRedirects) return refuse("loop");
    this.#followed.push(now);
    return { address };
  }

  #addressesOf(to: Gateway): readonly Address[] {
    if (to.kind === "address") return [to.address];
    const name = to.name.toLowerCase();
    return this.#desired.redirect.names.find((one) => one.name.toLowerCase() === name)?.addresses ?? [];
  }
}
