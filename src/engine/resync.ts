import type { TimerHeap, TimerOwner } from "./timers.ts";

const wait = 1_000;

/** Asks for another comparison with the kernel, a while after one could not be made. */
export class Resync implements TimerOwner {
  readonly #timers: TimerHeap;
  readonly #now: () => number;
  readonly #run: () => void;

  constructor(timers: TimerHeap, now: () => number, run: () => void) {
    this.#timers = timers;
    this.#now = now;
    this.#run = run;
  }

  again(): void {
    this.#timers.arm(this, "resync", this.#now() + wait);
  }

  onTimer(): void {
    this.#run();
  }
}
