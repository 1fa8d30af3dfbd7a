/** SAs that a former run left in the kernel: they carry traffic until new ones stand (design: restart). */
import type { SaId, StandingSa } from "../kernel/port.ts";
import type { Repairs } from "./repairs.ts";
import type { TimerHeap, TimerOwner } from "./timers.ts";

/** How long the peer may still send on an old SA once a new one stands, in ms. */
const linger = 5_000;

export class SaKeeper implements TimerOwner {
  readonly #repairs: Repairs;
  readonly #timers: TimerHeap;
  readonly #now: () => number;
  readonly #left = new Map<number, StandingSa[]>();

  constructor(repairs: Repairs, timers: TimerHeap, now: () => number) {
    this.#repairs = repairs;
    this.#timers = timers;
    this.#now = now;
  }

  adopt(sas: readonly StandingSa[]): void {
    for (const sa of sas) {
      const left = this.#left.get(sa.reqid);
      if (left === undefined) this.#left.set(sa.reqid, [sa]);
      else left.push(sa);
    }
  }

  has(reqid: number): boolean {
    return this.#left.has(reqid);
  }

  /** SAs whose child is not configured any more go at once. */
  keepOnly(reqids: ReadonlySet<number>): void {
    for (const reqid of [...this.#left.keys()]) if (!reqids.has(reqid)) this.#remove(reqid);
  }

  /** A new Child SA of that reqid stands: what is left goes after a while. */
  replaced(reqid: number): void {
    if (this.#left.has(reqid)) this.#timers.arm(this, String(reqid), this.#now() + linger);
  }

  /** The kernel ended one of them. */
  gone(reqid: number, id: SaId): void {
    const left = this.#left.get(reqid)?.filter((sa) => sa.spi !== id.spi || sa.destination !== id.destination);
    if (left === undefined) return;
    if (left.length === 0) this.#left.delete(reqid);
    else this.#left.set(reqid, left);
  }

  onTimer(name: string): void {
    this.#remove(Number(name));
  }

  #remove(reqid: number): void {
    for (const sa of this.#left.get(reqid) ?? []) this.#repairs.insist({ kind: "deleteSa", sa });
    this.#left.delete(reqid);
  }
}
