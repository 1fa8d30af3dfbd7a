/** Certificate extensions (RFC 5280 4.2), each read once; what nobody here knows is kept by its identifier. */
import { type Asn1Limits, type Element, readElement } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import {
  boolean,
  Fields,
  implicit,
  namedBits,
  octetString,
  oid,
  sequenceOf,
  smallInteger,
  universal,
} from "../asn1/fields.ts";
import { type GeneralName, generalName, generalNames, namesOf } from "./general-name.ts";

/** RFC 5280 4.2.1.3, in the order of its bits. */
export const keyUsages = [
  "digitalSignature",
  "nonRepudiation",
  "keyEncipherment",
  "dataEncipherment",
  "keyAgreement",
  "keyCertSign",
  "cRLSign",
  "encipherOnly",
  "decipherOnly",
] as const;

export type KeyUsage = (typeof keyUsages)[number];

/** Subtrees of names (RFC 5280 4.2.1.10). */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

export interface Extensions {
  readonly basicConstraints?: { readonly ca: boolean; readonly pathLength?: number };
  readonly keyUsage?: ReadonlySet<KeyUsage>;
  /** Object identifiers. */
  readonly extendedKeyUsage?: readonly string[];
  readonly subjectAltNames?: readonly GeneralName[];
  readonly nameConstraints?: NameConstraints;
  readonly subjectKeyId?: Uint8Array;
  readonly authorityKeyId?: Uint8Array;
  /** Where the lists are that its authority publishes, and which authority signs them where that is another. */
  readonly distributionPoints?: readonly DistributionPoint[];
  readonly freshestPoints?: readonly DistributionPoint[];
  /** http and https locations of responders (RFC 5280 4.2.2.1). */
  readonly ocspLocations?: readonly string[];
  /** Whether its own revocation is not asked for (RFC 6960 4.2.2.2.1). */
  readonly ocspNoCheck?: true;
  /** Critical ones that nobody here knows: RFC 5280 4.2 has the certificate refused. */
  readonly unknownCritical: readonly string[];
}

/** RFC 5280 4.2.1.13. */
export interface DistributionPoint {
  readonly names: readonly GeneralName[];
  /** Another issuer than the certificate's signs it. */
  readonly indirect: boolean;
  /** It covers some reasons alone. */
  readonly partial: boolean;
}

const limits: Asn1Limits = { octets: 65_535, elements: 8000, depth: 16 };
const mostExtensions = 64;
const mostPoints = 16;

type ReadExtension = (element: Element) => Partial<Extensions>;

/** Extensions, as an element. Throws Asn1Error. */
export function extensionsOf(element: Element): Extensions {
  const elements = sequenceOf(element, "the extensions");
  if (elements.length > mostExtensions) throw new Asn1Error("too-large", `${elements.length} extensions`);
  const unknownCritical: string[] = [];
  const into: Extensions = { unknownCritical };
  const seen = new Set<string>();
  for (const each of elements) {
    const { id, critical, value } = extension(each);
    // RFC 5280 4.2: of two with one identifier, each reader may take another.
    if (seen.has(id)) throw new Asn1Error("structure", `the extension ${id} stands there twice`);
    seen.add(id);
    const read = known.get(id);
    if (read !== undefined) Object.assign(into, read(readElement(value, limits)));
    else if (critical) unknownCritical.push(id);
  }
  return into;
}

/** One extension of a certificate, a list, a request or an answer. Throws Asn1Error. */
export function extension(element: Element): { id: string; critical: boolean; value: Uint8Array } {
  const fields = new Fields(element, "an extension");
  const id = oid(fields.any("identifier"), "an extension's identifier");
  const critical = fields.optional(universal.boolean);
  const value = octetString(fields.any("value"), "an extension's value");
  fields.end();
  return { id, critical: critical !== undefined && boolean(critical, "critical"), value };
}

const known: ReadonlyMap<string, ReadExtension> = new Map<string, ReadExtension>([
  ["2.5.29.14", (element) => ({ subjectKeyId: octetString(element, "subjectKeyIdentifier") })],
  ["2.5.29.15", (element) => ({ keyUsage: keyUsageOf(element) })],
  ["2.5.29.17", (element) => ({ subjectAltNames: generalNames(element, "subjectAltName") })],
  ["2.5.29.19", (element) => ({ basicConstraints: basicConstraintsOf(element) })],
  ["2.5.29.30", (element) => ({ nameConstraints: nameConstraintsOf(element) })],
  ["2.5.29.31", (element) => ({ distributionPoints: distributionPointsOf(element) })],
  ["2.5.29.32", certificatePoliciesOf],
  ["2.5.29.35", authorityKeyIdOf],
  ["2.5.29.37", (element) => ({ extendedKeyUsage: extendedKeyUsageOf(element) })],
  ["2.5.29.46", (element) => ({ freshestPoints: distributionPointsOf(element) })],
  ["1.3.6.1.5.5.7.1.1", (element) => ({ ocspLocations: ocspLocationsOf(element) })],
  ["1.3.6.1.5.5.7.48.1.5", () => ({ ocspNoCheck: true })],
]);

/** With no policy of ours to require, RFC 5280 6.1.5 (g) holds whatever it says. */
function certificatePoliciesOf(element: Element): Partial<Extensions> {
  sequenceOf(element, "certificatePolicies");
  return {};
}

function keyUsageOf(element: Element): ReadonlySet<KeyUsage> {
  const bits = namedBits(element, "keyUsage");
  return new Set(keyUsages.filter((_name, bit) => bits.has(bit)));
}

function basicConstraintsOf(element: Element): { ca: boolean; pathLength?: number } {
  const fields = new Fields(element, "basicConstraints");
  const caField = fields.optional(universal.boolean);
  const lengthField = fields.optional(universal.integer);
  fields.end();
  const ca = caField !== undefined && boolean(caField, "cA");
  return { ca, ...(lengthField === undefined ? {} : { pathLength: smallInteger(lengthField, "pathLenConstraint") }) };
}

function extendedKeyUsageOf(element: Element): readonly string[] {
  const purposes = sequenceOf(element, "extendedKeyUsage").map((purpose) => oid(purpose, "extendedKeyUsage"));
  if (purposes.length > 64) throw new Asn1Error("too-large", `${purposes.length} purposes in extendedKeyUsage`);
  return purposes;
}

function nameConstraintsOf(element: Element): NameConstraints {
  const fields = new Fields(element, "nameConstraints");
  const [permitted, excluded] = [fields.context(0), fields.context(1)];
  fields.end();
  return { permitted: subtreesOf(permitted), excluded: subtreesOf(excluded) };
}

/** RFC 5280 4.2.1.10: minimum is 0, so it is left out, and so is maximum. */
function subtreesOf(element: Element | undefined): readonly GeneralName[] {
  if (element === undefined) return [];
  const subtrees = sequenceOf(implicit(element, universal.sequence), "subtrees of nameConstraints");
  if (subtrees.length > 256) throw new Asn1Error("too-large", `${subtrees.length} subtrees in nameConstraints`);
  return subtrees.map((subtree) => {
    const fields = new Fields(subtree, "a subtree of nameConstraints");
    const base = generalName(fields.any("base"), "a subtree of nameConstraints");
    fields.end();
    if (base.kind === "ip" && base.octets.length !== 8 && base.octets.length !== 32)
      throw new Asn1Error("structure", "an address of nameConstraints is not an address and a mask");
    return base;
  });
}

function authorityKeyIdOf(element: Element): Partial<Extensions> {
  const id = new Fields(element, "authorityKeyIdentifier").context(0);
  if (id === undefined) return {};
  return { authorityKeyId: octetString(implicit(id, universal.octetString), "authorityKeyIdentifier") };
}

/** CRLDistributionPoints (RFC 5280 4.2.1.13), and the freshest ones (5.2.6): whoever fetches picks the URLs. Throws Asn1Error. */
export function distributionPointsOf(element: Element): readonly DistributionPoint[] {
  const points = sequenceOf(element, "distribution points");
  if (points.length > mostPoints) throw new Asn1Error("too-large", `${points.length} distribution points`);
  return points.map((point) => {
    const fields = new Fields(point, "a distribution point");
    const [name, reasons, issuer] = [fields.context(0), fields.context(1), fields.context(2)];
    fields.end();
    const names = name === undefined ? [] : pointNames(name);
    return { names, indirect: issuer !== undefined, partial: reasons !== undefined };
  });
}

/** DistributionPointName, a CHOICE: full names, or a name relative to the issuer's, which nobody here follows. */
export function pointNames(element: Element): readonly GeneralName[] {
  const [choice] = element.children;
  if (choice?.tagClass !== "context") throw new Asn1Error("structure", "a distribution point has no name");
  return choice.tag === 0 ? namesOf(choice.children, "a distribution point") : [];
}

function ocspLocationsOf(element: Element): readonly string[] {
  const accesses = sequenceOf(element, "authorityInfoAccess");
  if (accesses.length > mostPoints)
    throw new Asn1Error("too-large", `${accesses.length} entries in authorityInfoAccess`);
  return accesses.flatMap((access) => {
    const fields = new Fields(access, "authorityInfoAccess");
    const method = oid(fields.any("method"), "authorityInfoAccess");
    const location = generalName(fields.any("location"), "authorityInfoAccess");
    fields.end();
    return method === "1.3.6.1.5.5.7.48.1" && location.kind === "uri" ? [location.text] : [];
  });
}
