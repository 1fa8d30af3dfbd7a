/**
 * Distinguished names of X.500 as identities (RFC 7296 3.5: ID_DER_ASN1_DN): read from DER, written as DER, compared
 * attribute by attribute (RFC 5280 7.1), so that two ends need not have encoded the same name alike.
 */

/** One attribute: its type as dotted numbers, its value as text. */
export interface NameAttribute {
  readonly type: string;
  readonly value: string;
}

/** The relative names from the root on, each with one attribute or, rarely, several. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** Octets of a name, relative names, attributes of one: more is no name. */
const limits = { octets: 4_096, relativeNames: 64, attributes: 8 } as const;

/** Reads the DER of a Name strictly; undefined where it is none, or has values that are no text. */
export function decodeName(der: Uint8Array): DistinguishedName | undefined {
  if (der.length > limits.octets) return undefined;
  const outer = element(der, 0);
  if (outer?.tag !== SEQUENCE || outer.end !== der.length) return undefined;
  const name: NameAttribute[][] = [];
  for (let at = outer.start; at < outer.end; ) {
    const set = element(der, at, outer.end);
    const attributes = set?.tag === SET ? relativeName(der, set) : undefined;
    if (set === undefined || attributes === undefined || name.length === limits.relativeNames) return undefined;
    name.push(attributes);
    at = set.end;
  }
  return name;
}

/** The DER of a name: PrintableString where the characters allow it, IA5String where the type demands it, else UTF8String. */
export function encodeName(name: DistinguishedName): Buffer {
  const sets = name.map((attributes) => {
    const members = attributes.map(({ type, value }) => tlv(SEQUENCE, Buffer.concat([oid(type), text(type, value)])));
    // X.690 11.6: a SET OF in DER is sorted.
    return tlv(SET, Buffer.concat(members.sort(Buffer.compare)));
  });
  return tlv(SEQUENCE, Buffer.concat(sets));
}

/** As people write it: `C=CH, O=Example, CN=gw-a`, in the order of the octets. */
export function formatName(name: DistinguishedName): string {
  return name.map((attributes) => attributes.map(formatAttribute).join("+")).join(", ");
}

/** What is wrong with a text that should be a name, or the name. Attributes stand in the order of the certificate. */
export function parseName(written: string): { readonly name: DistinguishedName } | { readonly wrong: string } {
  const name: NameAttribute[][] = [];
  for (const relative of split(written, ",")) {
    const attributes: NameAttribute[] = [];
    for (const part of split(relative, "+")) {
      const equals = part.indexOf("=");
      const keyword = part.slice(0, Math.max(0, equals)).trim();
      const type = /^\d+(\.\d+)+$/.test(keyword) ? keyword : typeOf.get(keyword.toUpperCase());
      if (type === undefined)
        return { wrong: `"${part.trim()}" does not begin with the type of an attribute: ${keywords}, or its numbers` };
      const value = unescaped(part.slice(equals + 1).trim());
      if (value === "") return { wrong: `"${part.trim()}" has no value` };
      attributes.push({ type, value });
    }
    name.push(attributes);
  }
  if (name.length > limits.relativeNames || name.some(({ length }) => length > limits.attributes))
    return { wrong: `has more attributes than a name may have (${limits.relativeNames})` };
  return { name };
}

/** How a wanted name is compared: in its order or in any; a value `*` stands for every value. */
export interface NameMatch {
  readonly anyOrder: boolean;
  readonly wildcards: boolean;
}

/** Whether `seen` is the wanted name: as many relative names, and each attribute has its like. */
export function matchesName(wanted: DistinguishedName, seen: DistinguishedName, how: NameMatch = exactly): boolean {
  if (wanted.length !== seen.length) return false;
  if (!how.anyOrder) return wanted.every((one, index) => matchesRelative(one, seen[index] ?? [], how.wildcards));
  const left = [...seen];
  // What has a wildcard takes what the others leave.
  const order = [...wanted].sort((a, b) => wildcardsIn(a) - wildcardsIn(b));
  return order.every((one) => {
    const index = left.findIndex((other) => matchesRelative(one, other, how.wildcards));
    if (index >= 0) left.splice(index, 1);
    return index >= 0;
  });
}

const exactly: NameMatch = { anyOrder: false, wildcards: false };

function wildcardsIn(attributes: readonly NameAttribute[]): number {
  return attributes.filter(({ value }) => value === "*").length;
}

function matchesRelative(a: readonly NameAttribute[], b: readonly NameAttribute[], wildcards: boolean): boolean {
  if (a.length !== b.length) return false;
  return a.every(({ type, value }) =>
    b.some((other) => other.type === type && ((wildcards && value === "*") || same(value, other.value))),
  );
}

/** RFC 5280 7.1, RFC 4518: without regard to case, to the form of a character and to how many spaces stand in a row. */
function same(a: string, b: string): boolean {
  return a === b || folded(a) === folded(b);
}

function folded(value: string): string {
  return value.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}

function formatAttribute({ type, value }: NameAttribute): string {
  return `${keywordOf.get(type) ?? type}=${value.replace(/[,+\\"<>;=]/g, "\\$&")}`;
}

/** At separators that no backslash escapes. */
function split(written: string, separator: string): string[] {
  const parts = [""];
  for (let at = 0; at < written.length; at++) {
    const character = written[at] ?? "";
    const last = parts.length - 1;
    if (character === separator) parts.push("");
    else if (character === "\\") parts[last] += character + (written[++at] ?? "");
    else parts[last] += character;
  }
  return parts;
}

function unescaped(value: string): string {
  return value.replace(/\\(.)/gs, "$1");
}

// --- DER (X.690), as far as a name needs it ---------------------------------------------------------------------------

const SEQUENCE = 0x30;
const SET = 0x31;
const OBJECT_IDENTIFIER = 0x06;

/** An element: its tag, and where its contents stand. */
interface Element {
  readonly tag: number;
  readonly start: number;
  readonly end: number;
}

/** Definite lengths in their shortest form, inside the bounds. */
function element(der: Uint8Array, at: number, bound = der.length): Element | undefined {
  const [tag, first] = [der[at], der[at + 1]];
  if (tag === undefined || first === undefined) return undefined;
  const more = first < 0x80 ? 0 : first & 0x7f;
  if (more > 2 || (first >= 0x80 && more === 0)) return undefined;
  let length = first < 0x80 ? first : 0;
  for (let index = 0; index < more; index++) length = (length << 8) | (der[at + 2 + index] ?? 0);
  if (more > 0 && length < (more === 1 ? 0x80 : 0x100)) return undefined;
  const start = at + 2 + more;
  return start + length <= bound ? { tag, start, end: start + length } : undefined;
}

function relativeName(der: Uint8Array, set: Element): NameAttribute[] | undefined {
  const attributes: NameAttribute[] = [];
  for (let at = set.start; at < set.end; ) {
    const pair = element(der, at, set.end);
    const type = pair?.tag === SEQUENCE ? element(der, pair.start, pair.end) : undefined;
    if (pair === undefined || type?.tag !== OBJECT_IDENTIFIER) return undefined;
    const value = element(der, type.end, pair.end);
    if (value === undefined || value.end !== pair.end || attributes.length === limits.attributes) return undefined;
    const dotted = dottedNumbers(der.subarray(type.start, type.end));
    const characters = decodeText(value.tag, der.subarray(value.start, value.end));
    if (dotted === undefined || characters === undefined) return undefined;
    attributes.push({ type: dotted, value: characters });
    at = pair.end;
  }
  return attributes.length > 0 ? attributes : undefined;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true });
const utf8String = 0x0c;
const printableString = 0x13;
const ia5String = 0x16;

/** RFC 5280 4.1.2.4: the forms of a DirectoryString, and IA5String. */
function decodeText(tag: number, octets: Uint8Array): string | undefined {
  try {
    switch (tag) {
      case utf8String:
        return utf8.decode(octets);
      case printableString:
      case ia5String:
        return octets.every((octet) => octet < 0x80) ? utf8.decode(octets) : undefined;
      // TeletexString: what is in use is Latin 1 (RFC 5280 B).
      case 0x14:
        return Buffer.from(octets).toString("latin1");
      case 0x1e:
        return utf16.decode(octets);
      default:
        return undefined;
    }
  } catch {
    return undefined;
  }
}

function dottedNumbers(octets: Uint8Array): string | undefined {
  const arcs: number[] = [];
  let arc = 0;
  for (const [index, octet] of octets.entries()) {
    if (arc === 0 && octet === 0x80) return undefined;
    arc = arc * 128 + (octet & 0x7f);
    if (arc > 0xffff_ffff) return undefined;
    if (octet >= 0x80) {
      if (index === octets.length - 1) return undefined;
      continue;
    }
    if (arcs.length > 0) arcs.push(arc);
    else arcs.push(Math.min(2, Math.floor(arc / 40)), arc - 40 * Math.min(2, Math.floor(arc / 40)));
    arc = 0;
  }
  return arcs.length > 0 ? arcs.join(".") : undefined;
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [40 * first + second, ...rest].flatMap((arc) => {
    const digits = [arc % 128];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) digits.unshift(0x80 | (left % 128));
    return digits;
  });
  return tlv(OBJECT_IDENTIFIER, Buffer.from(octets));
}

function text(type: string, value: string): Buffer {
  if (ia5Types.has(type)) return tlv(ia5String, Buffer.from(value, "latin1"));
  const tag = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? printableString : utf8String;
  return tlv(tag, Buffer.from(value, "utf8"));
}

function tlv(tag: number, contents: Uint8Array): Buffer {
  const { length } = contents;
  const head = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Uint8Array.of(tag, ...head), contents]);
}

/** Keywords of RFC 4514 3, RFC 4519 and OpenSSL; of several for one type the first is written. */
const types: readonly (readonly [keyword: string, type: string])[] = [
  ["CN", "2.5.4.3"],
  ["SN", "2.5.4.4"],
  ["serialNumber", "2.5.4.5"],
  ["C", "2.5.4.6"],
  ["L", "2.5.4.7"],
  ["ST", "2.5.4.8"],
  ["STREET", "2.5.4.9"],
  ["O", "2.5.4.10"],
  ["OU", "2.5.4.11"],
  ["T", "2.5.4.12"],
  ["GN", "2.5.4.42"],
  ["DC", "0.9.2342.19200300.100.1.25"],
  ["UID", "0.9.2342.19200300.100.1.1"],
  ["E", "1.2.840.113549.1.9.1"],
  ["emailAddress", "1.2.840.113549.1.9.1"],
  ["S", "2.5.4.8"],
];

const typeOf = new Map(types.map(([keyword, type]) => [keyword.toUpperCase(), type]));
const keywordOf = new Map([...types].reverse().map(([keyword, type]) => [type, keyword]));
const keywords = "CN, O, OU, C, L, ST, DC, UID, E, serialNumber";
const ia5Types: ReadonlySet<string | undefined> = new Set([typeOf.get("DC"), typeOf.get("E")]);
