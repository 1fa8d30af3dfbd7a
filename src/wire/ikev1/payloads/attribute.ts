import type { Codec } from "../../codec.ts";

/** A data attribute (RFC 2408 3.3): a number in TV form, octets in TLV form. */
export interface Attribute {
  /** 15 bits. */
  readonly type: number;
  readonly value: number | Uint8Array;
}

const shortForm = 0x8000;

/** Both directions of a data attribute; the form that was received is the form that is written. */
export const attribute: Codec<Attribute> = {
  read(r) {
    const first = r.u16("attribute type");
    const type = first & 0x7fff;
    if ((first & shortForm) !== 0) return { type, value: r.u16("attribute value") };
    return { type, value: r.bytes(r.u16("attribute length"), "attribute value") };
  },
  write(w, { type, value }) {
    if (type < 0 || type > 0x7fff) w.fail(`attribute type is ${type}, possible are 0 to 32767`);
    if (typeof value === "number") {
      w.u16(shortForm | type, "attribute type");
      w.u16(value, "attribute value");
      return;
    }
    w.u16(type, "attribute type");
    w.u16(value.length, "attribute length");
    w.bytes(value);
  },
};

/** The number that an attribute says in either form; undefined for one of no octets or above 2^48 - 1. */
export function attributeNumber({ value }: Attribute): number | undefined {
  if (typeof value === "number") return value;
  if (value.length === 0) return undefined;
  let number = 0;
  for (const octet of value) {
    number = number * 256 + octet;
    if (number > 0xffff_ffff_ffff) return undefined;
  }
  return number;
}

/** The attribute in TV form where the number fits 16 bits, else in TLV form with four octets (RFC 2407 4.5). */
export function numericAttribute(type: number, number: number): Attribute {
  if (number <= 0xffff) return { type, value: number };
  const value = new Uint8Array(4);
  new DataView(value.buffer).setUint32(0, number);
  return { type, value };
}
