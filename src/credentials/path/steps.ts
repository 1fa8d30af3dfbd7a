/** Work of one validation, counted, so that what a peer sends bounds nothing but itself. */
export class Steps {
  readonly #most: number;
  #taken = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** How much was done. */
  get taken(): number {
    return this.#taken;
  }

  /** Counts `more`; false where that is more than may be done. */
  take(more: number): boolean {
    this.#taken += more;
    return this.#taken <= this.#most;
  }
}

/** What the kinds of work cost, in steps of about 5 us. */
export const stepCosts = { comparison: 1, verification: 50 } as const;

/** Enough for 60 signatures and some thousand comparisons of names; what real paths cost is a tenth of it. */
export const mostSteps = 20_000;
