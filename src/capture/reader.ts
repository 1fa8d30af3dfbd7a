/** Capture files of any known format, read as they arrive. */
import { HexDumpFormat } from "./formats/hex-dump.ts";
import { isPcap, PcapFormat } from "./formats/pcap.ts";
import { PcapngFormat } from "./formats/pcapng.ts";
import { SnoopFormat, snoopMagic } from "./formats/snoop.ts";
import { OctetQueue } from "./octet-queue.ts";
import { type CapturedPacket, CaptureError, type CaptureFormat } from "./packet.ts";

/** Push chunks, take packets; memory is bounded by one chunk and one packet. */
export class CaptureReader {
  readonly #queue = new OctetQueue();
  #format: CaptureFormat | undefined;

  /** The name of the format, once it is known. */
  get format(): string | undefined {
    return this.#format?.name;
  }

  /** The packets that are whole with this chunk. Throws {@link CaptureError}. */
  *push(chunk: Uint8Array): Generator<CapturedPacket> {
    this.#queue.push(chunk);
    yield* this.#packets();
  }

  /** The packets that are left; throws {@link CaptureError} where the file ends within one, or is of no format known. */
  *end(): Generator<CapturedPacket> {
    this.#queue.ended = true;
    this.#format ??= formatOf(this.#queue.peek(Math.min(this.#queue.length, 8)) ?? Buffer.alloc(0));
    yield* this.#packets();
    if (this.#queue.length > 0)
      throw new CaptureError(`the file ends within a packet: ${this.#queue.length} octets are left`);
  }

  *#packets(): Generator<CapturedPacket> {
    if (this.#format === undefined) {
      const magic = this.#queue.peek(8);
      if (magic === undefined) return;
      this.#format = formatOf(magic);
    }
    for (;;) {
      const packet = this.#format.next(this.#queue);
      if (packet === undefined) return;
      yield packet;
    }
  }
}

function formatOf(magic: Buffer): CaptureFormat {
  if (isPcap(magic.subarray(0, 4))) return new PcapFormat();
  if (magic.length >= 4 && magic.readUInt32BE(0) === 0x0a0d0d0a) return new PcapngFormat();
  if (magic.equals(snoopMagic)) return new SnoopFormat();
  if (/^[\s0-9a-fx:,#]*$/i.test(magic.toString("latin1")) && magic.length > 0) return new HexDumpFormat();
  throw new CaptureError("not a capture: neither pcap, pcapng, snoop nor a hex dump");
}
