/** GeneralName (RFC 5280 4.2.1.6): what a certificate says that its holder is called. */

import type { Element } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import { explicit, sequenceOf } from "../asn1/fields.ts";
import { formatAddress } from "../negotiate/address.ts";
import { type Name, nameOf } from "./name.ts";

export type GeneralName =
  | { readonly kind: "dns"; readonly text: string }
  | { readonly kind: "email"; readonly text: string }
  | { readonly kind: "uri"; readonly text: string }
  /** 4 or 16 octets; in a name constraint twice as many: address and mask. */
  | { readonly kind: "ip"; readonly octets: Uint8Array }
  | { readonly kind: "dn"; readonly name: Name }
  /** A kind that nothing here compares; by its tag. */
  | { readonly kind: "other"; readonly tag: number };

/** More names than any certificate needs; each is compared with every constraint above it. */
const mostNames = 1000;

/** GeneralNames. Throws Asn1Error. */
export function generalNames(element: Element, what: string): readonly GeneralName[] {
  return namesOf(sequenceOf(element, what), what);
}

/** The same from the elements themselves, as an IMPLICIT tag leaves them. */
export function namesOf(elements: readonly Element[], what: string): readonly GeneralName[] {
  if (elements.length > mostNames)
    throw new Asn1Error("too-large", `${what} has ${elements.length} names; at most ${mostNames} are read`);
  return elements.map((element) => generalName(element, what));
}

/** One GeneralName. Throws Asn1Error. */
export function generalName(element: Element, what: string): GeneralName {
  const { tagClass, tag, constructed, contents } = element;
  if (tagClass !== "context" || tag > 8) throw new Asn1Error("structure", `${what} holds something that is no name`);
  if (tag === 4) return { kind: "dn", name: nameOf(explicit(element, what)) };
  const kind = textKinds[tag];
  if (kind === undefined && tag !== 7) return { kind: "other", tag };
  if (constructed) throw new Asn1Error("structure", `${what} holds a name of another type than its tag says`);
  return kind === undefined ? { kind: "ip", octets: contents } : { kind, text: ia5(contents, what) };
}

/** As people read it: `DNS:gw.example`, `IP:192.0.2.1`. */
export function generalNameText(name: GeneralName): string {
  switch (name.kind) {
    case "dns":
      return `DNS:${name.text}`;
    case "email":
      return `email:${name.text}`;
    case "uri":
      return `URI:${name.text}`;
    case "ip":
      return `IP:${addressText(name.octets)}`;
    case "dn":
      return `DN:${name.name.text}`;
    case "other":
      return `a name of another kind (tag ${name.tag})`;
  }
}

function addressText(octets: Uint8Array): string {
  const isAddress = octets.length === 4 || octets.length === 16;
  if (isAddress) return formatAddress(octets);
  const half = octets.length / 2;
  if (half !== 4 && half !== 16) return Buffer.from(octets).toString("hex");
  return `${formatAddress(octets.subarray(0, half))}/${formatAddress(octets.subarray(half))}`;
}

const textKinds: Readonly<Record<number, "email" | "dns" | "uri">> = { 1: "email", 2: "dns", 6: "uri" };

/** IA5String without control characters: a name that is shorter for one reader than for another belongs to two. */
function ia5(contents: Uint8Array, what: string): string {
  if (contents.some((octet) => octet < 0x20 || octet > 0x7e))
    throw new Asn1Error("structure", `${what} holds a name with characters that no name has`);
  return Buffer.from(contents).toString("latin1");
}
