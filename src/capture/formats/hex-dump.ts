import { type CapturedPacket, type CaptureFormat, maxPacket, type OctetSource } from "../packet.ts";

/** LINKTYPE_USER0, by which what a hex dump holds is told apart: nothing says what its octets begin with. */
export const guessedLink = 147;

const newline = 0x0a;
/** A line longer than this is no hex dump's. */
const maxLine = 4 * maxPacket;

/**
 * Hex as people paste it: one packet in each run of lines, with or without offsets ("0010  ab cd …", as od, xxd, tcpdump
 * -x and Wireshark print them) and the text beside it. An offset of zero begins a new packet.
 */
export class HexDumpFormat implements CaptureFormat {
  readonly name = "hex dump";
  #octets: Buffer[] = [];
  #length = 0;
  #hasOffsets = false;
  #number = 0;

  next(queue: OctetSource): CapturedPacket | undefined {
    for (;;) {
      const line = takeLine(queue);
      if (line === undefined) return queue.ended ? this.#finish() : undefined;
      if (this.#isEnd(line)) {
        const packet = this.#finish();
        if (packet !== undefined) return packet;
        continue;
      }
      const read = readLine(line);
      if (read === undefined) {
        const packet = this.#finish();
        if (packet !== undefined) return packet;
        continue;
      }
      const before = read.offset === 0 ? this.#finish() : undefined;
      if (this.#length + read.octets.length <= maxPacket) {
        this.#octets.push(read.octets);
        this.#length += read.octets.length;
        this.#hasOffsets = read.offset !== undefined;
      }
      if (before !== undefined) return before;
    }
  }

  /** od and hexdump close with the offset behind the last octet: no octets. */
  #isEnd(line: string): boolean {
    if (!this.#hasOffsets || !/^\s*[0-9a-f]{4,8}$/i.test(line)) return false;
    return Number.parseInt(line.trim(), 16) === this.#length;
  }

  #finish(): CapturedPacket | undefined {
    if (this.#length === 0) return undefined;
    const octets = Buffer.concat(this.#octets);
    this.#octets = [];
    this.#length = 0;
    this.#hasOffsets = false;
    this.#number += 1;
    return { number: this.#number, time: undefined, linkType: guessedLink, octets, originalLength: octets.length };
  }
}

function takeLine(queue: OctetSource): string | undefined {
  const waiting = queue.peek(Math.min(queue.length, maxLine));
  if (waiting === undefined || waiting.length === 0) return undefined;
  const end = waiting.indexOf(newline);
  if (end < 0 && !queue.ended && waiting.length < maxLine) return undefined;
  const line = queue.take(end < 0 ? waiting.length : end + 1);
  return line?.toString("latin1").trimEnd();
}

/** The octets of a line; undefined for an empty one and for one that is no hex. */
function readLine(line: string): { readonly offset: number | undefined; readonly octets: Buffer } | undefined {
  const plain = line.replace(/^0x/i, "").replace(/[\s:,]|0x/gi, "");
  const offset = /^\s*(?:0x)?([0-9a-f]{4,8}):?\s+(?=[0-9a-f]{2})/i.exec(line);
  if (offset?.[1] === undefined) {
    return /^(?:[0-9a-f]{2})+$/i.test(plain) ? { offset: undefined, octets: Buffer.from(plain, "hex") } : undefined;
  }
  // What stands after two blanks or a bar is the text of the octets.
  const rest = line.slice(offset[0].length).split(/\s{2,}(?![0-9a-f]{2}(?:\s|$))|\|/i)[0] ?? "";
  const digits = /^(?:[0-9a-f]{2,}\s?)+/i.exec(`${rest} `.replace(/\s+/g, " "))?.[0].replace(/\s/g, "") ?? "";
  if (digits.length === 0 || digits.length % 2 !== 0) return undefined;
  // Groups of four digits without blanks could be read as an offset: only where they count up are they one.
  return { offset: Number.parseInt(offset[1], 16), octets: Buffer.from(digits, "hex") };
}
