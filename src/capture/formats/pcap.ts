import { type CapturedPacket, CaptureError, type CaptureFormat, maxPacket, type OctetSource } from "../packet.ts";

const magics: Readonly<Record<string, readonly [littleEndian: boolean, ticks: number, recordHeader: number]>> = {
  d4c3b2a1: [true, 1e6, 16],
  a1b2c3d4: [false, 1e6, 16],
  "4d3cb2a1": [true, 1e9, 16],
  a1b23c4d: [false, 1e9, 16],
  // Alexey Kuznetsov's, with an interface and a protocol in each record.
  "34cdb2a1": [true, 1e6, 24],
  a1b2cd34: [false, 1e6, 24],
};

const fileHeader = 24;

/** Whether a file with these first four octets is one of libpcap's. */
export function isPcap(magic: Buffer): boolean {
  return magic.toString("hex") in magics;
}

/** libpcap's own format (draft-ietf-opsawg-pcap), in either order of octets, with microseconds or nanoseconds. */
export class PcapFormat implements CaptureFormat {
  readonly name = "pcap";
  #shape: readonly [littleEndian: boolean, ticks: number, recordHeader: number] | undefined;
  #linkType = 0;
  #number = 0;

  next(queue: OctetSource): CapturedPacket | undefined {
    if (this.#shape === undefined) {
      const header = queue.take(fileHeader);
      if (header === undefined) return undefined;
      this.#shape = magics[header.subarray(0, 4).toString("hex")] ?? [true, 1e6, 16];
      // The upper bits say how long a checksum at the end of frames is.
      this.#linkType = (this.#shape[0] ? header.readUInt32LE(20) : header.readUInt32BE(20)) & 0xffff;
    }
    const [little, ticks, headerLength] = this.#shape;
    const header = queue.peek(headerLength);
    if (header === undefined) return undefined;
    const u32 = (at: number) => (little ? header.readUInt32LE(at) : header.readUInt32BE(at));
    const length = u32(8);
    if (length > maxPacket) {
      throw new CaptureError(`packet ${this.#number + 1} says ${length} octets, possible are at most ${maxPacket}`);
    }
    const record = queue.take(headerLength + length);
    if (record === undefined) return undefined;
    this.#number += 1;
    return {
      number: this.#number,
      time: u32(0) + u32(4) / ticks,
      linkType: this.#linkType,
      octets: record.subarray(headerLength),
      originalLength: u32(12),
    };
  }
}
