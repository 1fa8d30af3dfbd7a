import { createDecipheriv } from "node:crypto";
import { readFileSync } from "node:fs";
import { records } from "./pcap.ts";
import type { SaLife } from "./sa-monitor.ts";

/** An echo of ICMP inside GRE: who asked, and with which number. */
export interface Echo {
  readonly kind: "request" | "reply";
  /** The inner address of who asked. */
  readonly asker: string;
  /** 16 bits. */
  readonly sequence: number;
}

/** A packet that carries GRE on the wire; `at` is UNIX time in ms. */
export interface GrePacket {
  readonly at: number;
  readonly source: string;
  readonly destination: string;
  /** The SA of ESP; undefined: in clear. */
  readonly spi: number | undefined;
  /** What it carries; undefined where no kernel had the keys, or it is no echo. */
  readonly echo: Echo | undefined;
}

/** An IKE message on the wire: what of it is not encrypted. */
export interface IkeMessage {
  readonly at: number;
  readonly source: string;
  readonly destination: string;
  /** "CREATE_CHILD_SA request 3". */
  readonly name: string;
  readonly length: number;
  readonly initiatorSpi: string;
}

/** What a capture saw over IPv4 of GRE, in ESP without UDP around it or in clear, and of IKE; in the order of the wire. */
export interface Trace {
  readonly gre: readonly GrePacket[];
  readonly ike: readonly IkeMessage[];
}

const exchanges: Readonly<Record<number, string>> = {
  34: "IKE_SA_INIT",
  35: "IKE_AUTH",
  36: "CREATE_CHILD_SA",
  37: "INFORMATIONAL",
};

/** Reads a capture's file, and opens what the SAs' keys open: AES-GCM in transport mode. */
export function readTrace(file: string, sas: readonly SaLife[]): Trace {
  const keys = new Map(sas.map(({ destination, spi, key }) => [`${destination} ${spi}`, key]));
  const gre: GrePacket[] = [];
  const ike: IkeMessage[] = [];
  for (const record of records(readFileSync(file))) {
    const at = record.readUInt32LE(0) * 1000 + record.readUInt32LE(4) / 1000;
    const packet = record.subarray(16 + 14);
    if (record.readUInt16BE(16 + 12) !== 0x0800 || packet.length < 28) continue;
    const [source, destination] = [packet.subarray(12, 16).join("."), packet.subarray(16, 20).join(".")];
    const body = packet.subarray((packet.readUInt8(0) & 15) * 4, packet.readUInt16BE(2));
    const protocol = packet.readUInt8(9);
    const ends = { at, source, destination };
    if (protocol === 47) gre.push({ ...ends, spi: undefined, echo: echoIn(body) });
    else if (protocol === 50) {
      const spi = body.readUInt32BE(0);
      const key = keys.get(`${destination} ${spi}`);
      gre.push({ ...ends, spi, echo: key === undefined ? undefined : echoIn(open(body, key)) });
    } else if (protocol === 17 && (packet.readUInt16BE(6) & 0x1fff) === 0) {
      const message = ikeMessage(body);
      if (message !== undefined) ike.push({ ...ends, ...message });
    }
  }
  return { gre, ike };
}

/** RFC 4106: salt and IV, then the block counter from 2 on. The ICV is not asked for: the kernels did that. */
function open(esp: Buffer, key: Buffer): Buffer {
  const cipher = key.subarray(0, -4);
  const counter = Buffer.concat([key.subarray(-4), esp.subarray(8, 16), Buffer.of(0, 0, 0, 2)]);
  return createDecipheriv(`aes-${cipher.length * 8}-ctr`, cipher, counter).update(esp.subarray(16, -16));
}

/** GRE without options, IPv4 without options, ICMP. */
function echoIn(octets: Buffer): Echo | undefined {
  if (octets.length < 4 + 20 + 8 || octets.readUInt32BE(0) !== 0x0800 || octets.readUInt8(4 + 9) !== 1)
    return undefined;
  const type = octets.readUInt8(24);
  if (type !== 0 && type !== 8) return undefined;
  const kind = type === 8 ? "request" : "reply";
  const asker = (kind === "request" ? octets.subarray(16, 20) : octets.subarray(20, 24)).join(".");
  return { kind, asker, sequence: octets.readUInt16BE(30) };
}

/** A datagram to or from port 500, or 4500 behind four zero octets (RFC 3948 2.2). */
function ikeMessage(datagram: Buffer): Pick<IkeMessage, "name" | "length" | "initiatorSpi"> | undefined {
  const ports = [datagram.readUInt16BE(0), datagram.readUInt16BE(2)];
  const floated = ports.includes(4500) && datagram.length >= 12 && datagram.readUInt32BE(8) === 0;
  const message = datagram.subarray(floated ? 12 : 8);
  if ((!floated && !ports.includes(500)) || message.length < 28) return undefined;
  const kind = (message.readUInt8(19) & 0x20) === 0 ? "request" : "response";
  const type = message.readUInt8(18);
  return {
    name: `${exchanges[type] ?? `exchange ${type}`} ${kind} ${message.readUInt32BE(20)}`,
    length: message.readUInt32BE(24),
    initiatorSpi: message.toString("hex", 0, 8),
  };
}
