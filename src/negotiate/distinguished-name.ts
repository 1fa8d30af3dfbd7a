/**
 * Distinguished names of X.500 (RFC 5280 4.1.2.4), in certificates and as identities (RFC 7296 3.5: ID_DER_ASN1_DN): read from
 * DER, written as DER, compared attribute by attribute (RFC 5280 7.1), so that two ends need not have encoded the same name alike.
 */
import { type Asn1Limits, type Element, readElement } from "../asn1/element.ts";
import { objectIdentifier, sequence, set } from "../asn1/encode.ts";
import { Asn1Error } from "../asn1/error.ts";
import { Fields, oid, sequenceOf, setOf, universal } from "../asn1/fields.ts";
import { tlv } from "../crypto/key-exchange/der.ts";
import { attributeType } from "./attribute-types.ts";

/** One attribute: its type as dotted numbers, its value as text. */
export interface NameAttribute {
  readonly type: string;
  /** Of a value that is no text a # and the hexadecimal digits of its element (RFC 4514 2.4). */
  readonly value: string;
  /** The element of a value that is no text. */
  readonly element?: Uint8Array;
}

/** The relative names from the root on, each with one attribute or, rarely, several. */
export type DistinguishedName = readonly (readonly NameAttribute[])[];

/** What stands alone, as an identity does. */
const limits: Asn1Limits = { octets: 4_096, elements: 512, depth: 6 };
/** More is no name. */
export const nameLimits = { relativeNames: 64, attributes: 8 } as const;

/** Reads the DER of a Name strictly; undefined where it is none. */
export function decodeName(der: Uint8Array): DistinguishedName | undefined {
  try {
    return nameOf(readElement(der, limits));
  } catch (error) {
    if (error instanceof Asn1Error) return undefined;
    throw error;
  }
}

/** The name that an element is. Throws Asn1Error. */
export function nameOf(element: Element): DistinguishedName {
  const relativeNames = sequenceOf(element, "a name");
  if (relativeNames.length > nameLimits.relativeNames)
    throw new Asn1Error("too-large", `a name of ${relativeNames.length} parts`);
  return relativeNames.map((relative) => {
    const attributes = setOf(relative, "a relative name");
    if (attributes.length === 0) throw new Asn1Error("structure", "a relative name is empty");
    if (attributes.length > nameLimits.attributes)
      throw new Asn1Error("too-large", `a relative name of ${attributes.length} attributes`);
    return attributes.map(attributeOf);
  });
}

function attributeOf(pair: Element): NameAttribute {
  const fields = new Fields(pair, "an attribute of a name");
  const type = oid(fields.any("type"), "an attribute's type");
  const value = fields.any("value");
  fields.end();
  return { type, ...readValue(value) };
}

/** A value, as text where it is one. Throws Asn1Error for octets that are no text of their own type. */
export function readValue(element: Element): Omit<NameAttribute, "type"> {
  const text = textOf(element);
  if (text !== undefined) return { value: text };
  return { value: `#${Buffer.from(element.whole).toString("hex")}`, element: element.whole.slice() };
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const utf16 = new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true });

/** RFC 5280 4.1.2.4: the forms of a DirectoryString, and IA5String. */
function textOf({ tagClass, tag, constructed, contents }: Element): string | undefined {
  if (tagClass !== "universal" || constructed) return undefined;
  switch (tag) {
    case universal.utf8String:
      return decode(utf8, contents);
    case universal.printableString:
    case universal.ia5String:
      if (contents.some((octet) => octet > 0x7f)) throw new Asn1Error("structure", "a name's text is not ASCII");
      return decode(utf8, contents);
    // TeletexString: what is in use is Latin 1 (RFC 5280 B).
    case universal.teletexString:
      return Buffer.from(contents).toString("latin1");
    case universal.bmpString:
      return decode(utf16, contents);
    default:
      return undefined;
  }
}

function decode(decoder: { decode(octets: Uint8Array): string }, contents: Uint8Array): string {
  try {
    return decoder.decode(contents);
  } catch {
    throw new Asn1Error("structure", "a name's text is not in its own encoding");
  }
}

/** The DER of a name: PrintableString where the characters allow it, IA5String where the type demands it, else UTF8String. */
export function encodeName(name: DistinguishedName): Uint8Array {
  const sets = name.map((attributes) => {
    const members = attributes.map((each) => sequence(objectIdentifier(each.type), each.element ?? text(each)));
    // X.690 11.6: a SET OF in DER is sorted.
    return set(...members.sort(Buffer.compare));
  });
  return Uint8Array.from(sequence(...sets));
}

const ia5Types: ReadonlySet<string> = new Set([attributeType.domainComponent, attributeType.email]);

function text({ type, value }: NameAttribute): Uint8Array {
  if (ia5Types.has(type)) return tlv(universal.ia5String, Buffer.from(value, "latin1"));
  const tag = /^[A-Za-z0-9 '()+,\-./:=?]*$/.test(value) ? universal.printableString : universal.utf8String;
  return tlv(tag, Buffer.from(value, "utf8"));
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
  const like = (one: NameAttribute, other: NameAttribute): boolean =>
    one.type === other.type && ((wildcards && one.value === "*") || sameValue(one, other));
  return a.every((one) => b.some((other) => like(one, other)));
}

function sameValue(a: NameAttribute, b: NameAttribute): boolean {
  if ((a.element === undefined) !== (b.element === undefined)) return false;
  return a.value === b.value || foldedValue(a) === foldedValue(b);
}

/** A text that values which are the same have in common (RFC 5280 7.1, RFC 4518): case, blanks and forms of characters are gone. */
export function foldedValue({ value }: NameAttribute): string {
  return value.normalize("NFKC").toLowerCase().trim().replace(/\s+/g, " ");
}
