import { WireError } from "./error.ts";
import { Trail } from "./trail.ts";

const wide = new DataView(new ArrayBuffer(8));

/**
 * Builds one message at a time in a buffer of fixed capacity, which bounds what can be encoded; {@link finish} copies
 * the result out and wipes the buffer, because the plaintext of encrypted payloads passes through it.
 */
export class Writer {
  /** Which structure is being written, for errors. */
  readonly trail = new Trail();
  /** Offset of the next octet. */
  position = 0;
  private readonly octets: Buffer;

  /** `capacity`: octets of the longest message that can be written. */
  constructor(capacity: number) {
    this.octets = Buffer.alloc(capacity);
  }

  /** Forgets an earlier message that was not finished. */
  begin(): void {
    this.octets.fill(0, 0, this.position);
    this.position = 0;
    this.trail.reset();
  }

  /** A copy of everything written. */
  finish(): Buffer {
    const out = Buffer.allocUnsafe(this.position);
    this.octets.copy(out, 0, 0, this.position);
    this.begin();
    return out;
  }

  u8(value: number, what: string): void {
    if ((value & 0xff) !== value) this.fail(`${what} is ${value}, possible are 0 to 255`);
    this.octets[this.room(1)] = value;
  }

  u16(value: number, what: string): void {
    if ((value & 0xffff) !== value) this.fail(`${what} is ${value}, possible are 0 to 65535`);
    const at = this.room(2);
    this.octets[at] = value >>> 8;
    this.octets[at + 1] = value & 0xff;
  }

  u32(value: number, what: string): void {
    if (value >>> 0 !== value) this.fail(`${what} is ${value}, possible are 0 to 4294967295`);
    this.put32(this.room(4), value);
  }

  u64(value: bigint, what: string): void {
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) this.fail(`${what} does not fit 64 bits`);
    const at = this.room(8);
    wide.setBigUint64(0, value);
    this.put32(at, wide.getUint32(0));
    this.put32(at + 4, wide.getUint32(4));
  }

  bytes(value: Uint8Array): void {
    const length = value.length;
    const at = this.room(length);
    // Below about 16 octets a loop costs less than the call of set().
    if (length < 16) for (let i = 0; i < length; i++) this.octets[at + i] = value[i] as number;
    else this.octets.set(value, at);
  }

  /** Leaves room for a 16-bit length; returns where it is, for {@link patch16}. */
  reserve16(): number {
    return this.room(2);
  }

  /** Sets a 16-bit number reserved earlier. */
  patch16(at: number, value: number, what: string): void {
    if (value > 0xffff) this.fail(`${what} is ${value}, possible are 0 to 65535`);
    this.octets[at] = value >>> 8;
    this.octets[at + 1] = value & 0xff;
  }

  /** Sets an octet written earlier. */
  patch8(at: number, value: number): void {
    this.octets[at] = value;
  }

  /** Sets a 32-bit number written earlier. */
  patch32(at: number, value: number): void {
    this.put32(at, value);
  }

  /** Throws the typed error for the place where the writer stands. */
  fail(problem: string): never {
    throw new WireError("unencodable", problem, this.trail.toString(), this.position);
  }

  private room(count: number): number {
    const at = this.position;
    if (at + count > this.octets.length) {
      this.fail(`the message would be longer than ${this.octets.length} octets`);
    }
    this.position = at + count;
    return at;
  }

  private put32(at: number, value: number): void {
    this.octets[at] = value >>> 24;
    this.octets[at + 1] = (value >>> 16) & 0xff;
    this.octets[at + 2] = (value >>> 8) & 0xff;
    this.octets[at + 3] = value & 0xff;
  }
}
