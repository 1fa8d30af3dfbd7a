/** The process's one timer for the engine: it rings at the deadline that the engine names. */

/** A monotonic clock, in milliseconds. */
export type MonotonicClock = () => number;

export class DeadlineTimer {
  readonly #clock: MonotonicClock;
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | undefined;
  #deadline: number | undefined;
  /** When Node's timer rings, at the latest: no later than the deadline. */
  #armedFor = 0;

  constructor(clock: MonotonicClock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** Rings at `deadline`, on the clock given; undefined: not at all. */
  set(deadline: number | undefined): void {
    if (deadline === this.#deadline) return;
    this.#deadline = deadline;
    // Where the deadline moves on with every handshake, one timer that looks again costs less than a new one each time.
    if (deadline !== undefined && this.#timer !== undefined && this.#armedFor <= deadline) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (deadline !== undefined) this.#arm(deadline);
  }

  #arm(deadline: number): void {
    this.#armedFor = deadline;
    const wait = Math.min(maxDelay, Math.max(1, Math.ceil(deadline - this.#clock())));
    this.#timer = setTimeout(() => this.#look(), wait);
  }

  #look(): void {
    this.#timer = undefined;
    const deadline = this.#deadline;
    if (deadline === undefined) return;
    // Node's timers count from the start of a loop turn and may ring early; a long wait is cut into pieces.
    if (this.#clock() < deadline) return this.#arm(deadline);
    this.#deadline = undefined;
    this.#ring();
  }
}

/** setTimeout takes at most 2^31 - 1 milliseconds; one day is enough. */
const maxDelay = 86_400_000;
