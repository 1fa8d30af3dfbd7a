/** Kernel requests that must be carried out in the end, however often the kernel refuses. */
import type { KernelRefusal, KernelRequest } from "../kernel/port.ts";
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

/** The latest request for one object, until it is known to be done. */
interface Open {
  readonly request: Insisted;
  /** The kernel's last answer, where it was a refusal. */
  refusal: KernelRefusal | undefined;
  /** Asked, and not answered yet. */
  asking: boolean;
}

/** Repeats refused requests, the latest of each object only, with growing waits. */
export class Repairs implements TimerOwner {
  readonly #outbox: Outbox;
  readonly #timers: TimerHeap;
  readonly #now: () => number;
  readonly #open = new Map<string, Open>();
  #wait = firstWait;
  #armed = false;

  constructor(outbox: Outbox, timers: TimerHeap, now: () => number) {
    this.#outbox = outbox;
    this.#timers = timers;
    this.#now = now;
  }

  /** Asks now; where that is refused, again and again until it is done or another request for the same object comes. */
  insist(request: Insisted): void {
    const key = keyOf(request);
    const open: Open = { request, refusal: undefined, asking: false };
    this.#open.set(key, open);
    this.#ask(key, open);
  }

  /** A request for the same object is being made elsewhere: what is still open here would undo it. */
  supersede(request: KernelRequest): void {
    const key = objectOf(request);
    if (key !== undefined) this.#open.delete(key);
  }

  /** Whether the request is not known to be done, and the kernel's refusal if it gave one. */
  state(request: Insisted): { readonly open: boolean; readonly refusal: KernelRefusal | undefined } {
    const open = this.#open.get(keyOf(request));
    return { open: open !== undefined, refusal: open?.refusal };
  }

  onTimer(): void {
    this.#armed = false;
    const refused = [...this.#open].filter(([, open]) => open.refusal !== undefined && !open.asking);
    this.#wait = refused.length === 0 ? firstWait : Math.min(this.#wait * 2, longestWait);
    for (const [key, open] of refused) this.#ask(key, open);
  }

  #ask(key: string, open: Open): void {
    open.asking = true;
    this.#outbox.kernel([open.request], ([answer]) => {
      open.asking = false;
      // Overtaken: a later request for the same object must not be undone by an earlier one's repetition.
      if (this.#open.get(key) !== open) return;
      if (answer?.kind !== "refused" || isDone(open.request, answer.refusal.errno)) {
        this.#open.delete(key);
        if (this.#open.size === 0) this.#wait = firstWait;
        return;
      }
      if (open.refusal?.errno !== answer.refusal.errno) {
        this.#outbox.log({
          level: "error",
          event: "policy-failed",
          reason: { code: "kernel-refused", ...answer.refusal },
          facts: { object: key, again: "the request will be repeated" },
        });
      }
      open.refusal = answer.refusal;
      if (this.#armed) return;
      this.#armed = true;
      this.#timers.arm(this, "repair", this.#now() + this.#wait);
    });
  }
}

/** What a request is about, or undefined where it is nothing that is ever repeated here. */
function objectOf(request: KernelRequest): string | undefined {
  switch (request.kind) {
    case "installSa":
      // A deletion that is still open would remove the new SA of that SPI.
      return keyOf({ kind: "deleteSa", sa: request.sa });
    case "setPolicy":
    case "deletePolicy":
    case "deleteSa":
    case "setRoute":
    case "deleteRoute":
      return keyOf(request);
    default:
      return undefined;
  }
}

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

/** What is to be removed and is not there needs no repetition. */
function isDone(request: Insisted, errno: string): boolean {
  if (request.kind === "setPolicy" || request.kind === "setRoute") return false;
  return goneAlready.has(errno);
}
