/** Inbound SAs whose Child SA is gone and whose traffic others carry: what the peer sent on them is still on its way. */
import type { SaId } from "../kernel/port.ts";
import { type ChildSa, inboundId } from "../sa/child-sa.ts";
import type { Repairs } from "./repairs.ts";
import { saKey } from "./sa-key.ts";
import type { TimerHeap, TimerOwner } from "./timers.ts";

/** How many one child has at a time between two addresses: a peer could replace its Child SAs without end. */
const limit = 8;

interface Entry {
  readonly id: SaId;
  readonly child: ChildSa;
}

/** Removes each when its time is over, whatever has become of the IKE SA that it was negotiated on. */
export class Lingering implements TimerOwner {
  readonly #repairs: Repairs;
  readonly #timers: TimerHeap;
  readonly #over: (child: ChildSa) => void;
  /** Oldest first. */
  readonly #entries = new Map<string, Entry>();
  /** How many there are of one child between two addresses. */
  readonly #counts = new Map<string, number>();

  /** `over`: a Child SA's inbound half is about to go. */
  constructor(repairs: Repairs, timers: TimerHeap, over: (child: ChildSa) => void) {
    this.#repairs = repairs;
    this.#timers = timers;
    this.#over = over;
  }

  /** Lets a Child SA's inbound half receive until `at`, in ms of the engine's clock. */
  add(child: ChildSa, at: number): void {
    const id = inboundId(child);
    const key = saKey(id);
    this.#entries.set(key, { id, child });
    this.#timers.arm(this, key, at);
    if (this.#count(child, 1) > limit) this.#removeOldestOf(child);
  }

  /** Those whose child is not configured any more go at once. */
  keepOnly(reqids: ReadonlySet<number>): void {
    for (const [key, { child }] of [...this.#entries]) if (!reqids.has(child.reqid)) this.#remove(key);
  }

  /** By `saKey`, those that still receive. */
  keys(): Iterable<string> {
    return this.#entries.keys();
  }

  /** Removes all, now. */
  flush(): void {
    for (const key of [...this.#entries.keys()]) this.#remove(key);
  }

  onTimer(key: string): void {
    this.#remove(key);
  }

  #removeOldestOf(child: ChildSa): void {
    for (const [key, entry] of this.#entries) if (groupOf(entry.child) === groupOf(child)) return this.#remove(key);
  }

  #remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#count(entry.child, -1);
    this.#timers.disarm(this, key);
    this.#over(entry.child);
    this.#repairs.insist({ kind: "deleteSa", sa: entry.id });
  }

  #count(child: ChildSa, by: 1 | -1): number {
    const group = groupOf(child);
    const count = (this.#counts.get(group) ?? 0) + by;
    if (count === 0) this.#counts.delete(group);
    else this.#counts.set(group, count);
    return count;
  }
}

function groupOf({ reqid, local, remote }: ChildSa): string {
  return `${reqid} ${local} ${remote}`;
}
