/** The anti-replay window of an inbound SA: RFC 4303 3.4.3. */
export class ReplayWindow {
  readonly #size: bigint;
  #highest = 0n;
  readonly #seen = new Set<bigint>();

  /** `size` in packets; 0 accepts everything. */
  constructor(size: number) {
    this.#size = BigInt(size);
  }

  /** Whether `sequence` is new and inside the window, or right of it. */
  accepts(sequence: bigint): boolean {
    if (this.#size === 0n) return true;
    if (sequence === 0n) return false;
    if (sequence > this.#highest) return true;
    return sequence + this.#size > this.#highest && !this.#seen.has(sequence);
  }

  /** Marks `sequence` as seen, once the packet is authenticated. */
  advance(sequence: bigint): void {
    if (this.#size === 0n) return;
    this.#seen.add(sequence);
    if (sequence <= this.#highest) return;
    this.#highest = sequence;
    for (const old of this.#seen) if (old + this.#size <= sequence) this.#seen.delete(old);
  }
}
