/** ESP and AH packets of a capture, one after the other. */
import { readIp } from "../capture/ip.ts";
import { EspCipher, EspKeyError, type OpenedEsp } from "../crypto/esp-cipher.ts";
import { readAh, verifyAh } from "../esp/ah.ts";
import { espContent } from "../esp/trailer.ts";
import { formatAddress } from "../negotiate/address.ts";
import type { Found } from "./datagram.ts";
import type { Reading, Tone } from "./decoded.ts";
import { field, hexOf } from "./field.ts";
import { describeInner, type Inner, protocolName } from "./inner.ts";
import type { EspSaKeys, KeyStore } from "./keys/key-store.ts";
import { Recent } from "./recent.ts";
import { SequenceTracker } from "./sequence.ts";

/** SAs, and pairs of addresses, that are followed at a time. */
const maxFollowed = 8192;
const espHeader = 8;
const espProtocol = 50;
/** ESP within ESP that is opened. */
const maxNested = 4;

interface FollowedSa {
  readonly sequence: SequenceTracker;
  cipher: EspCipher | undefined;
  keys: readonly EspSaKeys[];
  extended: boolean;
}

/** Opens what there are keys for and follows the sequence numbers of each SA. */
export class EspDecoder {
  readonly #keys: KeyStore;
  readonly #sas = new Recent<string, FollowedSa>(maxFollowed);
  /** The SPI last used between two addresses: another is a rekey, or a second SA. */
  readonly #latest = new Recent<string, number>(maxFollowed);

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /** An ESP packet from its SPI on; undefined where it is too short to have one. */
  read({ octets, path, cut }: Extract<Found, { kind: "esp" }>, depth = 0): Reading | undefined {
    if (octets.length < espHeader) return undefined;
    const [spi, sequence] = [octets.readUInt32BE(0), octets.readUInt32BE(4)];
    const sa = this.#followed(`esp ${spi} ${path.destination}`, spi, path.source, path.destination);
    const notes = depth > 0 ? [] : this.#notesOn(sa, "ESP", spi, sequence, path.source, path.destination);
    if (cut) notes.push("the capture has less of the packet than was sent");
    const opened = cut ? undefined : this.#open(sa, octets, sequence, notes);
    const content = opened?.padded === undefined ? undefined : espContent(opened.padded);
    if (opened?.padded !== undefined && content === undefined)
      notes.push("the pad length does not fit: the key is another SA's");
    const inner =
      content === undefined ? undefined : this.#inside(content.nextHeader, Buffer.from(content.payload), path, depth);
    const spiText = spi.toString(16).padStart(8, "0");
    const ofSa = this.#keys.esp(spi, path.source, path.destination).length === 0 ? "no key" : "not opened";
    return {
      summary: `ESP ${spiText} #${sequence}: ${inner?.summary ?? (opened?.integrity === "failed" ? "the ICV is wrong" : `${octets.length} octets (${ofSa})`)}`,
      tone: toneOf(opened, notes),
      notes,
      fieldsOf: () => [
        field(
          "ESP",
          undefined,
          [
            field("SPI", spiText),
            field("sequence number", sequence),
            ...(opened === undefined
              ? [field("octets", octets.length)]
              : [field("integrity", opened.integrity), field("ICV", hexOf(opened.icv))]),
            ...(content === undefined
              ? []
              : [
                  field("next header", protocolName(content.nextHeader)),
                  field(
                    "padding",
                    content.padding.length,
                    content.paddingIsUsual ? [] : [field("octets", hexOf(content.padding))],
                  ),
                ]),
            ...(inner?.fields ?? []),
          ],
          "RFC 4303 2",
        ),
      ],
      packet: {
        spi,
        sequence,
        ...(opened === undefined ? {} : { integrity: opened.integrity }),
        ...(content === undefined ? {} : { nextHeader: content.nextHeader, payload: Buffer.from(content.payload) }),
      },
    };
  }

  /** A whole IP packet with AH in it; undefined where the header does not fit. */
  readAh({ packet, at, path, cut }: Extract<Found, { kind: "ah" }>): Reading | undefined {
    const header = readAh(packet.subarray(at));
    if (header === undefined) return undefined;
    const { spi, sequence, nextHeader, icv } = header;
    // Senders to a multicast address may share an SPI; none of them changes its address, which the ICV covers.
    const sa = this.#followed(`ah ${spi} ${path.source} ${path.destination}`, spi, path.source, path.destination);
    const notes = this.#notesOn(sa, "AH", spi, sequence, path.source, path.destination);
    if (cut) notes.push("the capture has less of the packet than was sent");
    const key = this.#keys.esp(spi, path.source, path.destination).find((keys) => keys.integ !== undefined);
    const right =
      key?.integ === undefined || key.integKey === undefined || cut
        ? undefined
        : verifyAh(packet, at, key.integ, key.integKey);
    const integrity = right === undefined ? "unchecked" : right ? "verified" : "failed";
    const inner = this.#inside(nextHeader, Buffer.from(header.payload), path, 1);
    const spiText = spi.toString(16).padStart(8, "0");
    return {
      summary: `AH ${spiText} #${sequence}: ${inner.summary}`,
      tone: integrity === "failed" ? "refused" : "plain",
      notes,
      fieldsOf: () => [
        field(
          "AH",
          undefined,
          [
            field("SPI", spiText),
            field("sequence number", sequence),
            field("next header", protocolName(nextHeader)),
            field("ICV", hexOf(icv)),
            field("integrity", integrity),
            ...inner.fields,
          ],
          "RFC 4302 2",
        ),
      ],
      packet: { spi, sequence, integrity, nextHeader, payload: Buffer.from(header.payload) },
    };
  }

  #inside(nextHeader: number, payload: Buffer, path: Found["path"], depth: number): Inner {
    const whole = describeInner(nextHeader, payload);
    const nested = depth >= maxNested ? undefined : this.#nested(nextHeader, payload, path, depth);
    if (nested === undefined) return whole;
    // ESP alone says it all itself.
    const fields = nested.fieldsOf();
    return nextHeader === espProtocol
      ? { summary: nested.summary, fields }
      : { summary: `${whole.summary}; ${nested.summary}`, fields: [...whole.fields, ...fields] };
  }

  /** ESP in ESP: in transport mode at once, in tunnel mode behind the inner header. */
  #nested(nextHeader: number, payload: Buffer, path: Found["path"], depth: number): Reading | undefined {
    if (nextHeader === espProtocol) return this.read({ kind: "esp", path, octets: payload, cut: false }, depth + 1);
    const ip = nextHeader === 4 || nextHeader === 41 ? readIp(payload) : undefined;
    if (ip?.protocol !== espProtocol || ip.fragment !== undefined) return undefined;
    const [source, destination] = [formatAddress(ip.source), formatAddress(ip.destination)];
    const inner = { ...path, source, destination };
    return this.read({ kind: "esp", path: inner, octets: ip.payload, cut: ip.cut }, depth + 1);
  }

  #open(sa: FollowedSa, octets: Buffer, sequence: number, notes: string[]): OpenedEsp | undefined {
    if (sa.cipher === undefined) return this.#tryKeys(sa, octets, notes);
    const opened = sa.cipher.open(octets, sa.extended ? sa.sequence.highFor(sequence) : undefined);
    if (opened?.integrity === "failed") notes.push("the ICV is wrong");
    if (opened === undefined) notes.push("too short for its algorithms");
    return opened;
  }

  /** With several keys for one SPI the one whose ICV is right; so also is found out whether sequence numbers are extended. */
  #tryKeys(sa: FollowedSa, octets: Buffer, notes: string[]): OpenedEsp | undefined {
    let last: OpenedEsp | undefined;
    for (const keys of sa.keys) {
      try {
        const cipher = new EspCipher(keys);
        for (const extended of [false, true]) {
          const opened = cipher.open(octets, extended ? 0 : undefined);
          last = opened ?? last;
          if (opened?.padded === undefined || espContent(opened.padded) === undefined) continue;
          sa.cipher = cipher;
          sa.extended = extended;
          return opened;
        }
      } catch (error) {
        if (!(error instanceof EspKeyError)) throw error;
        notes.push(error.message);
      }
    }
    if (last?.integrity === "failed") notes.push("the ICV is wrong");
    return last;
  }

  #followed(name: string, spi: number, source: string, destination: string): FollowedSa {
    const known = this.#sas.get(name);
    const keys = known?.cipher === undefined ? this.#keys.esp(spi, source, destination) : known.keys;
    if (known !== undefined) {
      known.keys = keys;
      return known;
    }
    const sa = { sequence: new SequenceTracker(), cipher: undefined, keys, extended: false };
    this.#sas.set(name, sa);
    return sa;
  }

  #notesOn(sa: FollowedSa, name: string, spi: number, sequence: number, source: string, destination: string): string[] {
    const notes: string[] = [];
    const between = `${name} ${source} ${destination}`;
    const before = this.#latest.get(between);
    if (before !== undefined && before !== spi) {
      notes.push(
        `another SPI than the packet before it, ${before.toString(16).padStart(8, "0")}: a rekey, or a second SA`,
      );
    }
    this.#latest.set(between, spi);
    const found = sa.sequence.take(sequence);
    if (found.kind === "gap")
      notes.push(`${found.missing} sequence number${found.missing === 1 ? "" : "s"} missing before it`);
    else if (found.kind === "replay") notes.push("a replay: this sequence number was there before");
    else if (found.kind === "late") notes.push("late: greater sequence numbers came before it");
    else if (found.kind === "zero") notes.push("sequence number 0, which no packet has (RFC 4303 2.2)");
    return notes;
  }
}

function toneOf(opened: OpenedEsp | undefined, notes: readonly string[]): Tone {
  if (opened?.integrity === "failed") return "refused";
  if (notes.some((note) => note.startsWith("a replay"))) return "repeat";
  return opened === undefined ? "closed" : "plain";
}
