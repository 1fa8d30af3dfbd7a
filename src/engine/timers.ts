/** One heap of named timers (design: the engine owns it). Times are milliseconds of the engine's clock. */

export interface TimerOwner {
  onTimer(name: string, now: number): void;
}

interface Entry {
  readonly at: number;
  readonly owner: TimerOwner;
  readonly name: string;
  live: boolean;
}

/** Named timers of many owners; each owner has at most one timer of a name. */
export class TimerHeap {
  readonly #heap: Entry[] = [];
  readonly #byOwner = new Map<TimerOwner, Map<string, Entry>>();
  #dead = 0;

  /** Sets the owner's timer of that name, replacing an earlier one. */
  arm(owner: TimerOwner, name: string, at: number): void {
    this.disarm(owner, name);
    const entry: Entry = { at, owner, name, live: true };
    let timers = this.#byOwner.get(owner);
    if (timers === undefined) {
      timers = new Map();
      this.#byOwner.set(owner, timers);
    }
    timers.set(name, entry);
    this.#push(entry);
  }

  disarm(owner: TimerOwner, name: string): void {
    const entry = this.#byOwner.get(owner)?.get(name);
    if (entry !== undefined) this.#drop(entry);
  }

  /** Forgets every timer of an owner that is gone. */
  forget(owner: TimerOwner): void {
    const timers = this.#byOwner.get(owner);
    if (timers === undefined) return;
    for (const entry of timers.values()) this.#kill(entry);
    this.#byOwner.delete(owner);
    this.#compact();
  }

  /** The earliest deadline, or undefined where nothing is armed. */
  nextDeadline(): number | undefined {
    this.#popDead();
    return this.#heap[0]?.at;
  }

  /** Fires every timer that is due, in order of time. */
  run(now: number): void {
    for (;;) {
      this.#popDead();
      const first = this.#heap[0];
      if (first === undefined || first.at > now) return;
      this.#drop(first);
      first.owner.onTimer(first.name, now);
    }
  }

  #drop(entry: Entry): void {
    this.#kill(entry);
    const timers = this.#byOwner.get(entry.owner);
    timers?.delete(entry.name);
    if (timers?.size === 0) this.#byOwner.delete(entry.owner);
    this.#compact();
  }

  #kill(entry: Entry): void {
    entry.live = false;
    this.#dead += 1;
  }

  /** Timers that are re-armed often must not pile up dead: at most half the heap is dead. */
  #compact(): void {
    if (this.#dead < 64 || this.#dead * 2 < this.#heap.length) return;
    const live = this.#heap.filter((entry) => entry.live);
    this.#heap.length = 0;
    this.#dead = 0;
    for (const entry of live) this.#push(entry);
  }

  #popDead(): void {
    while (this.#heap[0]?.live === false) {
      this.#popFirst();
      this.#dead -= 1;
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let index = heap.push(entry) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= entry.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = entry;
  }

  #popFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      const left = index * 2 + 1;
      const right = left + 1;
      const leftEntry = heap[left];
      const rightEntry = heap[right];
      let child = left;
      let least = leftEntry;
      if (rightEntry !== undefined && leftEntry !== undefined && rightEntry.at < leftEntry.at) {
        child = right;
        least = rightEntry;
      }
      if (least === undefined || least.at >= last.at) break;
      heap[index] = least;
      index = child;
    }
    heap[index] = last;
  }
}
