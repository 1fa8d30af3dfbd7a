/** The elements directly below one, without reading what is in them: for what is too long to be read in one go. */
import { Asn1Error } from "./error.ts";

/** One element as it stands: its first octet (class, form and a tag below 31), and all of it. */
export interface Slice {
  readonly tag: number;
  readonly whole: Uint8Array;
  readonly contents: Uint8Array;
}

/** The one element that `octets` begin with. Throws Asn1Error where it is cut, or no DER (X.690 10.1). */
export function firstSlice(octets: Uint8Array, what: string): Slice {
  const [tag, first] = octets;
  if (tag === undefined || first === undefined) throw new Asn1Error("malformed", `${what} is cut`);
  if ((tag & 0x1f) === 0x1f) throw new Asn1Error("malformed", `${what} has a tag of more than one octet`);
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (more > 4 || (first >= 0x80 && more === 0)) throw new Asn1Error("malformed", `${what} has no length that DER has`);
  let length = first < 0x80 ? first : 0;
  for (let index = 0; index < more; index++) length = length * 256 + (octets[2 + index] ?? 0);
  if (more > 0 && (length < 0x80 || (octets[2] ?? 0) === 0))
    throw new Asn1Error("malformed", `${what} has a length in more octets than it needs`);
  const start = 2 + more;
  if (start + length > octets.length) throw new Asn1Error("malformed", `${what} is cut`);
  return { tag, whole: octets.subarray(0, start + length), contents: octets.subarray(start, start + length) };
}

/** One after the other. Throws Asn1Error when it comes to what is none. */
export function* slices(contents: Uint8Array, what: string): Generator<Slice, void> {
  for (let at = 0; at < contents.length; ) {
    const slice = firstSlice(contents.subarray(at), what);
    yield slice;
    at += slice.whole.length;
  }
}
