import type { IpPacket } from "./ip.ts";

/** Datagrams put together at a time, octets and fragments of each; the oldest goes when another begins. */
const bounds = { datagrams: 64, octets: 65_535, fragments: 512, seconds: 30 } as const;

interface Partial {
  readonly began: number;
  readonly pieces: Map<number, Buffer>;
  octets: number;
  total: number | undefined;
}

/** IP fragments put together again (RFC 791 3.2, RFC 8200 4.5), bounded. */
export class IpFragments {
  readonly #partials = new Map<string, Partial>();
  #givenUp = 0;

  /** Datagrams of which something is missing, those that were given up included. */
  get incomplete(): number {
    return this.#partials.size + this.#givenUp;
  }

  /** Takes a fragment; the whole payload once all of it is there. */
  take(packet: IpPacket, time: number): Buffer | undefined {
    const { fragment } = packet;
    if (fragment === undefined) return packet.payload;
    const key = `${packet.source.toString("hex")} ${packet.destination.toString("hex")} ${packet.protocol} ${fragment.id}`;
    const partial = this.#partialOf(key, time);
    if (partial.pieces.has(fragment.offset)) return undefined;
    partial.octets += packet.payload.length;
    if (partial.octets > bounds.octets || partial.pieces.size >= bounds.fragments) {
      this.#giveUp(key);
      return undefined;
    }
    // A copy: a capture's chunk is not kept for a fragment in it.
    partial.pieces.set(fragment.offset, Buffer.from(packet.payload));
    if (!fragment.more) partial.total = fragment.offset + packet.payload.length;
    const whole = assemble(partial);
    if (whole !== undefined) this.#partials.delete(key);
    return whole;
  }

  #partialOf(key: string, time: number): Partial {
    const known = this.#partials.get(key);
    if (known !== undefined && Math.abs(time - known.began) <= bounds.seconds) return known;
    this.#giveUp(key);
    const oldest = this.#partials.keys().next();
    if (this.#partials.size >= bounds.datagrams && oldest.done !== true) this.#giveUp(oldest.value);
    const partial: Partial = { began: time, pieces: new Map(), octets: 0, total: undefined };
    this.#partials.set(key, partial);
    return partial;
  }

  #giveUp(key: string): void {
    if (this.#partials.delete(key)) this.#givenUp += 1;
  }
}

/** Overlapping fragments never fit together and are never whole (RFC 5722). */
function assemble({ pieces, total, octets }: Partial): Buffer | undefined {
  if (total === undefined || octets !== total) return undefined;
  const parts: Buffer[] = [];
  let at = 0;
  while (at < total) {
    const piece = pieces.get(at);
    if (piece === undefined || piece.length === 0) return undefined;
    parts.push(piece);
    at += piece.length;
  }
  return Buffer.concat(parts);
}
