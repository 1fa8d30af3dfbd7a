/** Messages of the peer that come in fragments ([MS-IKEE] 3.3.5.1). Nothing authenticates a fragment: only the whole is. */
import { type FragmentPayload, fragmentFlag } from "../wire/ikev1/payloads/fragment.ts";

/** Bounds of one message: how many fragments, and octets with what keeping them costs. */
export const reassemblyLimits = { fragments: 128, message: 81_920 } as const;

/** How long the next fragment of a message is waited for, in milliseconds. */
export const reassemblyTime = 30_000;

/** What may be kept of fragments, shared by all: whoever sends one has not proved who it is. */
export interface FragmentBudget {
  /** Whether so many octets more may be kept. */
  take(octets: number): boolean;
  give(octets: number): void;
}

/** The one message in the making. */
interface Pieces {
  readonly id: number;
  readonly contents: Map<number, Uint8Array>;
  /** Number of the last fragment, once it has come. */
  total: number | undefined;
  octets: number;
  lastAt: number;
}

/** Octets that keeping a fragment costs beside its content. */
const cost = 128;

/**
 * The message of one ISAKMP SA that is not whole yet: one at a time, because phase 1 knows no two. Message IDs say
 * nothing here: some senders set them to 0 in fragments, and use one fragment ID for all.
 */
export class Reassembly {
  readonly #budget: FragmentBudget;
  #pieces: Pieces | undefined;

  constructor(budget: FragmentBudget) {
    this.#budget = budget;
  }

  /** When what has come is to be forgotten, in ms of the engine's clock; undefined where nothing waits. */
  get expiresAt(): number | undefined {
    return this.#pieces === undefined ? undefined : this.#pieces.lastAt + reassemblyTime;
  }

  /** Keeps a fragment, and gives the message where it was the last that was missing. */
  add(fragment: FragmentPayload, now: number): Buffer | "incomplete" | "refused" {
    const { fragmentId: id, fragmentNumber: number, fragmentFlags, data } = fragment;
    const isLast = (fragmentFlags & fragmentFlag.last) !== 0;
    if (number > reassemblyLimits.fragments) return "refused";
    if (this.#pieces !== undefined && this.#isOfAnother(this.#pieces, id, number, isLast, data)) this.clear();
    const known = this.#pieces;
    if (known?.contents.has(number)) return "incomplete";
    const octets = data.length + cost;
    if ((known?.octets ?? 0) + octets > reassemblyLimits.message || !this.#budget.take(octets)) {
      this.clear();
      return "refused";
    }
    const pieces = known ?? { id, contents: new Map<number, Uint8Array>(), total: undefined, octets: 0, lastAt: now };
    this.#pieces = pieces;
    pieces.contents.set(number, Uint8Array.from(data));
    pieces.octets += octets;
    pieces.lastAt = now;
    if (isLast) pieces.total = number;
    if (pieces.total === undefined || pieces.contents.size < pieces.total) return "incomplete";
    const whole = Array.from({ length: pieces.total }, (_, i) => pieces.contents.get(i + 1) ?? new Uint8Array(0));
    this.clear();
    return Buffer.concat(whole);
  }

  /** Forgets what has come, where nothing more has for so long. */
  expire(now: number): void {
    if (this.expiresAt !== undefined && this.expiresAt <= now) this.clear();
  }

  /** Forgets everything. */
  clear(): void {
    if (this.#pieces !== undefined) this.#budget.give(this.#pieces.octets);
    this.#pieces = undefined;
  }

  /** Whether a fragment cannot be of the message in the making: then that one has been given up. */
  #isOfAnother(pieces: Pieces, id: number, number: number, isLast: boolean, data: Uint8Array): boolean {
    if (pieces.id !== id) return true;
    const { total, contents } = pieces;
    if (total !== undefined && (number > total || isLast !== (number === total))) return true;
    if (isLast) for (const kept of contents.keys()) if (kept > number) return true;
    const kept = contents.get(number);
    return kept !== undefined && Buffer.compare(kept, data) !== 0;
  }
}
