/** Captured packets in, decoded IPsec out. */
import type { CapturedPacket } from "../capture/packet.ts";
import { WireError } from "../wire/error.ts";
import { damagedFields } from "./damaged.ts";
import { Finder, type Found, type Path } from "./datagram.ts";
import type { Decoded, Reading } from "./decoded.ts";
import { EspDecoder } from "./esp-decoder.ts";
import { field, hexOf } from "./field.ts";
import { Ikev1Decoder } from "./ikev1/decoder.ts";
import { Ikev2Decoder } from "./ikev2/decoder.ts";
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

  /** Packets that came in IP fragments of which some are missing. */
  get incomplete(): number {
    return this.#finder.incomplete;
  }

  /** What a packet holds of IPsec: nothing, or one piece, or several in a TCP segment. */
  decode(packet: CapturedPacket): Decoded[] {
    return this.#finder.find(packet).map((found) => {
      const { number, time } = packet;
      return new Read({ number, time, path: found.path, kind: found.kind }, this.#read(found));
    });
  }

  /** An IKE message that came by another way than a capture. */
  decodeMessage(number: number, time: number, between: Omit<Path, "carrier">, octets: Buffer): Decoded[] {
    const { source, sourcePort, destination, destinationPort } = between;
    const ports = sourcePort === undefined || destinationPort === undefined ? {} : { sourcePort, destinationPort };
    const path: Path = { source, destination, ...ports, carrier: "udp" };
    return [new Read({ number, time, path, kind: "ike" }, this.#readIke(octets, path, false))];
  }

  #read(found: Found): Reading {
    switch (found.kind) {
      case "ike":
        return this.#readIke(found.octets, found.path, found.cut);
      case "esp":
        return this.#esp.read(found) ?? tooShort("ESP", found.octets);
      case "ah":
        return this.#esp.readAh(found) ?? tooShort("AH", found.packet.subarray(found.at));
      case "keepalive":
        return {
          summary: "NAT-keepalive",
          tone: "plain",
          fieldsOf: () => [field("NAT-keepalive", "ff", [], "RFC 3948 2.3")],
          notes: [],
        };
    }
  }

  #readIke(octets: Buffer, path: Path, cut: boolean): Reading {
    try {
      // RFC 7296 2.5: a version that is not ours is at least shown.
      return (octets[17] ?? 0) >> 4 === 1 ? this.#ikev1.read(octets, senderOf(path)) : this.#ikev2.read(octets);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      const why = cut ? "the capture has less of it than was sent" : error.message;
      return {
        summary: `malformed IKE message: ${why}`,
        remark: "malformed",
        tone: "refused",
        fieldsOf: () => damagedFields(octets),
        notes: [`malformed: ${why}`],
      };
    }
  }
}

type Place = Pick<Decoded, "number" | "time" | "path" | "kind">;

/** Where it was found and what it is. */
class Read implements Decoded {
  readonly number: number;
  readonly time: number | undefined;
  readonly path: Path;
  readonly kind: Decoded["kind"];
  readonly summary: string;
  readonly remark: string | undefined;
  readonly tone: Decoded["tone"];
  readonly notes: readonly string[];
  readonly message: Decoded["message"];
  readonly packet: Decoded["packet"];
  readonly #reading: Reading;

  constructor({ number, time, path, kind }: Place, reading: Reading) {
    this.number = number;
    this.time = time;
    this.path = path;
    this.kind = kind;
    this.summary = reading.summary;
    this.remark = reading.remark;
    this.tone = reading.tone;
    this.notes = reading.notes;
    this.message = reading.message;
    this.packet = reading.packet;
    this.#reading = reading;
  }

  get fields(): Decoded["fields"] {
    return this.#reading.fieldsOf();
  }
}

/** What tells one end from the other: its address, or where both have the same its port; undefined where neither does. */
function senderOf({ source, destination, sourcePort, destinationPort }: Path): string | undefined {
  if (source !== destination) return source;
  return sourcePort === destinationPort ? undefined : `${source} ${sourcePort}`;
}

function tooShort(name: string, octets: Buffer): Reading {
  return {
    summary: `${name} cut short, ${octets.length} octets`,
    tone: "refused",
    fieldsOf: () => [field(name, hexOf(octets.subarray(0, 64)))],
    notes: ["malformed: cut short"],
  };
}
