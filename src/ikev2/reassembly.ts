/** Messages of the peer that come in fragments (RFC 7383 2.6). Each is authentic before it is kept. */
import { reassemblyLimits, reassemblyTime } from "./constants.ts";
import { type Fingerprint, fingerprintOf } from "./fingerprint.ts";
import type { IkeSa } from "./ike-sa.ts";
import { type FragmentNumber, type Inner, openBody } from "./protected-message.ts";

/** One message in the making. */
interface Pieces {
  readonly total: number;
  readonly contents: Map<number, Uint8Array>;
  octets: number;
  /** What repeats of the request are recognised by, and what its content begins with: its first fragment says it. */
  first: { readonly type: number; readonly fingerprint: Fingerprint } | undefined;
  /** When the last fragment came, in ms of the engine's clock. */
  lastAt: number;
}

/** A fragment as the decoder gives it. */
export interface Fragment extends FragmentNumber {
  readonly firstInner: number;
  readonly body: Uint8Array;
}

/** A whole message. */
export interface Assembled extends Inner {
  /** Of its first fragment. */
  readonly fingerprint: Fingerprint;
}

/** Octets that keeping a fragment costs beside its content. */
const cost = 128;

/** The messages of one IKE SA that are not whole yet, bounded in number, in octets and in time. */
export class Reassembly {
  readonly #sa: IkeSa;
  /** By message ID, requests and responses apart: see `keyOf`. */
  readonly #messages = new Map<number, Pieces>();
  #octets = 0;

  constructor(sa: IkeSa) {
    this.#sa = sa;
  }

  /** Keeps a fragment of the message `key`, and gives the message where it was the last that was missing. */
  add(key: number, fragment: Fragment, octets: Uint8Array): Assembled | "incomplete" | "refused" | "forged" {
    const { number, total } = fragment;
    const known = this.#messages.get(key);
    // RFC 7383 2.6: repeats, and fragments of a set that was given up for smaller ones.
    if (known !== undefined && (total < known.total || (total === known.total && known.contents.has(number))))
      return "refused";
    if (total > reassemblyLimits.fragments) return "refused";
    const receiving = this.#sa.keying?.receiving;
    const content = receiving === undefined ? undefined : openBody(octets, fragment.body, receiving);
    if (content === undefined) return "forged";
    // RFC 7383 2.6: an authentic fragment of a larger set: the sender began anew with smaller fragments.
    if (known !== undefined && total > known.total) this.discard(key);
    const pieces = this.#piecesOf(key, total, content.length + cost);
    if (pieces === undefined) return "refused";
    if (number === 1) pieces.first = { type: fragment.firstInner, fingerprint: fingerprintOf(octets) };
    pieces.contents.set(number, Uint8Array.from(content));
    pieces.octets += content.length + cost;
    pieces.lastAt = this.#sa.host.now();
    const { first } = pieces;
    if (pieces.contents.size < total || first === undefined) return "incomplete";
    this.discard(key);
    const whole = Array.from({ length: total }, (_, index) => pieces.contents.get(index + 1) ?? new Uint8Array(0));
    return { firstType: first.type, octets: Buffer.concat(whole), fingerprint: first.fingerprint };
  }

  /** Forgets what has come of a message. */
  discard(key: number): void {
    const pieces = this.#messages.get(key);
    if (pieces === undefined) return;
    this.#messages.delete(key);
    this.#give(pieces.octets);
  }

  /** Forgets everything. */
  clear(): void {
    for (const key of [...this.#messages.keys()]) this.discard(key);
    this.#sa.host.disarm(this.#sa, "reassembly");
  }

  /** Forgets the messages of which nothing has come for so long (RFC 7383 2.6). */
  expire(): void {
    const now = this.#sa.host.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [key, { lastAt }] of [...this.#messages]) {
      if (lastAt + reassemblyTime <= now) this.discard(key);
      else next = Math.min(next, lastAt + reassemblyTime);
    }
    if (next < Number.POSITIVE_INFINITY) this.#sa.host.arm(this.#sa, "reassembly", next);
  }

  /** The message's pieces with room for `octets` more; where there is none, what has come of it is forgotten. */
  #piecesOf(key: number, total: number, octets: number): Pieces | undefined {
    const known = this.#messages.get(key);
    const fits =
      (known?.octets ?? 0) + octets <= reassemblyLimits.message && this.#octets + octets <= reassemblyLimits.ikeSa;
    if (!fits || !this.#take(octets)) {
      this.discard(key);
      return undefined;
    }
    if (known !== undefined) return known;
    const now = this.#sa.host.now();
    const pieces: Pieces = { total, contents: new Map(), octets: 0, first: undefined, lastAt: now };
    if (this.#messages.size === 0) this.#sa.host.arm(this.#sa, "reassembly", now + reassemblyTime);
    this.#messages.set(key, pieces);
    return pieces;
  }

  /** Whoever has not proved who it is shares what all of its kind may take. */
  #take(octets: number): boolean {
    if (!this.#sa.host.mayKeep(this.#sa, octets)) return false;
    this.#octets += octets;
    return true;
  }

  #give(octets: number): void {
    this.#octets -= octets;
    this.#sa.host.keepsNoMore(this.#sa, octets);
  }
}
