import { WireError, type WireErrorCode } from "./error.ts";
import { Trail } from "./trail.ts";

const none = new Uint8Array(0);
const wide = new DataView(new ArrayBuffer(8));

/**
 * A cursor over octets that cannot leave its limit. A nested structure narrows the limit to its own length and must
 * consume all of it before the limit widens again. Byte strings are views of the input: copy what outlives the message.
 */
export class Reader {
  /** Which structure is being read, for errors. */
  readonly trail = new Trail();
  /** Octets of the byte string that an earlier size field has announced. */
  announcedSize = 0;
  /** Elements of the list that an earlier count field has announced. */
  announcedCount = 0;
  /** Offset of the next octet. */
  position: number;
  private limit: number;
  private readonly octets: Uint8Array;

  constructor(octets: Uint8Array) {
    this.octets = octets;
    this.position = 0;
    this.limit = octets.length;
  }

  /** Octets left in the structure being read. */
  get left(): number {
    return this.limit - this.position;
  }

  u8(what: string): number {
    const at = this.position;
    if (at >= this.limit) this.fail("truncated", `${what} needs 1 octet, none is left`);
    this.position = at + 1;
    return this.octets[at] as number;
  }

  /** The next octet, not consumed. */
  peek8(what: string): number {
    const octet = this.u8(what);
    this.position--;
    return octet;
  }

  u16(what: string): number {
    const at = this.take(2, what);
    return ((this.octets[at] as number) << 8) | (this.octets[at + 1] as number);
  }

  u32(what: string): number {
    return this.u32At(this.take(4, what));
  }

  u64(what: string): bigint {
    const at = this.take(8, what);
    wide.setUint32(0, this.u32At(at));
    wide.setUint32(4, this.u32At(at + 4));
    return wide.getBigUint64(0);
  }

  /** A view of the next `count` octets. */
  bytes(count: number, what: string): Uint8Array {
    const at = this.take(count, what);
    return count === 0 ? none : new Uint8Array(this.octets.buffer, this.octets.byteOffset + at, count);
  }

  /** A view of everything left in the structure being read. */
  rest(): Uint8Array {
    return this.bytes(this.limit - this.position, "data");
  }

  /** Limits reading to the next `length` octets; returns the limit to give back to {@link widen}. */
  narrow(length: number, what: string): number {
    const outer = this.limit;
    const inner = this.position + length;
    if (inner > outer) this.fail("truncated", `${what} says ${length} more octets, ${this.left} are left`);
    this.limit = inner;
    return outer;
  }

  /** Ends the structure begun by {@link narrow}, all of which must have been read. */
  widen(outer: number): void {
    this.end();
    this.limit = outer;
  }

  /** Fails unless everything has been read. */
  end(): void {
    const over = this.limit - this.position;
    if (over !== 0) this.fail("trailing", `${over} octet${over === 1 ? "" : "s"} left over at the end`);
  }

  /** Throws the typed error for the place where the reader stands. */
  fail(code: WireErrorCode, problem: string): never {
    throw new WireError(code, problem, this.trail.toString(), this.position);
  }

  private take(count: number, what: string): number {
    const at = this.position;
    if (at + count > this.limit) {
      this.fail("truncated", `${what} needs ${count} octets, ${this.left} left`);
    }
    this.position = at + count;
    return at;
  }

  private u32At(at: number): number {
    const o = this.octets;
    return (
      (((o[at] as number) << 24) |
        ((o[at + 1] as number) << 16) |
        ((o[at + 2] as number) << 8) |
        (o[at + 3] as number)) >>>
      0
    );
  }
}
