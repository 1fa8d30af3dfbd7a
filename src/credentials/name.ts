/** Distinguished names (RFC 5280 4.1.2.4, RFC 4514). */
import { type Asn1Limits, type Element, readElement } from "./asn1/element.ts";
import { Asn1Error } from "./asn1/error.ts";
import { Fields, oid, sequenceOf, setOf, universal } from "./asn1/fields.ts";
import { attributeKeyword } from "./attribute-types.ts";

/** One attribute of a name. */
export interface Attribute {
  /** `2.5.4.3` */
  readonly oid: string;
  /** `CN`, or the object identifier where there is no keyword. */
  readonly keyword: string;
  /** The text; `#` and hexadecimal digits for a value that is none (RFC 4514 2.4). */
  readonly value: string;
  /** The element of the value. */
  readonly der: Uint8Array;
}

/** A distinguished name as it was read: its octets, its relative names in the order of the octets, and a text. */
export interface Name {
  readonly der: Uint8Array;
  readonly rdns: readonly (readonly Attribute[])[];
  /** `C=DE, O=Example, CN=gw`: the order of the octets, most significant first. */
  readonly text: string;
  /** Names that are the same (RFC 5280 7.1) have the same key, so that comparing two costs what comparing texts does. */
  readonly key: string;
  /** The keys of its relative names. */
  readonly rdnKeys: readonly string[];
}

const limits: Asn1Limits = { octets: 8192, elements: 512, depth: 6 };
const longestName = 64;

/** The Name of its octets, as an ID_DER_ASN1_DN holds it. Throws Asn1Error. */
export function readName(der: Uint8Array): Name {
  return nameOf(readElement(der, limits));
}

/** The Name of an element. Throws Asn1Error. */
export function nameOf(element: Element): Name {
  const rdns = sequenceOf(element, "a name").map((rdn) => {
    const attributes = setOf(rdn, "a relative name").map(attributeOf);
    if (attributes.length === 0) throw new Asn1Error("structure", "a relative name is empty");
    return attributes;
  });
  if (rdns.length > longestName) throw new Asn1Error("too-large", `a name of ${rdns.length} parts`);
  const rdnKeys = rdns.map(rdnKey);
  return { der: element.whole, rdns, text: nameText(rdns), key: rdnKeys.join(","), rdnKeys };
}

/**
 * Whether two names are the same (RFC 5280 7.1): attribute by attribute in the order they have, text without regard to case
 * and to how many blanks part its words, all else octet by octet.
 */
export function sameName(a: Name, b: Name): boolean {
  return a.key === b.key;
}

/** Whether `name` lies in the subtree of `base` (RFC 5280 4.2.1.10): its first relative names are those of `base`. */
export function isWithin(name: Name, base: Name): boolean {
  return base.rdnKeys.every((key, index) => key === name.rdnKeys[index]);
}

/** X.501 9.3: a relative name is a set. */
function rdnKey(attributes: readonly Attribute[]): string {
  return attributes
    .map(({ oid: type, value }) => `${type}=${JSON.stringify(folded(value))}`)
    .sort()
    .join("+");
}

/** RFC 5280 7.1: case folded, blanks at the ends gone, inner ones made one. */
function folded(text: string): string {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .split(" ")
    .filter((word) => word !== "")
    .join(" ");
}

function nameText(rdns: Name["rdns"]): string {
  return rdns.map((rdn) => rdn.map(({ keyword, value }) => `${keyword}=${escaped(value)}`).join("+")).join(", ");
}

/** RFC 4514 2.4, so that a value cannot pass for two attributes; control characters as hexadecimal digits. */
function escaped(value: string): string {
  if (value === "") return "";
  const inner = value.replace(/[\\,+"<>;=]/g, "\\$&").replace(/\p{C}/gu, escapedOctets);
  return inner.replace(/^[ #]/, "\\$&").replace(/ $/, "\\ ");
}

function escapedOctets(character: string): string {
  return [...Buffer.from(character)].map((octet) => `\\${octet.toString(16).padStart(2, "0")}`).join("");
}

function attributeOf(element: Element): Attribute {
  const fields = new Fields(element, "an attribute of a name");
  const type = oid(fields.any("type"), "an attribute's type");
  const value = fields.any("value");
  fields.end();
  return { oid: type, keyword: attributeKeyword(type) ?? type, value: valueText(value), der: value.whole };
}

function valueText(element: Element): string {
  return textOf(element) ?? `#${Buffer.from(element.whole).toString("hex")}`;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");
const utf16 = new TextDecoder("utf-16be", { fatal: true, ignoreBOM: true });

/** The text of a string type; undefined for another type. Throws Asn1Error for octets that are no such text. */
function textOf({ tagClass, tag, constructed, contents }: Element): string | undefined {
  if (tagClass !== "universal" || constructed) return undefined;
  switch (tag) {
    case universal.utf8String:
      return decode(utf8, contents);
    case universal.printableString:
    case universal.ia5String:
      if (contents.some((octet) => octet > 0x7f)) throw new Asn1Error("structure", "a name's text is not ASCII");
      return decode(latin1, contents);
    case universal.teletexString:
      return decode(latin1, contents);
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
