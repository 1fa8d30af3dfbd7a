/** What the network does with each datagram: when its copies arrive, or that none does. */
import { flag } from "../../src/wire/ikev2/header.ts";
import { Rng } from "./rng.ts";
import type { EndIndex, SimulationEvent } from "./scenario.ts";

/** What the IP layer carries in one piece; a larger datagram is lost with any of its fragments. */
const mtu = 1_500;

type EventOf<K extends SimulationEvent["kind"]> = Extract<SimulationEvent, { kind: K }>;

interface Fate {
  readonly event: EventOf<"lose"> | EventOf<"repeat" | "hold">;
  left: number;
}

interface Spell {
  readonly event: EventOf<"weather">;
  readonly until: number;
  readonly rng: Rng;
}

interface Cut {
  readonly ends: ReadonlySet<EndIndex>;
  readonly until: number;
}

/** Steady but for the events it is told of; each event has its own randomness, so that taking one away changes no other. */
export class Weather {
  readonly #seed: number;
  #fates: Fate[] = [];
  #spells: Spell[] = [];
  #cuts: Cut[] = [];

  constructor(seed: number) {
    this.#seed = seed;
  }

  lose(event: Fate["event"]): void {
    this.#fates.push({ event, left: event.count });
  }

  spell(event: EventOf<"weather">): void {
    this.#spells.push({ event, until: event.at + event.lasts, rng: new Rng(this.#seed, 7, event.at) });
  }

  cut(event: EventOf<"partition">): void {
    this.#cuts.push({ ends: new Set(event.ends), until: event.at + event.lasts });
  }

  /** From now on everything arrives once and in order. */
  clear(): void {
    this.#fates = [];
    this.#spells = [];
    this.#cuts = [];
  }

  isCut(from: EndIndex, to: EndIndex, now: number): boolean {
    return this.#cuts.some(({ ends, until }) => until > now && ends.has(from) !== ends.has(to));
  }

  /** The delays, in ms, of the copies of a datagram that arrive. */
  fate(from: EndIndex, to: EndIndex, datagram: Uint8Array, delay: number, now: number): number[] {
    if (this.isCut(from, to, now)) return [];
    const copies = [delay];
    for (const fate of this.#fates) {
      const { event } = fate;
      if (fate.left === 0 || event.from !== from || event.to !== to) continue;
      if (event.what !== undefined && event.what !== kindOf(datagram)) continue;
      fate.left -= 1;
      if (event.kind === "lose") return [];
      if (event.kind === "repeat") copies.push(delay + event.by);
      else copies[0] = delay + event.by;
      break;
    }
    for (const { event, until, rng } of this.#spells) {
      if (until <= now) continue;
      for (let piece = 0; piece < datagram.length; piece += mtu) if (rng.chance(event.loss)) return [];
      if (rng.chance(event.repeat)) copies.push(delay + rng.below(event.jitter + 1_000));
      copies[0] = (copies[0] ?? delay) + (event.jitter > 0 ? rng.below(event.jitter) : 0);
    }
    return copies;
  }
}

/** A NAT keepalive is neither. */
export function kindOf(datagram: Uint8Array): "request" | "response" | undefined {
  const flags = datagram[19];
  if (flags === undefined) return undefined;
  return (flags & flag.response) === 0 ? "request" : "response";
}
