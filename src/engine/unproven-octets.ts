/** What is kept of messages that are not whole yet, whose senders have not proved who they are. */
import { reassemblyLimits } from "../ikev2/constants.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";

/** One sum for all of them: anybody can have it grow. */
export class UnprovenOctets {
  #sum = 0;

  /** Fragments of IKEv2, which are authentic once the SA stands. */
  mayKeep(sa: AnyIkeSa, octets: number): boolean {
    return sa.establishedAt > 0 || this.take(octets);
  }

  keepsNoMore(sa: AnyIkeSa, octets: number): void {
    if (sa.establishedAt === 0) this.give(octets);
  }

  /** Whether so many octets more may be kept; they count until they are given back. Fragments of IKEv1 never are authentic. */
  take(octets: number): boolean {
    if (this.#sum + octets > reassemblyLimits.unproven) return false;
    this.#sum += octets;
    return true;
  }

  give(octets: number): void {
    this.#sum -= octets;
  }
}
