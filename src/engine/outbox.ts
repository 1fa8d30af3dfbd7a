/** What the engine wants done: effects in order, and who waits for which answer. */
import type { KernelAnswer, KernelRequest } from "../kernel/port.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { LogRecord } from "../sa/log-record.ts";
import type { Path } from "../sa/path.ts";
import type { Effect } from "./io.ts";

export class Outbox {
  #effects: Effect[] = [];
  #nextId = 1;
  readonly #computing = new Map<number, (result: ComputeResult) => void>();
  readonly #asking = new Map<number, (answers: readonly KernelAnswer[]) => void>();

  /** The effects so far, in order; the box is empty afterwards. */
  take(): Effect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  send(octets: Uint8Array, path: Path): void {
    this.#effects.push({ kind: "send", octets, path });
  }

  log(record: LogRecord): void {
    this.#effects.push({ kind: "log", record });
  }

  stopped(): void {
    this.#effects.push({ kind: "stopped" });
  }

  compute(job: ComputeJob, then: (result: ComputeResult) => void): void {
    const id = this.#nextId++;
    this.#computing.set(id, then);
    this.#effects.push({ kind: "compute", id, job });
  }

  kernel(requests: readonly KernelRequest[], then: (answers: readonly KernelAnswer[]) => void): void {
    const id = this.#nextId++;
    this.#asking.set(id, then);
    this.#effects.push({ kind: "kernel", id, requests });
  }

  /** A second answer for the same id is nobody's. */
  computed(id: number, result: ComputeResult): void {
    const then = this.#computing.get(id);
    this.#computing.delete(id);
    then?.(result);
  }

  answered(id: number, answers: readonly KernelAnswer[]): void {
    const then = this.#asking.get(id);
    this.#asking.delete(id);
    then?.(answers);
  }

  /** Whether the kernel still owes an answer. */
  get isAsking(): boolean {
    return this.#asking.size > 0;
  }
}
