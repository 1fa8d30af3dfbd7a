/** The process's one timer for the engine: it rings at the deadline that the engine names. */

/** A monotonic clock, in milliseconds. */
export type MonotonicClock = () => number;

export class DeadlineTimer {
  readonly #clock: MonotonicClock;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #deadline: number | undefined;

  constructor(clock: MonotonicClock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `deadline`, on the clock given; undefined: not at all. */
  set(deadline: number | undefined): void {
    if (deadline === this.#deadline) return;
    clearTimeout(this.#timer);
    this.#deadline = deadline;
    this.#timer = undefined;
    if (deadline !== undefined) this.#arm(deadline);
  }

  #arm(deadline: number): void {
    const wait = Math.min(maxDelay, Math.max(1, Math.ceil(deadline - this.#clock())));
    this.#timer = setTimeout(() => {
      // Node's timers count from the start of a loop turn and may ring early; a long wait is cut into pieces.
      if (this.#clock() < deadline) return this.#arm(deadline);
      this.#deadline = undefined;
      this.#timer = undefined;
      this.#ring();
    }, wait);
  }
}

/** setTimeout takes at most 2^31 - 1 milliseconds; one day is enough. */
const maxDelay = 86_400_000;
