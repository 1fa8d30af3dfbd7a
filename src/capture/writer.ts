/** A capture file of UDP datagrams, in pcap, as every tool reads it. */

/** One end of a datagram; the address in 4 or 16 octets. */
export interface WrittenEnd {
  readonly address: Uint8Array;
  readonly port: number;
}

/** A datagram without headers. */
export interface WrittenDatagram {
  readonly source: WrittenEnd;
  readonly destination: WrittenEnd;
  readonly data: Uint8Array;
}

/** pcap with microseconds, of packets that begin with IP (LINKTYPE_RAW). */
const fileHeader = Buffer.from("d4c3b2a1020004000000000000000000ffff000065000000", "hex");
const hopLimit = 64;
const protocolUdp = 17;

/** Collects packets; the file is in memory until it is asked for. */
export class CaptureWriter {
  readonly #pieces: Buffer[] = [fileHeader];

  /** A datagram at `at`, in milliseconds since 1970. */
  udp(at: number, datagram: WrittenDatagram): void {
    const packet = ipPacket(datagram);
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(at / 1000) >>> 0, 0);
    record.writeUInt32LE(Math.floor((at % 1000) * 1000), 4);
    record.writeUInt32LE(packet.length, 8);
    record.writeUInt32LE(packet.length, 12);
    this.#pieces.push(record, packet);
  }

  /** The whole file. */
  file(): Buffer {
    return Buffer.concat(this.#pieces);
  }
}

function ipPacket({ source, destination, data }: WrittenDatagram): Buffer {
  const udp = Buffer.alloc(8 + data.length);
  udp.writeUInt16BE(source.port, 0);
  udp.writeUInt16BE(destination.port, 2);
  udp.writeUInt16BE(udp.length, 4);
  udp.set(data, 8);
  const addresses = Buffer.concat([source.address, destination.address]);
  const pseudo = Buffer.alloc(4);
  pseudo.writeUInt16BE(protocolUdp, 0);
  pseudo.writeUInt16BE(udp.length, 2);
  // RFC 768: a sum of 0 is sent as all ones, since 0 says that there is none.
  udp.writeUInt16BE(checksum(addresses, pseudo, udp) || 0xffff, 6);
  return Buffer.concat([
    source.address.length === 4 ? ipv4Header(addresses, udp.length) : ipv6Header(addresses, udp.length),
    udp,
  ]);
}

function ipv4Header(addresses: Buffer, length: number): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(header.length + length, 2);
  header[8] = hopLimit;
  header[9] = protocolUdp;
  header.set(addresses, 12);
  header.writeUInt16BE(checksum(header), 10);
  return header;
}

function ipv6Header(addresses: Buffer, length: number): Buffer {
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(length, 4);
  header[6] = protocolUdp;
  header[7] = hopLimit;
  header.set(addresses, 8);
  return header;
}

/** RFC 1071, over parts of which only the last may have an odd length. */
function checksum(...parts: readonly Buffer[]): number {
  let sum = 0;
  for (const part of parts)
    for (let at = 0; at < part.length; at += 2) sum += ((part[at] ?? 0) << 8) | (part[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
