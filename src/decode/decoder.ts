/** Captured packets in, decoded IPsec out. */
import type { CapturedPacket } from "../capture/packet.ts";
import { WireError } from "../wire/error.ts";
import { damagedFields } from "./damaged.ts";
import { Finder, type Found, type Path } from "./datagram.ts";
import type { Decoded } from "./decoded.ts";
import { EspDecoder } from "./esp-decoder.ts";
import { field, hexOf } from "./field.ts";
import { Ikev1Decoder } from "./ikev1/decoder.ts";
import { Ikev2Decoder, type Reading } from "./ikev2/decoder.ts";
import type { KeyStore } from "./keys/key-store.ts";

/** Follows one capture; memory is bounded whatever it holds. */
export class Decoder {
  readonly #finder = new Finder();
  readonly #ikev1: Ikev1Decoder;
  readonly #ikev2: Ikev2Decoder;
  readonly #esp: EspDecoder;

  constructor(keys: KeyStore) {
    this.#ikev1 = new Ikev1Decoder(keys);
    this.#ikev2 = new Ikev2Decoder(keys);
    this.#esp = new EspDecoder(keys);
  }

  /** What a packet holds of IPsec: nothing, or one piece, or several in a TCP segment. */
  decode(packet: CapturedPacket): Decoded[] {
    return this.#finder.find(packet).map((found) => {
      const { number, time } = packet;
      return { number, time, path: found.path, kind: found.kind, ...this.#read(found) };
    });
  }

  /** An IKE message that came by another way than a capture. */
  decodeMessage(number: number, time: number, between: Omit<Path, "carrier">, octets: Buffer): Decoded[] {
    const { source, sourcePort, destination, destinationPort } = between;
    const ports = sourcePort === undefined || destinationPort === undefined ? {} : { sourcePort, destinationPort };
    const path: Path = { source, destination, ...ports, carrier: "udp" };
    return [{ number, time, path, kind: "ike", ...this.#readIke(octets, source, false) }];
  }

  #read(found: Found): Pick<Decoded, "summary" | "remark" | "tone" | "fields" | "notes" | "message" | "packet"> {
    switch (found.kind) {
      case "ike":
        return this.#readIke(found.octets, found.path.source, found.cut);
      case "esp":
        return this.#esp.read(found) ?? tooShort("ESP", found.octets);
      case "ah":
        return this.#esp.readAh(found) ?? tooShort("AH", found.packet.subarray(found.at));
      case "keepalive":
        return {
          summary: "NAT-keepalive",
          tone: "plain",
          fields: [field("NAT-keepalive", "ff", [], "RFC 3948 2.3")],
          notes: [],
        };
    }
  }

  #readIke(octets: Buffer, source: string, cut: boolean): Reading {
    try {
      // RFC 7296 2.5: a version that is not ours is at least shown.
      return (octets[17] ?? 0) >> 4 === 1 ? this.#ikev1.read(octets, source) : this.#ikev2.read(octets);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const why = cut ? "the capture has less of it than was sent" : error.message;
      return {
        summary: `malformed IKE message: ${why}`,
        remark: "malformed",
        tone: "refused",
        fields: damagedFields(octets),
        notes: [`malformed: ${why}`],
      };
    }
  }
}

function tooShort(name: string, octets: Buffer): Pick<Decoded, "summary" | "tone" | "fields" | "notes"> {
  return {
    summary: `${name} cut short, ${octets.length} octets`,
    tone: "refused",
    fields: [field(name, hexOf(octets.subarray(0, 64)))],
    notes: ["malformed: cut short"],
  };
}
