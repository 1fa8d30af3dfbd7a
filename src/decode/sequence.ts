/** The sequence numbers of one ESP or AH SA as a capture shows them (RFC 4303 3.4.3). */

const windowSize = 64;
const half = 0x8000_0000;

/** What is unusual about the next number. */
export type SequenceFinding =
  | { readonly kind: "usual" | "replay" | "late" | "zero" }
  | { readonly kind: "gap"; readonly missing: number };

/** Follows one SA; the upper half of extended numbers is guessed from where the lower one wraps. */
export class SequenceTracker {
  #highest: number | undefined;
  #high = 0;
  #window = 0n;

  /** The upper 32 bits that the number has if the SA uses extended numbers (RFC 4303 Appendix A). */
  highFor(sequence: number): number {
    if (this.#highest === undefined) return 0;
    return sequence < this.#highest && this.#highest - sequence > half ? this.#high + 1 : this.#high;
  }

  /** Takes a number and says what is unusual. */
  take(sequence: number): SequenceFinding {
    // The first packet of an SA has number 1 (RFC 4303 2.2).
    if (sequence === 0 && this.#highest === undefined) {
      this.#accept(sequence);
      return { kind: "zero" };
    }
    if (this.#highest === undefined) {
      this.#accept(sequence);
      return { kind: "usual" };
    }
    const wrapped = this.#highest - sequence > half;
    const ahead = wrapped ? sequence + 2 ** 32 - this.#highest : sequence - this.#highest;
    if (ahead > 0) {
      if (wrapped) this.#high += 1;
      this.#window =
        ahead >= windowSize ? 1n : ((this.#window << BigInt(ahead)) | 1n) & (2n ** BigInt(windowSize) - 1n);
      this.#highest = sequence;
      return ahead === 1 ? { kind: "usual" } : { kind: "gap", missing: ahead - 1 };
    }
    const bit = 1n << BigInt(-ahead);
    if (-ahead >= windowSize) return { kind: "late" };
    if ((this.#window & bit) !== 0n) return { kind: "replay" };
    this.#window |= bit;
    return { kind: "late" };
  }

  #accept(sequence: number): void {
    this.#highest = sequence;
    this.#window = 1n;
  }
}
