/** Packets built for tests: a message in the headers of a link. */
import type { CapturedPacket } from "../../../src/capture/packet.ts";
import { addressOctets } from "../../../src/negotiate/address.ts";

/** UDP over IPv4, from port to port. */
export function udp(source: string, destination: string, port: number, data: Uint8Array): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(port, 0);
  header.writeUInt16BE(port, 2);
  header.writeUInt16BE(8 + data.length, 4);
  return ipv4(source, destination, 17, Buffer.concat([header, data]));
}

/** An IPv4 packet, or a fragment of one. */
export function ipv4(
  source: string,
  destination: string,
  protocol: number,
  data: Uint8Array,
  fragment = 0,
  id = 7,
): Buffer {
  const header = Buffer.alloc(20);
  header[0] = 0x45;
  header.writeUInt16BE(20 + data.length, 2);
  header.writeUInt16BE(id, 4);
  header.writeUInt16BE(fragment, 6);
  header[8] = 64;
  header[9] = protocol;
  header.set(source.split(".").map(Number), 12);
  header.set(destination.split(".").map(Number), 16);
  return Buffer.concat([header, data]);
}

/** An IPv6 packet; the parts are extension headers, as many as there are, and what follows them. */
export function ipv6(source: string, destination: string, nextHeader: number, parts: readonly Uint8Array[]): Buffer {
  const payload = Buffer.concat(parts);
  const header = Buffer.alloc(40);
  header[0] = 0x60;
  header.writeUInt16BE(payload.length, 4);
  header[6] = nextHeader;
  header[7] = 64;
  header.set(addressOctets(source), 8);
  header.set(addressOctets(destination), 24);
  return Buffer.concat([header, payload]);
}

/** As a capture has it; 101 is raw IP. */
export function captured(octets: Buffer, number = 1, linkType = 101): CapturedPacket {
  return { number, time: number, linkType, octets, originalLength: octets.length };
}
