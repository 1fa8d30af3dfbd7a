/**
 * What comes from the network, in the order of its worth: messages of IKE SAs that are there go to the engine at once, first
 * messages wait their turn in short queues, so that a flood of them costs those who are connected nothing but a little time.
 */
import type { Urgency } from "../engine/engine.ts";
import type { Path } from "../sa/path.ts";

type Lane = Exclude<Urgency, "session">;

interface Waiting {
  readonly octets: Uint8Array;
  readonly path: Path;
}

export interface IntakeOptions {
  /** Looks at a datagram and changes nothing. */
  urgency(octets: Uint8Array, path: Path): Urgency;
  handle(octets: Uint8Array, path: Path): void;
  /** Calls back when the sockets have been read once more. */
  later(work: () => void): void;
  /** Milliseconds. */
  clock(): number;
  /** So many first messages found no room, since it was last told; at most once in ten seconds. */
  overflowed(count: number): void;
}

/** First messages that wait in each lane. What came first goes first: who is answered late has repeated it meanwhile. */
const laneLimit = 1_024;

/** Milliseconds spent on first messages before the sockets are read again, which must not fall behind a flood. */
const turnMilliseconds = 0.5;

/** Of so many first messages that nobody has proven, one is taken from addresses that no peer has. */
const anybodyEvery = 3;

/** How often it is told that there was no room, in ms. */
const tellEvery = 10_000;

export class Intake {
  readonly #options: IntakeOptions;
  readonly #lanes: Readonly<Record<Lane, Queue<Waiting>>> = {
    proven: new Queue(laneLimit),
    configured: new Queue(laneLimit),
    anybody: new Queue(laneLimit),
  };
  #scheduled = false;
  #turn = 0;
  #dropped = 0;
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Takes a datagram; its octets are kept until its turn has come. */
  take(octets: Uint8Array, path: Path): void {
    const urgency = this.#options.urgency(octets, path);
    if (urgency === "session") return this.#options.handle(octets, path);
    if (!this.#lanes[urgency].push({ octets, path })) this.#dropped += 1;
    if (!this.#scheduled) this.#schedule();
  }

  #schedule(): void {
    this.#scheduled = true;
    this.#options.later(() => this.#work());
  }

  #work(): void {
    const { clock, handle } = this.#options;
    this.#scheduled = false;
    const until = clock() + turnMilliseconds;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      handle(next.octets, next.path);
      if (clock() >= until) break;
    }
    this.#tell();
    if (Object.values(this.#lanes).some((lane) => lane.size > 0)) this.#schedule();
  }

  #next(): Waiting | undefined {
    const { proven, configured, anybody } = this.#lanes;
    if (proven.size > 0) return proven.shift();
    this.#turn = (this.#turn + 1) % anybodyEvery;
    return this.#turn === 0 ? (anybody.shift() ?? configured.shift()) : (configured.shift() ?? anybody.shift());
  }

  #tell(): void {
    const now = this.#options.clock();
    if (this.#dropped === 0 || now - this.#toldAt < tellEvery) return;
    this.#toldAt = now;
    this.#options.overflowed(this.#dropped);
    this.#dropped = 0;
  }
}

/** A ring of bounded size. */
class Queue<T> {
  readonly #ring: (T | undefined)[];
  #first = 0;
  #size = 0;

  constructor(limit: number) {
    this.#ring = new Array<T | undefined>(limit);
  }

  get size(): number {
    return this.#size;
  }

  /** False where there is no room. */
  push(item: T): boolean {
    if (this.#size === this.#ring.length) return false;
    this.#ring[(this.#first + this.#size) % this.#ring.length] = item;
    this.#size += 1;
    return true;
  }

  shift(): T | undefined {
    if (this.#size === 0) return undefined;
    const item = this.#ring[this.#first];
    this.#ring[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#ring.length;
    this.#size -= 1;
    return item;
  }
}
