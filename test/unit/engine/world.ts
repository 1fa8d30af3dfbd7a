/** Engines with simulated kernels on a simulated network, in virtual time, from one seed. */
import { computeHere } from "../../../src/daemon/compute.ts";
import { Engine } from "../../../src/engine/engine.ts";
import type { Effect, EngineEvent } from "../../../src/engine/io.ts";
import type { PeerStatus } from "../../../src/engine/status.ts";
import type { KernelAnswer } from "../../../src/kernel/port.ts";
import { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import type { Address } from "../../../src/negotiate/address.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import type { LogRecord } from "../../../src/sa/log-record.ts";
import type { Path } from "../../../src/sa/path.ts";
import { seeded } from "../../fuzz/mutate.ts";

export interface Datagram {
  readonly octets: Uint8Array;
  /** Seen from the sender. */
  readonly path: Path;
}

/** What the network does with a datagram: how long it takes for each copy; none is lost. */
export type Network = (datagram: Datagram, index: number) => readonly number[];

export const steadyNetwork: Network = () => [10];

interface Scheduled {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

/** One end: an engine, its kernel and its address. */
export class End {
  readonly address: Address;
  readonly kernel: SimulatedKernel;
  readonly log: LogRecord[] = [];
  readonly sent: Datagram[] = [];
  engine: Engine;
  stopped = false;
  readonly #world: World;
  readonly #seed: number;
  #life = 0;

  constructor(world: World, address: Address, seed: number, kernel: SimulatedKernel) {
    this.#world = world;
    this.address = address;
    this.#seed = seed;
    this.kernel = kernel;
    this.engine = this.#newEngine();
  }

  /** The process dies without a word and another takes its place; the kernel stays as it is. */
  crash(): void {
    this.#life += 1;
    this.kernel.close();
    this.engine = this.#newEngine();
    this.stopped = false;
  }

  configure(desired: DesiredState): void {
    this.handle({ kind: "configure", desired });
  }

  handle(event: EngineEvent): void {
    const engine = this.engine;
    for (const effect of engine.handle(event, this.#world.now)) {
      if (engine === this.engine) this.#carryOut(effect);
    }
  }

  peer(name: string): PeerStatus {
    const found = this.engine.status().peers.find((peer) => peer.name === name);
    if (found === undefined) throw new Error(`no peer ${name}`);
    return found;
  }

  #newEngine(): Engine {
    const random = seeded(this.#seed * 1000 + this.#life);
    const life = this.#life;
    this.kernel.onEvent((event) => {
      // As in the process: a report is heard after the request that caused it has been answered.
      this.#world.schedule(0, () => {
        if (life === this.#life) this.handle({ kind: "kernel", event });
      });
    });
    return new Engine({ random: (length) => Uint8Array.from({ length }, () => random() & 0xff) });
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "send": {
        const datagram = { octets: Uint8Array.from(effect.octets), path: effect.path };
        this.sent.push(datagram);
        this.#world.transmit(datagram);
        return;
      }
      case "kernel": {
        const answers: KernelAnswer[] = [];
        for (const request of effect.requests) {
          answers.push(this.kernel.request(request));
          if (answers.at(-1)?.kind === "refused") break;
        }
        return this.handle({ kind: "answered", id: effect.id, answers });
      }
      case "compute":
        return this.handle({ kind: "computed", id: effect.id, result: computeHere(effect.job) });
      case "log":
        this.log.push(effect.record);
        return;
      case "stopped":
        this.stopped = true;
        return;
    }
  }
}

export class World {
  readonly ends: End[] = [];
  network: Network;
  now = 0;
  #order = 0;
  #transmitted = 0;
  readonly #queue: Scheduled[] = [];

  constructor(network: Network = steadyNetwork) {
    this.network = network;
  }

  add(address: Address, options: { readonly firstSpi?: number } = {}): End {
    const seed = this.ends.length + 1;
    const kernel = new SimulatedKernel({
      addresses: [address],
      firstSpi: options.firstSpi ?? 0xc000_0000 + seed * 0x0100_0000,
    });
    const end = new End(this, address, seed, kernel);
    this.ends.push(end);
    return end;
  }

  schedule(delay: number, run: () => void): void {
    this.#queue.push({ at: this.now + delay, order: this.#order++, run });
  }

  transmit(datagram: Datagram): void {
    const index = this.#transmitted++;
    for (const delay of this.network(datagram, index)) this.schedule(delay, () => this.#deliver(datagram));
  }

  /** Lets time pass: datagrams arrive, timers fire, kernels expire, in order. */
  run(milliseconds: number): void {
    const until = this.now + milliseconds;
    for (let steps = 0; ; steps += 1) {
      if (steps > 1_000_000) throw new Error("the world does not come to rest");
      const next = this.#next();
      if (next === undefined || next > until) break;
      this.now = Math.max(this.now, next);
      this.#step();
    }
    this.now = until;
    for (const end of this.ends) end.kernel.advance(this.now);
  }

  #deliver({ octets, path }: Datagram): void {
    const to = this.ends.find((end) => end.address === path.remote.address);
    to?.handle({ kind: "datagram", octets, path: { local: path.remote, remote: path.local } });
  }

  #next(): number | undefined {
    const times = this.#queue.map((entry) => entry.at);
    for (const end of this.ends) {
      times.push(end.engine.nextDeadline() ?? Number.POSITIVE_INFINITY);
      times.push(end.kernel.nextDeadline() ?? Number.POSITIVE_INFINITY);
    }
    const next = Math.min(...times, Number.POSITIVE_INFINITY);
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  #step(): void {
    const due = this.#queue.filter((entry) => entry.at <= this.now).sort((a, b) => a.at - b.at || a.order - b.order);
    const first = due[0];
    if (first !== undefined) {
      this.#queue.splice(this.#queue.indexOf(first), 1);
      return first.run();
    }
    for (const end of this.ends) {
      end.kernel.advance(this.now);
      if ((end.engine.nextDeadline() ?? Number.POSITIVE_INFINITY) <= this.now) return end.handle({ kind: "wake" });
    }
  }
}
