/** What AH on a captured wire holds, read without any code of ours. */
import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Machine } from "./machine.ts";
import { records } from "./pcap.ts";

/** IP protocol numbers. */
export const within = { ip: 4, udp: 17, gre: 47, esp: 50, ipcomp: 108 } as const;

/** One IPv4 packet with AH outermost, that is no later fragment. */
export interface AhFrame {
  readonly spi: number;
  /** What AH says that it holds. */
  readonly holds: number;
  readonly payload: Buffer;
}

/** All of a capture's file, in order. */
export function ahFrames(file: string): AhFrame[] {
  const frames: AhFrame[] = [];
  for (const record of records(readFileSync(file))) {
    const packet = record.subarray(16 + 14);
    const isAh = record.readUInt16BE(16 + 12) === 0x0800 && packet[9] === 51;
    if (!isAh || (packet.readUInt16BE(6) & 0x1fff) !== 0) continue;
    const ah = packet.subarray((packet.readUInt8(0) & 15) * 4, packet.readUInt16BE(2));
    // RFC 4302 2.2: the length in words of 32 bits, minus 2.
    frames.push({ spi: ah.readUInt32BE(4), holds: ah.readUInt8(0), payload: ah.subarray((ah.readUInt8(1) + 2) * 4) });
  }
  return frames;
}

/** What ESP in AES-CBC holds: the next header and the octets before the padding (RFC 4303 2). */
export function openEsp(payload: Buffer, key: Buffer, icvOctets: number): { holds: number; inner: Buffer } {
  const cipher = createDecipheriv(`aes-${key.length * 8}-cbc`, key, payload.subarray(8, 24)).setAutoPadding(false);
  const sealed = payload.subarray(24, payload.length - icvOctets);
  const plain = Buffer.concat([cipher.update(sealed), cipher.final()]);
  return { holds: plain.readUInt8(plain.length - 1), inner: plain.subarray(0, -2 - plain.readUInt8(plain.length - 2)) };
}

/** The keys of AES-CBC in a machine's kernel, by the SPI of ESP. */
export async function espKeys(machine: Machine): Promise<Map<number, Buffer>> {
  const keys = new Map<number, Buffer>();
  for (const stanza of (await machine.run("ip xfrm state")).split(/\n(?=src )/)) {
    const spi = /proto esp spi 0x([0-9a-f]+)/.exec(stanza)?.[1];
    const key = /enc cbc\(aes\) 0x([0-9a-f]+)/.exec(stanza)?.[1];
    if (spi !== undefined && key !== undefined) keys.set(Number.parseInt(spi, 16), Buffer.from(key, "hex"));
  }
  return keys;
}
