/** Who was harmed by what until when: what peace means, between which two ends. */
import type { EndIndex, Peering, PeeringIndex } from "./scenario.ts";

/** An unanswered request is repeated four times: five losses in a row end the IKE SA, as they should. */
const lossesThatHarm = 5;
const lossWindow = 20_000;

/** The longest wait before a refused request is repeated (engine/repairs.ts). */
const repairTime = 61_000;

/** RFC 5685 7: who was sent away as often goes nowhere for so long. */
const mostRedirects = 5;
const loopTime = 300_000;

interface Entry {
  /** In ms of the world's clock: until then there was something that excuses lost packets. */
  until: number;
  /** The latest losses on the way, oldest first. */
  losses: number[];
  /** The ends whose operator has taken it down. */
  readonly down: Set<EndIndex>;
  /** The ends that send their callers elsewhere. */
  readonly away: Set<EndIndex>;
  /** When callers were sent elsewhere, oldest first. */
  redirects: number[];
  /** Until then callers may have been sent away too often: each call of a caller that was harmed counts. */
  loopsUntil: number;
}

export class Ledger {
  readonly #peerings: readonly Peering[];
  readonly #settleTime: number;
  readonly #entries: Entry[];
  readonly #between = new Map<number, PeeringIndex>();
  readonly #refusing = new Map<EndIndex, number>();
  /** By peering and line: what harms one line alone. */
  readonly #lines = new Map<string, number>();

  constructor(peerings: readonly Peering[], settleTime: number) {
    this.#peerings = peerings;
    this.#settleTime = settleTime;
    this.#entries = peerings.map(() => ({
      until: 0,
      losses: [],
      down: new Set(),
      away: new Set(),
      redirects: [],
      loopsUntil: 0,
    }));
    peerings.forEach(({ ends }, index) => {
      this.#between.set(keyOf(ends[0], ends[1]), index);
      this.#between.set(keyOf(ends[1], ends[0]), index);
    });
  }

  between(from: EndIndex, to: EndIndex): PeeringIndex | undefined {
    return this.#between.get(keyOf(from, to));
  }

  harmed(peering: PeeringIndex, until: number): void {
    const entry = this.#entries[peering];
    if (entry === undefined) return;
    entry.until = Math.max(entry.until, until);
    if (entry.away.size > 0) entry.loopsUntil = Math.max(entry.loopsUntil, until + loopTime);
  }

  /** One line of what two ends protect. */
  harmedLine(peering: PeeringIndex, line: number, until: number): void {
    const key = `${peering} ${line}`;
    this.#lines.set(key, Math.max(this.#lines.get(key) ?? 0, until));
  }

  /** All that an end has with others. */
  harmedAt(end: EndIndex, until: number): void {
    this.#peerings.forEach(({ ends }, index) => {
      if (ends.includes(end)) this.harmed(index, until);
    });
  }

  /** A datagram was lost on the way between two ends; as many as end an IKE SA are a harm. */
  lost(peering: PeeringIndex, now: number): void {
    const entry = this.#entries[peering];
    if (entry === undefined) return;
    entry.losses = [...entry.losses.filter((at) => at > now - lossWindow), now];
    if (entry.losses.length >= lossesThatHarm) this.harmed(peering, now);
  }

  refusing(end: EndIndex, until: number): void {
    this.#refusing.set(end, Math.max(until, this.#refusing.get(end) ?? 0));
    this.harmedAt(end, until + repairTime);
  }

  /** How much longer than usual an end may take to have its policies in place. */
  grace(end: EndIndex, now: number): number {
    const until = this.#refusing.get(end) ?? 0;
    return until + repairTime > now ? until + repairTime - now : 0;
  }

  wished(end: EndIndex, peering: PeeringIndex, wish: "down" | "up", now: number): void {
    this.harmed(peering, now);
    if (wish === "down") this.#entries[peering]?.down.add(end);
    else this.#entries[peering]?.down.delete(end);
  }

  /** An end sends its callers elsewhere. */
  sentAway(end: EndIndex, peering: PeeringIndex, now: number): void {
    const entry = this.#entries[peering];
    if (entry === undefined) return;
    entry.away.add(end);
    entry.redirects = [...entry.redirects.filter((at) => at > now - loopTime), now];
    if (entry.redirects.length > mostRedirects) entry.loopsUntil = Math.max(entry.loopsUntil, now + loopTime);
  }

  /** It does not any more: whoever was sent away too often calls, and is served. */
  mayStay(end: EndIndex, peering: PeeringIndex, now: number): void {
    const entry = this.#entries[peering];
    if (entry?.away.delete(end) !== true || entry.away.size > 0) return;
    if (entry.loopsUntil > now) this.harmed(peering, now);
    entry.loopsUntil = 0;
  }

  /** The ends that still send their callers elsewhere. */
  allSentAway(): { readonly index: EndIndex; readonly peering: PeeringIndex }[] {
    return this.#entries.flatMap(({ away }, peering) => [...away].map((index) => ({ index, peering })));
  }

  /** A new process of an end knows nothing of what its operator told the last one. */
  forgetWishes(end: EndIndex): void {
    for (const { down, away } of this.#entries) {
      down.delete(end);
      away.delete(end);
    }
  }

  /** What the operators have taken down and not up again. */
  takenDown(): { readonly index: EndIndex; readonly peering: PeeringIndex }[] {
    return this.#entries.flatMap(({ down }, peering) => [...down].map((index) => ({ index, peering })));
  }

  isCalm(peering: PeeringIndex, line: number, now: number): boolean {
    const entry = this.#entries[peering];
    if (entry === undefined || entry.down.size > 0 || entry.loopsUntil > now) return false;
    return Math.max(entry.until, this.#lines.get(`${peering} ${line}`) ?? 0) + this.#settleTime <= now;
  }

  /** When there will have been peace everywhere for long enough. */
  calmFrom(): number {
    return Math.max(0, ...this.#entries.map(({ until }) => until), ...this.#lines.values()) + this.#settleTime;
  }
}

function keyOf(from: EndIndex, to: EndIndex): number {
  return from * 256 + to;
}
