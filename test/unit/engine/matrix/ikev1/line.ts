/** Two engines on a line that can be cut at any moment, with their ISAKMP SAs laid open. */

import { computeHere } from "../../../../../src/daemon/compute.ts";
import { EngineHost } from "../../../../../src/engine/engine-host.ts";
import { TimerHeap, type TimerOwner } from "../../../../../src/engine/timers.ts";
import { IkeV1Sa } from "../../../../../src/ikev1/ike-v1-sa.ts";
import type { AnyIkeSa } from "../../../../../src/sa/any-ike-sa.ts";
import type { ComputeJob } from "../../../../../src/sa/compute.ts";
import type { PeerOptions } from "../../desired.ts";
import { a, b, facing } from "../../pair.ts";
import { type Datagram, type End, type EndOptions, World } from "../../world.ts";

/** Every ISAKMP SA that has been opened since the last line was made: of two lines only the newer may go on. */
let opened: IkeV1Sa[] = [];
/** The timers that run, or have run, by name: when. */
const timers = new WeakMap<TimerOwner, Map<string, number>>();

const { opened: open } = EngineHost.prototype;
EngineHost.prototype.opened = function (this: EngineHost, sa: AnyIkeSa): void {
  if (sa instanceof IkeV1Sa) opened.push(sa);
  open.call(this, sa);
};
const { arm, disarm } = TimerHeap.prototype;
TimerHeap.prototype.arm = function (this: TimerHeap, owner: TimerOwner, name: string, at: number): void {
  arm.call(this, owner, name, at);
  const named = timers.get(owner) ?? new Map<string, number>();
  timers.set(owner, named.set(name, at));
};
TimerHeap.prototype.disarm = function (this: TimerHeap, owner: TimerOwner, name: string): void {
  disarm.call(this, owner, name);
  timers.get(owner)?.delete(name);
};

/** How late the engine's worker is with the job at which time is to stand still, in ms. */
const late = 300;

export class Line {
  readonly world: World;
  /** The engine that is looked at. */
  readonly one: End;
  /** Its peer. */
  readonly two: End;
  /** What has been delivered to the engine, in its order. */
  readonly taken: Uint8Array[] = [];
  /** What the peer has said since, and the engine has not received. */
  readonly held: Datagram[] = [];
  readonly #opened: IkeV1Sa[];
  #queue: Datagram[] = [];
  #sa: IkeV1Sa | undefined;

  constructor(
    role: "initiator" | "responder",
    ours: PeerOptions,
    theirs: PeerOptions,
    job: ComputeJob["kind"] | undefined,
  ) {
    opened = [];
    this.#opened = opened;
    const options: EndOptions = {};
    const compute = (asked: ComputeJob) => {
      options.computeDelay = asked.kind === job ? late : 0;
      return computeHere(asked);
    };
    this.world = new World((datagram) => this.#keep(datagram));
    this.one = this.world.add(a, Object.assign(options, { compute }));
    this.two = this.world.add(b);
    // At the engine's hour 0 nothing could be told from never.
    this.world.run(1_000);
    const isFirst = role === "initiator";
    this.two.configure(facing(b, { ...theirs, initiate: !isFirst }));
    this.one.configure(facing(a, { ...ours, initiate: isFirst }));
  }

  /** The engine's first ISAKMP SA. */
  get sa(): IkeV1Sa {
    this.#sa ??= this.#opened.find(({ path }) => path.local.address === a);
    if (this.#sa === undefined) throw new Error("the engine has no ISAKMP SA");
    return this.#sa;
  }

  /** The same at the peer; undefined where it has none yet. */
  get other(): IkeV1Sa | undefined {
    const { initiatorSpi } = this.sa;
    return this.#opened.find(({ path, initiatorSpi: spi }) => path.local.address === b && spi === initiatorSpi);
  }

  /** How many ISAKMP SAs the engine has opened. */
  get count(): number {
    return this.#opened.filter(({ path }) => path.local.address === a).length;
  }

  /** The timers of the ISAKMP SA. */
  get timers(): readonly (readonly [string, number])[] {
    return [...(timers.get(this.sa) ?? [])].sort();
  }

  /** Delivers what is on the line, one after the other, and lets time pass where nothing is, until something holds. */
  until(holds: (line: this) => boolean): this {
    for (let steps = 0; this.count === 0 || !holds(this); steps += 1) {
      if (steps > 1_000) throw new Error(`it does not come to pass: ${this.#opened.map(({ state }) => state.kind)}`);
      this.#step();
    }
    return this;
  }

  /** Delivers all that is on the line, without time passing. */
  settle(): void {
    while (this.#queue.length > 0) this.#step();
  }

  /** From here on what the peer says is held back; it hears what was said to it before. */
  hold(): this {
    const mine = this.#queue.splice(0);
    for (let next = mine.shift(); next !== undefined; next = mine.shift()) {
      if (next.path.remote.address === a) this.held.push(next);
      else this.#deliver(next);
      mine.push(...this.#queue.splice(0));
    }
    return this;
  }

  /** From here on neither hears the other. */
  deafen(): this {
    this.#queue = [];
    return this;
  }

  /** The line is whole again, and what was held back arrives. */
  release(): void {
    this.#queue = [];
    this.world.network = () => [10];
    for (const datagram of this.held.splice(0)) this.world.transmit(datagram);
  }

  #keep(datagram: Datagram): readonly number[] {
    this.#queue.push(datagram);
    return [];
  }

  #step(): void {
    const next = this.#queue.shift();
    if (next === undefined) this.world.run(100);
    else this.#deliver(next);
  }

  #deliver({ octets, path }: Datagram): void {
    const to = path.remote.address === a ? this.one : this.two;
    if (to === this.one) this.taken.push(octets);
    to.handle({ kind: "datagram", octets, path: { local: path.remote, remote: path.local } });
  }
}
