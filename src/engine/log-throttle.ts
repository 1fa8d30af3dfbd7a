const window = 1_000;

/** Keeps what anybody can bring about from flooding the log: so many records a second, the rest counted. */
export class LogThrottle {
  readonly #perWindow: number;
  #since = Number.NEGATIVE_INFINITY;
  #told = 0;
  #left = 0;

  constructor(perWindow = 10) {
    this.#perWindow = perWindow;
  }

  /** How many were left out since the last that was told, or undefined where this one is to be left out too. */
  admit(now: number): number | undefined {
    if (now - this.#since >= window) {
      this.#since = now;
      this.#told = 0;
    }
    if (this.#told >= this.#perWindow) {
      this.#left += 1;
      return undefined;
    }
    this.#told += 1;
    const left = this.#left;
    this.#left = 0;
    return left;
  }
}
