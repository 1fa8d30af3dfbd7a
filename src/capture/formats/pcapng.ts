import { type CapturedPacket, CaptureError, type CaptureFormat, maxPacket, type OctetSource } from "../packet.ts";

const sectionHeader = 0x0a0d0d0a;
const interfaceDescription = 1;
const packetBlock = 2;
const simplePacket = 3;
const enhancedPacket = 6;

/** A block that is no packet may hold names or secrets; longer ones are no capture file's. */
const maxBlock = 16 * 1024 * 1024;
const maxInterfaces = 4096;

interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Ticks of a second. */
  readonly ticks: number;
  readonly offset: number;
}

/** pcapng (draft-ietf-opsawg-pcapng): sections of either order of octets, any number of interfaces. */
export class PcapngFormat implements CaptureFormat {
  readonly name = "pcapng";
  #little = true;
  #interfaces: Interface[] = [];
  #number = 0;

  next(queue: OctetSource): CapturedPacket | undefined {
    for (;;) {
      const head = queue.peek(12);
      if (head === undefined) return undefined;
      if (head.readUInt32BE(0) === sectionHeader) this.#little = head.readUInt32BE(8) === 0x4d3c2b1a;
      const length = this.#u32(head, 4);
      if (length < 12 || length > maxBlock || length % 4 !== 0) {
        throw new CaptureError(
          `a block of ${length} octets after packet ${this.#number}, possible are 12 to ${maxBlock}`,
        );
      }
      const block = queue.take(length);
      if (block === undefined) return undefined;
      const packet = this.#read(this.#u32(block, 0), block.subarray(8, length - 4));
      if (packet !== undefined) return packet;
    }
  }

  #read(type: number, body: Buffer): CapturedPacket | undefined {
    switch (type) {
      case sectionHeader:
        this.#interfaces = [];
        return undefined;
      case interfaceDescription:
        this.#describe(body);
        return undefined;
      case enhancedPacket:
        return this.#packet(body, this.#u32(body, 0), 4);
      case packetBlock:
        return this.#packet(body, this.#u16(body, 0), 4);
      case simplePacket:
        return this.#simple(body);
      default:
        return undefined;
    }
  }

  #describe(body: Buffer): void {
    if (body.length < 8 || this.#interfaces.length >= maxInterfaces) {
      throw new CaptureError(
        `an interface after packet ${this.#number} is cut short, or one of more than ${maxInterfaces}`,
      );
    }
    let ticks = 1e6;
    let offset = 0;
    for (let at = 8; at + 4 <= body.length; ) {
      const [code, length] = [this.#u16(body, at), this.#u16(body, at + 2)];
      if (code === 0 || at + 4 + length > body.length) break;
      if (code === 9 && length === 1) {
        const resolution = body.readUInt8(at + 4);
        ticks = resolution >= 0x80 ? 2 ** (resolution & 0x7f) : 10 ** resolution;
      } else if (code === 14 && length === 8) offset = Number(this.#u64(body, at + 4));
      at += 4 + Math.ceil(length / 4) * 4;
    }
    this.#interfaces.push({ linkType: this.#u16(body, 0), snapLength: this.#u32(body, 4), ticks, offset });
  }

  #packet(body: Buffer, interfaceId: number, timeAt: number): CapturedPacket {
    if (body.length < 20) throw new CaptureError(`packet ${this.#number + 1} is cut short`);
    const on = this.#interfaceOf(interfaceId);
    const ticks = this.#u32(body, timeAt) * 2 ** 32 + this.#u32(body, timeAt + 4);
    const length = this.#u32(body, 12);
    return this.#made(on, body.subarray(20), length, this.#u32(body, 16), on.offset + ticks / on.ticks);
  }

  #simple(body: Buffer): CapturedPacket {
    if (body.length < 4) throw new CaptureError(`packet ${this.#number + 1} is cut short`);
    const on = this.#interfaceOf(0);
    const original = this.#u32(body, 0);
    const length = on.snapLength === 0 ? original : Math.min(original, on.snapLength);
    return this.#made(on, body.subarray(4), length, original, undefined);
  }

  #made(on: Interface, data: Buffer, length: number, originalLength: number, time: number | undefined): CapturedPacket {
    if (length > data.length || length > maxPacket) {
      throw new CaptureError(`packet ${this.#number + 1} says ${length} octets, its block has ${data.length}`);
    }
    this.#number += 1;
    return { number: this.#number, time, linkType: on.linkType, octets: data.subarray(0, length), originalLength };
  }

  #interfaceOf(id: number): Interface {
    const found = this.#interfaces[id];
    if (found === undefined)
      throw new CaptureError(`packet ${this.#number + 1} is of interface ${id}, which is not described`);
    return found;
  }

  #u16(octets: Buffer, at: number): number {
    return this.#little ? octets.readUInt16LE(at) : octets.readUInt16BE(at);
  }

  #u32(octets: Buffer, at: number): number {
    return this.#little ? octets.readUInt32LE(at) : octets.readUInt32BE(at);
  }

  #u64(octets: Buffer, at: number): bigint {
    return this.#little ? octets.readBigInt64LE(at) : octets.readBigInt64BE(at);
  }
}
