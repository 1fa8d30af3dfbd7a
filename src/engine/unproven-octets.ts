/** What is kept of messages that are not whole yet, of peers that have not proved who they are. */
import { reassemblyLimits } from "../ikev2/constants.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";

/** One sum for all of them: anybody can have it grow. */
export class UnprovenOctets {
  #sum = 0;

  /** Whether so many octets more may be kept; they count until they are kept no more. */
  mayKeep(sa: AnyIkeSa, octets: number): boolean {
    if (sa.establishedAt > 0) return true;
    if (this.#sum + octets > reassemblyLimits.unproven) return false;
    this.#sum += octets;
    return true;
  }

  keepsNoMore(sa: AnyIkeSa, octets: number): void {
    if (sa.establishedAt === 0) this.#sum -= octets;
  }
}
