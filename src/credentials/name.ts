/** Distinguished names of certificates (RFC 5280 4.1.2.4), made ready to be compared many times. */
import type { Element } from "../asn1/element.ts";
import {
  type DistinguishedName,
  foldedValue,
  type NameAttribute,
  nameOf as readName,
} from "../negotiate/distinguished-name.ts";
import { formatName } from "../negotiate/distinguished-name-text.ts";

/** A distinguished name as it was read: its octets, its relative names in the order of the octets, and a text. */
export interface Name {
  readonly der: Uint8Array;
  readonly rdns: DistinguishedName;
  /** `C=DE, O=Example, CN=gw`: the order of the octets, most significant first. */
  readonly text: string;
  /** Names that are the same (RFC 5280 7.1) have the same key, so that comparing two costs what comparing texts does. */
  readonly key: string;
  /** The keys of its relative names. */
  readonly rdnKeys: readonly string[];
}

/** The Name of an element. Throws Asn1Error. */
export function nameOf(element: Element): Name {
  const rdns = readName(element);
  const rdnKeys = rdns.map(rdnKey);
  return { der: element.whole, rdns, text: formatName(rdns), key: rdnKeys.join(","), rdnKeys };
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

/** X.501 9.3: a relative name is a set. What is no text is like no text. */
function rdnKey(attributes: readonly NameAttribute[]): string {
  return attributes
    .map((each) => `${each.type}${each.element === undefined ? "=" : "#"}${JSON.stringify(foldedValue(each))}`)
    .sort()
    .join("+");
}
