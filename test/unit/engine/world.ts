/** Engines with simulated kernels on a simulated network, in virtual time, from one seed. */
import { computeHere } from "../../../src/daemon/compute.ts";
import { Engine } from "../../../src/engine/engine.ts";
import type { Effect, EngineEvent } from "../../../src/engine/io.ts";
import type { PeerStatus } from "../../../src/engine/status.ts";
import type { PayloadRewrite } from "../../../src/ikev2/host.ts";
import type { KernelAnswer, SaId } from "../../../src/kernel/port.ts";
import type { ClearPacket } from "../../../src/kernel/simulated/packet.ts";
import { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import type { Address } from "../../../src/negotiate/address.ts";
import type { ComputeJob, ComputeResult } from "../../../src/sa/compute.ts";
import type { DesiredState } from "../../../src/sa/desired.ts";
import type { KeyWitness } from "../../../src/sa/key-witness.ts";
import type { LogRecord } from "../../../src/sa/log-record.ts";
import type { Path } from "../../../src/sa/path.ts";
import { seeded } from "../../fuzz/mutate.ts";
import { TimeQueue } from "../../simulation/time-queue.ts";

export interface Datagram {
  readonly octets: Uint8Array;
  /** Seen from the sender. */
  readonly path: Path;
}

/** What the network does with a datagram: how long it takes for each copy; no copy: it is lost. */
export type Network = (datagram: Datagram, index: number) => readonly number[];

export const steadyNetwork: Network = () => [10];

/** A packet of one end to the other, which is never to travel in clear. */
export interface Flow {
  readonly from: End;
  readonly to: End;
  readonly packet: ClearPacket;
}

export interface EndOptions {
  readonly firstSpi?: number;
  /** Further addresses of the host. */
  readonly addresses?: readonly Address[];
  /** Its kernel sends NAT keepalives by itself. */
  readonly natKeepalive?: boolean;
  /** How long the kernel and the worker take to answer, in ms; 0: at once, behind the events that wait. */
  kernelDelay?: number;
  computeDelay?: number;
  readonly compute?: (job: ComputeJob) => ComputeResult;
  /** Made by the world where it is left out. */
  readonly kernel?: SimulatedKernel;
  /** The randomness of the engine's `life`, 0 before the first crash. */
  readonly random?: (life: number) => (length: number) => Uint8Array;
  /** What is sent in place of the payloads of a message. */
  readonly rewrite?: PayloadRewrite;
  /** What is read in place of the payloads of a message that comes. */
  readonly rewriteReceived?: PayloadRewrite;
  /** Is shown the keys of IKE SAs. */
  readonly keyWitness?: KeyWitness;
  /** Outlives the engine, as the file does. */
  readonly crashSecret?: Uint8Array;
}

/** One end: an engine, its kernel and its address. */
export class End {
  readonly address: Address;
  readonly kernel: SimulatedKernel;
  readonly log: LogRecord[] = [];
  readonly sent: Datagram[] = [];
  /** Every SPI that was ever reserved. */
  readonly reserved: SaId[] = [];
  engine: Engine;
  stopped = false;
  /** The most that one event ever brought about. */
  mostEffects = 0;
  mostRequests = 0;
  readonly #world: World;
  readonly #seed: number;
  readonly #options: EndOptions;
  #inbox: EngineEvent[] = [];
  #running = false;
  #life = 0;

  constructor(world: World, address: Address, seed: number, kernel: SimulatedKernel, options: EndOptions) {
    this.#world = world;
    this.address = address;
    this.#seed = seed;
    this.kernel = kernel;
    this.#options = options;
    this.engine = this.#newEngine();
  }

  /** The process dies without a word and another takes its place; the kernel stays as it is. */
  crash(): void {
    this.#life += 1;
    this.#inbox = [];
    this.kernel.close();
    this.engine = this.#newEngine();
    this.stopped = false;
  }

  configure(desired: DesiredState): void {
    this.handle({ kind: "configure", desired });
  }

  /** As the process does it: whatever is answered at once becomes an event behind those that wait. */
  handle(event: EngineEvent): void {
    this.#inbox.push(event);
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        const { engine } = this;
        const effects = engine.handle(next, this.#world.now);
        this.#measure(effects);
        for (const effect of effects) this.#carryOut(effect);
        this.#world.check(next, this);
      }
    } finally {
      this.#running = false;
    }
  }

  peer(name = "peer"): PeerStatus {
    const found = this.engine.status().peers.find((peer) => peer.name === name);
    if (found === undefined) throw new Error(`no peer ${name}`);
    return found;
  }

  #measure(effects: readonly Effect[]): void {
    const requests = effects.reduce((sum, effect) => sum + (effect.kind === "kernel" ? effect.requests.length : 0), 0);
    this.mostEffects = Math.max(this.mostEffects, effects.length);
    this.mostRequests = Math.max(this.mostRequests, requests);
  }

  #newEngine(): Engine {
    const life = this.#life;
    const random = this.#options.random?.(life) ?? this.#octets(life);
    this.kernel.onEvent((event) => {
      // As in the process: a report is heard after the request that caused it has been answered.
      this.#later(0, life, { kind: "kernel", event });
    });
    const { rewrite, rewriteReceived, crashSecret, keyWitness } = this.#options;
    const rewrites = { ...(rewrite && { rewrite }), ...(rewriteReceived && { rewriteReceived }) };
    return new Engine({ random, crashSecret, keyWitness, ...rewrites });
  }

  #octets(life: number): (length: number) => Uint8Array {
    const random = seeded(this.#seed * 1000 + life);
    return (length) => Uint8Array.from({ length }, () => random() & 0xff);
  }

  #later(delay: number, life: number, event: EngineEvent): void {
    this.#world.schedule(delay, () => {
      if (life === this.#life) this.handle(event);
    });
  }

  #answer(delay: number | undefined, event: EngineEvent): void {
    if (delay === undefined || delay === 0) this.handle(event);
    else this.#later(delay, this.#life, event);
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
          const answer = this.kernel.request(request);
          answers.push(answer);
          if (answer.kind === "refused") break;
          if (answer.kind === "spi" && request.kind === "allocateSpi") {
            const { protocol, destination } = request;
            this.reserved.push({ protocol, spi: answer.spi, destination });
          }
        }
        return this.#answer(this.#options.kernelDelay, { kind: "answered", id: effect.id, answers });
      }
      case "compute": {
        const result = (this.#options.compute ?? computeHere)(effect.job);
        return this.#answer(this.#options.computeDelay, { kind: "computed", id: effect.id, result });
      }
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
  /** What a datagram's path is for who receives it, where something on the way rewrites it; undefined: nobody. */
  translate: (path: Path) => Path | undefined = (path) => ({ local: path.remote, remote: path.local });
  now = 0;
  /** Packets that must not pass in clear after any event; a test adds them when their locks are to stand. */
  readonly guarded: Flow[] = [];
  /** Packets that must arrive, protected, after every event. */
  readonly carried: Flow[] = [];
  /** Events whose consequences were checked. */
  checks = 0;
  #transmitted = 0;
  readonly #queue = new TimeQueue();
  readonly #seed: number;

  constructor(network: Network = steadyNetwork, seed = 0) {
    this.network = network;
    this.#seed = seed;
  }

  add(address: Address, options: EndOptions = {}): End {
    const number = this.ends.length + 1;
    const kernel =
      options.kernel ??
      new SimulatedKernel({
        addresses: [address, ...(options.addresses ?? [])],
        natKeepalive: options.natKeepalive === true,
        firstSpi: options.firstSpi ?? 0xc000_0000 + number * 0x0100_0000,
      });
    const end = new End(this, address, this.#seed * 100 + number, kernel, options);
    this.ends.push(end);
    return end;
  }

  schedule(delay: number, run: () => void): void {
    this.#queue.add(this.now + delay, run);
  }

  transmit(datagram: Datagram): void {
    const index = this.#transmitted++;
    for (const delay of this.network(datagram, index)) this.schedule(delay, () => this.deliver(datagram));
  }

  /** Asked after every event: what is guarded passes nowhere in clear, what is carried arrives. */
  check(event: EngineEvent, end: End): void {
    this.checks += 1;
    for (const { from, to, packet } of this.guarded) {
      const out = from.kernel.wouldPass(packet);
      const inbound = to.kernel.wouldPass(packet);
      if (out !== "clear" && inbound === "no") continue;
      throw new Error(
        `at ${this.now} ms, after ${event.kind} at ${end.address}: ${JSON.stringify(packet)} ` +
          `leaves ${from.address}: ${out}, enters ${to.address}: ${inbound}`,
      );
    }
    for (const flow of this.carried) {
      const went = carry(flow);
      if (went !== "protected, delivered")
        throw new Error(`at ${this.now} ms, after ${event.kind} at ${end.address}: ${flow.from.address} ${went}`);
    }
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

  protected deliver({ octets, path }: Datagram): void {
    const seen = this.translate(path);
    if (seen === undefined) return;
    const to = this.ends.find((end) => end.address === seen.local.address);
    to?.handle({ kind: "datagram", octets, path: seen });
  }

  #next(): number | undefined {
    let next = this.#queue.next ?? Number.POSITIVE_INFINITY;
    for (const end of this.ends) {
      next = Math.min(next, end.engine.nextDeadline() ?? next, end.kernel.nextDeadline() ?? next);
    }
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  #step(): void {
    const first = this.#queue.take(this.now);
    if (first !== undefined) return first();
    for (const end of this.ends) {
      end.kernel.advance(this.now);
      if ((end.engine.nextDeadline() ?? Number.POSITIVE_INFINITY) <= this.now) return end.handle({ kind: "wake" });
    }
  }
}

/** Sends a packet through both kernels and says how it went: `protected, delivered` where all is well. */
export function carry({ from, to, packet }: Flow): string {
  const out = from.kernel.send(packet);
  if (out.kind !== "protected") return out.kind === "dropped" ? `out: ${out.reason}` : "out: clear";
  const input = to.kernel.receive(out.packet);
  if (input.kind === "dropped") return `protected, ${input.reason}`;
  if (input.protectedBy === undefined) return "delivered without protection";
  if (input.kind === "forwarded" && input.output.kind !== "clear") return `protected, not forwarded`;
  return "protected, delivered";
}
