import { readFileSync } from "node:fs";
import { records } from "./pcap.ts";

/** An ESP packet on the wire; `at` is UNIX time in ms. */
export interface EspPacket {
  readonly at: number;
  readonly source: string;
  readonly destination: string;
  readonly spi: number;
  readonly sequence: number;
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

/** What a capture saw over IPv4 of ESP without UDP around it, and of IKE. */
export interface Trace {
  readonly esp: readonly EspPacket[];
  readonly ike: readonly IkeMessage[];
}

const exchanges: Readonly<Record<number, string>> = {
  34: "IKE_SA_INIT",
  35: "IKE_AUTH",
  36: "CREATE_CHILD_SA",
  37: "INFORMATIONAL",
};

/** Reads a capture's file. */
export function readTrace(file: string): Trace {
  const esp: EspPacket[] = [];
  const ike: IkeMessage[] = [];
  for (const record of records(readFileSync(file))) {
    const at = record.readUInt32LE(0) * 1000 + record.readUInt32LE(4) / 1000;
    const packet = record.subarray(16 + 14);
    if (record.readUInt16BE(16 + 12) !== 0x0800 || packet.length < 28) continue;
    const [source, destination] = [packet.subarray(12, 16).join("."), packet.subarray(16, 20).join(".")];
    const body = packet.subarray((packet.readUInt8(0) & 15) * 4);
    const protocol = packet.readUInt8(9);
    if (protocol === 50)
      esp.push({ at, source, destination, spi: body.readUInt32BE(0), sequence: body.readUInt32BE(4) });
    else if (protocol === 17 && (packet.readUInt16BE(6) & 0x1fff) === 0) {
      const message = ikeMessage(body);
      if (message !== undefined) ike.push({ at, source, destination, ...message });
    }
  }
  return { esp, ike };
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
