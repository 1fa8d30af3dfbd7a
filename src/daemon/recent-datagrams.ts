/** The latest IKE messages of each address, for `explain --live`: as they were on the wire, without any key. */
import type { Path } from "../sa/path.ts";

/** An IKE message as it came or went. */
export interface RecentDatagram {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly sent: boolean;
  readonly path: Path;
  readonly octets: Uint8Array;
}

/**
 * Addresses of either kind, messages of one address, and octets kept of one message. Whoever only ever sends first messages
 * shares few places with others like it, so that spoofed ones push no peer out.
 */
const bounds = { met: 256, strangers: 32, messages: 32, octets: 4096 } as const;

const messageIdOffset = 20;
const headerLength = 28;

/** Rings of messages by the address of the other end. */
export class RecentDatagrams {
  readonly #met = new Map<string, RecentDatagram[]>();
  readonly #strangers = new Map<string, RecentDatagram[]>();
  readonly #now: () => number;

  /** `now` is the wall clock, in milliseconds since 1970. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Keeps a copy; longer messages are not kept, since they could not be read again. */
  remember(sent: boolean, octets: Uint8Array, path: Path): void {
    if (octets.length > bounds.octets || octets.length < headerLength) return;
    const ring = this.#ringOf(path.remote.address, sent && isLater(octets));
    if (ring.length >= bounds.messages) ring.shift();
    ring.push({ at: this.#now(), sent, path, octets: Uint8Array.from(octets) });
  }

  /** Of these addresses, in the order of time. */
  of(addresses: readonly string[]): RecentDatagram[] {
    return addresses
      .flatMap((address) => this.#met.get(address) ?? this.#strangers.get(address) ?? [])
      .sort((one, other) => one.at - other.at);
  }

  /** Of every address that has been met. */
  get addresses(): readonly string[] {
    return [...this.#met.keys(), ...this.#strangers.keys()];
  }

  /** Who has got from us what only follows a first exchange is met: its address is no spoofed one. */
  #ringOf(address: string, meets: boolean): RecentDatagram[] {
    const met = this.#met.get(address);
    const known = met ?? this.#strangers.get(address);
    if (met === undefined && meets) {
      this.#strangers.delete(address);
      return place(this.#met, address, known ?? [], bounds.met);
    }
    return known ?? place(this.#strangers, address, [], bounds.strangers);
  }
}

/** A message after the first exchange: of IKEv2 its ID is not 0, of IKEv1 it is encrypted or of phase 2. */
function isLater(octets: Uint8Array): boolean {
  const encrypted = (octets[17] ?? 0) >> 4 === 1 && ((octets[19] ?? 0) & 1) !== 0;
  return encrypted || octets.subarray(messageIdOffset, messageIdOffset + 4).some((octet) => octet !== 0);
}

function place<V>(map: Map<string, V>, key: string, value: V, most: number): V {
  const oldest = map.keys().next();
  if (map.size >= most && oldest.done !== true) map.delete(oldest.value);
  map.set(key, value);
  return value;
}
