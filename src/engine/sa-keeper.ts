/** SAs that a former run left in the kernel: they carry traffic until new ones stand (design: restart). */
import type { SaId, StandingSa } from "../kernel/port.ts";
import type { Repairs } from "./repairs.ts";
import type { TimerHeap, TimerOwner } from "./timers.ts";

export class SaKeeper implements TimerOwner {
  readonly #repairs: Repairs;
  readonly #timers: TimerHeap;
  readonly #now: () => number;
  /** The last SA of a reqid is gone or about to go. */
  readonly #over: (reqid: number) => void;
  readonly #left = new Map<number, StandingSa[]>();

  constructor(repairs: Repairs, timers: TimerHeap, now: () => number, over: (reqid: number) => void) {
    this.#repairs = repairs;
    this.#timers = timers;
    this.#now = now;
    this.#over = over;
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

  /** A new Child SA of that reqid stands, in both directions: what is left goes after `linger` ms, for the peer may still send on it. */
  replaced(reqid: number, linger: number): void {
    if (this.#left.has(reqid)) this.#timers.arm(this, String(reqid), this.#now() + linger);
  }

  /** The kernel ended one of them. */
  gone(reqid: number, id: SaId): void {
    const spiOf = (sa: StandingSa) =>
      sa.protocol === id.protocol ? sa.spi : id.protocol === "ah" ? sa.ahSpi : undefined;
    this.#keep(reqid, (sa) => sa.destination !== id.destination || spiOf(sa) !== id.spi);
  }

  /** The kernel's whole list: what is not in it has ended unheard. */
  resync(isThere: (sa: SaId) => boolean): void {
    for (const reqid of [...this.#left.keys()]) this.#keep(reqid, isThere);
  }

  onTimer(name: string): void {
    this.#remove(Number(name));
  }

  #keep(reqid: number, stays: (sa: StandingSa) => boolean): void {
    const before = this.#left.get(reqid);
    if (before === undefined) return;
    const left = before.filter(stays);
    if (left.length > 0) this.#left.set(reqid, left);
    else this.#forget(reqid);
  }

  #remove(reqid: number): void {
    const left = this.#left.get(reqid) ?? [];
    this.#forget(reqid);
    for (const sa of left) this.#repairs.insist({ kind: "deleteSa", sa });
  }

  #forget(reqid: number): void {
    this.#timers.disarm(this, String(reqid));
    if (this.#left.delete(reqid)) this.#over(reqid);
  }
}
