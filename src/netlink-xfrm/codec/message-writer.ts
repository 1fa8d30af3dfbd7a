import { InvalidValueError } from "../errors.ts";
import { align4, HOST_LITTLE_ENDIAN, Octets } from "./octets.ts";
import type { Field } from "./struct.ts";

/** Octets in a `struct nlmsghdr`. */
export const NLMSG_HEADER = 16;
/** Octets in a `struct nlattr`. */
export const NLA_HEADER = 4;
export const NLA_F_NESTED = 0x8000;

/** Builds netlink messages one behind the other in one buffer that is made once and reused. */
export class MessageWriter {
  readonly octets: Octets;
  #start = 0;
  #end = 0;

  /** `capacity`: octets of all messages together; a message that does not fit throws InvalidValueError. */
  constructor(capacity: number) {
    this.octets = Octets.alloc(capacity);
  }

  /** Octets written so far. */
  get length(): number {
    return this.#end;
  }

  /** Begins a message behind what is there. */
  begin(type: number, flags: number, sequence: number): void {
    this.#start = this.#end;
    const at = this.reserve(NLMSG_HEADER);
    const { view } = this.octets;
    view.setUint16(at + 4, type, HOST_LITTLE_ENDIAN);
    view.setUint16(at + 6, flags, HOST_LITTLE_ENDIAN);
    view.setUint32(at + 8, sequence, HOST_LITTLE_ENDIAN);
  }

  /** Ends the message: its length is known now. */
  end(): void {
    this.octets.view.setUint32(this.#start, this.#end - this.#start, HOST_LITTLE_ENDIAN);
  }

  /** Forgets all messages. `wipe` overwrites them first, for those that carry keys. */
  reset(wipe: boolean): void {
    if (wipe) this.octets.bytes.fill(0, 0, this.#end);
    this.#start = 0;
    this.#end = 0;
  }

  /** Takes `size` zeroed octets, and padding to a multiple of four; returns where they begin. */
  reserve(size: number): number {
    const at = this.#end;
    const end = at + align4(size);
    const { bytes } = this.octets;
    if (end > bytes.length) {
      throw new InvalidValueError("message", end - this.#start, `at most ${bytes.length} octets in one datagram`);
    }
    bytes.fill(0, at, end);
    this.#end = end;
    return at;
  }

  /** Writes a structure at the end of the message. */
  put<T>(field: Field<T>, value: T | undefined, name: string): void {
    field.write(this.octets, this.reserve(field.size), value, name);
  }

  /** Opens an attribute with `size` octets of payload; returns where the payload begins. */
  attribute(type: number, size: number, name: string): number {
    const length = NLA_HEADER + size;
    if (length > 0xffff) throw new InvalidValueError(name, size, "at most 65531 octets in an attribute");
    const at = this.reserve(length);
    const { view } = this.octets;
    view.setUint16(at, length, HOST_LITTLE_ENDIAN);
    view.setUint16(at + 2, type, HOST_LITTLE_ENDIAN);
    return at + NLA_HEADER;
  }

  /** An attribute that holds the attributes that `write` adds. */
  nested(type: number, name: string, write: () => void): void {
    const start = this.attribute(type, 0, name) - NLA_HEADER;
    write();
    const length = this.#end - start;
    if (length > 0xffff) throw new InvalidValueError(name, length, "at most 65535 octets in a nested attribute");
    this.octets.view.setUint16(start, length, HOST_LITTLE_ENDIAN);
  }
}
