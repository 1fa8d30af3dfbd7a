/** Values to elements of DER, as far as certificates and requests need them. */
import { BIT_STRING, integer, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, tlv } from "../crypto/key-exchange/der.ts";

const SET = 0x31;
const BOOLEAN = 1;
const UTC_TIME = 23;
const GENERALIZED_TIME = 24;

export function sequence(...parts: Uint8Array[]): Uint8Array {
  return tlv(SEQUENCE, ...parts);
}

export function set(...parts: Uint8Array[]): Uint8Array {
  return tlv(SET, ...parts);
}

export function octets(contents: Uint8Array): Uint8Array {
  return tlv(OCTET_STRING, contents);
}

/** A non-negative INTEGER. */
export function number(value: number | Uint8Array): Uint8Array {
  return integer(typeof value === "number" ? Uint8Array.of(value >> 24, value >> 16, value >> 8, value) : value);
}

export function truth(): Uint8Array {
  return tlv(BOOLEAN, Uint8Array.of(0xff));
}

/** A BIT STRING of whole octets. */
export function bits(contents: Uint8Array): Uint8Array {
  return tlv(BIT_STRING, Uint8Array.of(0), contents);
}

/** A BIT STRING of named bits without trailing zeros (X.690 11.2.2). */
export function namedBitString(positions: readonly number[]): Uint8Array {
  const last = Math.max(...positions);
  const contents = new Uint8Array((last >> 3) + 1);
  for (const bit of positions) contents[bit >> 3] = (contents[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return tlv(BIT_STRING, Uint8Array.of(7 - (last & 7)), contents);
}

/** An element under a context tag: constructed around whole elements, or primitive around octets. */
export function tagged(tag: number, form: "constructed" | "primitive", ...parts: Uint8Array[]): Uint8Array {
  return tlv((form === "constructed" ? 0xa0 : 0x80) | tag, ...parts);
}

/** `1.2.840.10045.2.1` */
export function objectIdentifier(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return tlv(OBJECT_IDENTIFIER, Buffer.from([40 * first + second, ...rest].flatMap(base128)));
}

/** ms since 1970; RFC 5280 4.1.2.5: two digits of the year until 2049. */
export function instant(at: number): Uint8Array {
  const digits = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  const short = new Date(at).getUTCFullYear() < 2050;
  return tlv(short ? UTC_TIME : GENERALIZED_TIME, Buffer.from(short ? digits.slice(2) : digits));
}

function base128(arc: number): number[] {
  const digits = [arc % 128];
  for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
  return digits;
}
