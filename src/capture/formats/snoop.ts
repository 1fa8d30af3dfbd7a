import { type CapturedPacket, CaptureError, type CaptureFormat, maxPacket, type OctetSource } from "../packet.ts";

/** The first eight octets of a snoop file. */
export const snoopMagic = Buffer.from("snoop\0\0\0", "latin1");

/** LINKTYPE_ values of snoop's data link types (RFC 1761): 802.3 and Ethernet; others come through as unknown. */
const linkTypes: Readonly<Record<number, number>> = { 0: 1, 4: 1, 9: 6 };
const recordHeader = 24;

/** Solaris' snoop, version 2 (RFC 1761). */
export class SnoopFormat implements CaptureFormat {
  readonly name = "snoop";
  #linkType: number | undefined;
  #number = 0;

  next(queue: OctetSource): CapturedPacket | undefined {
    if (this.#linkType === undefined) {
      const header = queue.take(16);
      if (header === undefined) return undefined;
      this.#linkType = linkTypes[header.readUInt32BE(12)] ?? 0xffff;
    }
    const header = queue.peek(recordHeader);
    if (header === undefined) return undefined;
    const [original, included, length] = [header.readUInt32BE(0), header.readUInt32BE(4), header.readUInt32BE(8)];
    if (length < recordHeader + included || length > maxPacket) {
      throw new CaptureError(`record ${this.#number + 1} says ${length} octets for a packet of ${included}`);
    }
    const record = queue.take(length);
    if (record === undefined) return undefined;
    this.#number += 1;
    return {
      number: this.#number,
      time: header.readUInt32BE(16) + header.readUInt32BE(20) / 1e6,
      linkType: this.#linkType,
      octets: record.subarray(recordHeader, recordHeader + included),
      originalLength: original,
    };
  }
}
