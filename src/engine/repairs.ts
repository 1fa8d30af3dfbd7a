/** Kernel requests that must be carried out in the end, however often the kernel refuses. */
import type { KernelRequest } from "../kernel/port.ts";
import type { Outbox } from "./outbox.ts";
import { policyKey } from "./policies.ts";
import type { TimerHeap, TimerOwner } from "./timers.ts";

const firstWait = 1_000;
const longestWait = 60_000;

/** What the kernel says when the thing to be removed is gone already. */
const goneAlready: ReadonlySet<string> = new Set(["ESRCH", "ENOENT"]);

export type Insisted = Extract<
  KernelRequest,
  { kind: "setPolicy" | "deletePolicy" | "deleteSa" | "setRoute" | "deleteRoute" }
>;

/** Repeats refused requests, the latest of each object only, with growing waits. */
export class Repairs implements TimerOwner {
  readonly #outbox: Outbox;
  readonly #timers: TimerHeap;
  readonly #now: () => number;
  readonly #pending = new Map<string, Insisted>();
  #wait = firstWait;

  constructor(outbox: Outbox, timers: TimerHeap, now: () => number) {
    this.#outbox = outbox;
    this.#timers = timers;
    this.#now = now;
  }

  /** Asks now; where that is refused, again and again until it is done or another request for the same object comes. */
  insist(request: Insisted): void {
    const key = keyOf(request);
    this.#pending.delete(key);
    this.#outbox.kernel([request], ([answer]) => {
      if (answer?.kind !== "refused" || isDone(request, answer.refusal.errno)) return;
      this.#outbox.log({
        level: "error",
        event: "policy-failed",
        reason: { code: "kernel-refused", ...answer.refusal },
        facts: { object: key, again: "the request will be repeated" },
      });
      this.#pending.set(key, request);
      this.#timers.arm(this, "repair", this.#now() + this.#wait);
    });
  }

  /** Another request for the same object has been made elsewhere: the pending one would undo it. */
  supersede(request: KernelRequest): void {
    if (isInsisted(request)) this.#pending.delete(keyOf(request));
  }

  onTimer(): void {
    this.#wait = this.#pending.size === 0 ? firstWait : Math.min(this.#wait * 2, longestWait);
    for (const request of [...this.#pending.values()]) this.insist(request);
    if (this.#pending.size === 0) this.#wait = firstWait;
  }
}

function isInsisted(request: KernelRequest): request is Insisted {
  return keyed.has(request.kind);
}

const keyed: ReadonlySet<KernelRequest["kind"]> = new Set([
  "setPolicy",
  "deletePolicy",
  "deleteSa",
  "setRoute",
  "deleteRoute",
]);

function keyOf(request: Insisted): string {
  switch (request.kind) {
    case "setPolicy":
      return `policy ${policyKey(request.policy)}`;
    case "deletePolicy":
      return `policy ${policyKey(request)}`;
    case "deleteSa":
      return `SA ${request.sa.protocol} ${request.sa.spi.toString(16)} ${request.sa.destination}`;
    case "setRoute":
    case "deleteRoute":
      return `route ${request.route.destination.address}/${request.route.destination.length}`;
  }
}

/** Another owner's object is not ours to remove or to overwrite: repeating would not help. */
function isDone(request: Insisted, errno: string): boolean {
  if (request.kind === "setPolicy" || request.kind === "setRoute") return false;
  return goneAlready.has(errno);
}
