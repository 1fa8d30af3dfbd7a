import { endianness } from "node:os";

/** Netlink numbers are in the host's byte order; addresses, ports and SPIs in network order. */
export const HOST_LITTLE_ENDIAN = endianness() === "LE";

/** A buffer with its two views: `bytes` for copies and text, `view` for numbers (a DataView is the fastest both on Node 20 and later). */
export class Octets {
  readonly bytes: Buffer;
  readonly view: DataView;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** A new zeroed buffer of `size` octets, outside Node's shared pool so that wiping it wipes all of it. */
  static alloc(size: number): Octets {
    return new Octets(Buffer.from(new ArrayBuffer(size)));
  }

  /** A plain copy of the octets from `start` up to `end`. */
  slice(start: number, end: number): Uint8Array {
    return new Uint8Array(this.bytes.subarray(start, end));
  }

  /** A copy of foreign octets. */
  static copy(octets: Uint8Array): Octets {
    const copy = Octets.alloc(octets.length);
    copy.bytes.set(octets);
    return copy;
  }
}

/** Rounds up to a multiple of four: NLMSG_ALIGN and NLA_ALIGN. For sizes that were checked to be within a datagram. */
export function align4(size: number): number {
  return (size + 3) & ~3;
}
