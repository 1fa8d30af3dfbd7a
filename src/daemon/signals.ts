/** The signals that the daemon takes: SIGHUP to reload, SIGTERM and SIGINT to end. */
export type Signal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** Signals one after the other; those that come early wait. */
export class Signals {
  readonly #queue: Signal[] = [];
  readonly #handlers = new Map<Signal, () => void>();
  #waiting: ((signal: Signal) => void)[] = [];

  constructor() {
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
      const handler = (): void => this.#arrived(signal);
      this.#handlers.set(signal, handler);
      process.on(signal, handler);
    }
  }

  async next(): Promise<Signal> {
    const first = this.#queue.shift();
    if (first !== undefined) return first;
    return await new Promise((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    for (const [signal, handler] of this.#handlers) process.off(signal, handler);
  }

  #arrived(signal: Signal): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(signal);
    // Several hang-ups in a row ask for one reload.
    else if (!this.#queue.includes(signal)) this.#queue.push(signal);
  }
}
