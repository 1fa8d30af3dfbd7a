/**
 * The engine's loop: events in, one after the other, effects carried out.
 *
 * Whatever is answered at once becomes an event behind those that wait, so that the stack never grows.
 */
import type { Effect, EngineEvent } from "../engine/io.ts";
import type { Kernel } from "../kernel/port.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { LogRecord } from "../sa/log-record.ts";
import type { Path } from "../sa/path.ts";
import { DeadlineTimer, type MonotonicClock } from "./deadline-timer.ts";
import { KernelExecutor } from "./kernel-executor.ts";

/** What the loop asks of an engine. */
export interface EnginePort {
  handle(event: EngineEvent, now: number): Effect[];
  nextDeadline(): number | undefined;
}

/** Where the effects go. */
export interface LoopOptions {
  readonly engine: EnginePort;
  readonly kernel: Kernel;
  readonly clock: MonotonicClock;
  send(octets: Uint8Array, path: Path): void;
  /** Answers at once, or later from a worker. */
  compute(job: ComputeJob): ComputeResult | Promise<ComputeResult>;
  log(record: LogRecord): void;
  stopped(): void;
  /** Something that came from outside made the engine throw: a fault of ours that must not stop the process (invariant 3). */
  fault(event: EngineEvent["kind"], error: unknown): void;
}

export class EventLoop {
  readonly #options: LoopOptions;
  readonly #kernel: KernelExecutor;
  readonly #timer: DeadlineTimer;
  readonly #inbox: EngineEvent[] = [];
  #running = false;
  #closed = false;

  constructor(options: LoopOptions) {
    this.#options = options;
    this.#kernel = new KernelExecutor(options.kernel, (id, answers) =>
      this.dispatch({ kind: "answered", id, answers }),
    );
    this.#timer = new DeadlineTimer(options.clock, () => this.dispatch({ kind: "wake" }));
    options.kernel.onEvent((event) => this.dispatch({ kind: "kernel", event }));
  }

  /** Handles the event, and every event that follows from it at once. */
  dispatch(event: EngineEvent): void {
    if (this.#closed) return;
    this.#inbox.push(event);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        for (const effect of this.#handle(next)) this.#carryOut(effect);
      }
    } finally {
      this.#running = false;
    }
    this.#timer.set(this.#options.engine.nextDeadline());
  }

  /** Resolves when no kernel request is outstanding. */
  async kernelIdle(): Promise<void> {
    await this.#kernel.whenIdle();
  }

  /** Nothing is handled any more, and no timer rings: whatever still comes in would arm it anew, and keep the process. */
  close(): void {
    this.#closed = true;
    this.#timer.set(undefined);
  }

  #handle(event: EngineEvent): Effect[] {
    const { engine, clock } = this.#options;
    try {
      return engine.handle(event, clock());
    } catch (error) {
      if (!fromOutside.has(event.kind)) throw error;
      this.#options.fault(event.kind, error);
      return [];
    }
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "send":
        this.#options.send(effect.octets, effect.path);
        break;
      case "kernel":
        this.#kernel.execute(effect.id, effect.requests);
        break;
      case "compute":
        this.#compute(effect.id, effect.job);
        break;
      case "log":
        this.#options.log(effect.record);
        break;
      case "stopped":
        this.#options.stopped();
        break;
    }
  }

  #compute(id: number, job: ComputeJob): void {
    const result = this.#options.compute(job);
    if (result instanceof Promise) {
      void result.then((settled) => this.dispatch({ kind: "computed", id, result: settled }));
    } else {
      this.dispatch({ kind: "computed", id, result });
    }
  }
}

/** What a peer can bring about. A `wake` is none: its deadline would stand, and come again for ever. */
const fromOutside: ReadonlySet<EngineEvent["kind"]> = new Set([
  "datagram",
  "computed",
  "answered",
  "kernel",
  "send-failed",
]);
