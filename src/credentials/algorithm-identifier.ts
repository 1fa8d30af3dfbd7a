/** AlgorithmIdentifiers of signatures (RFC 5280 4.1.1.2, RFC 7427 3 and A): in certificates, lists, answers and AUTH alike. */

import { type Element, readElement } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import { explicit, Fields, oid, smallInteger, universal } from "../asn1/fields.ts";
import { OBJECT_IDENTIFIER, SEQUENCE, tlv } from "../crypto/key-exchange/der.ts";
import { pssIdentifier } from "../crypto/signature/pss-parameters.ts";
import type { SignatureHash, SignatureScheme } from "../crypto/signature/scheme.ts";

/** The scheme that an AlgorithmIdentifier names, and its name for people; no scheme where nothing here verifies it. */
export interface NamedScheme {
  readonly scheme: SignatureScheme | undefined;
  /** The object identifier, or what is commonly said for one that is no longer used. */
  readonly name: string;
}

/** An AlgorithmIdentifier as RFC 7427 3 has it at the beginning of AUTH. Throws Asn1Error. */
export function readSignatureAlgorithm(der: Uint8Array): NamedScheme {
  return signatureAlgorithmOf(readElement(der, { octets: 256, elements: 32, depth: 8 }));
}

/** The same of an element that was read already. Throws Asn1Error. */
export function signatureAlgorithmOf(element: Element): NamedScheme {
  const fields = new Fields(element, "a signature algorithm");
  const type = oid(fields.any("algorithm"), "a signature algorithm");
  const parameters = element.children[1];
  if (element.children.length > 2) throw new Asn1Error("structure", "a signature algorithm has an element too many");
  if (type === pssOid) return { scheme: pssScheme(parameters), name: "RSA-PSS" };
  const name = unusedNames.get(type) ?? type;
  const row = rows.find((each) => each.oid === type);
  // RFC 4055 5: NULL with RSA, and some leave it out; RFC 5758 3.2, RFC 8410 3: nothing with the others.
  const fits = parameters === undefined || (row?.scheme.kind === "rsa-pkcs1" && isNull(parameters));
  return { scheme: fits ? row?.scheme : undefined, name };
}

/** The AlgorithmIdentifier of a scheme, in the octets of RFC 7427 A and RFC 8420 A. Throws RangeError for IKEv1's. */
export function signatureAlgorithm(scheme: SignatureScheme): Uint8Array {
  if (scheme.kind === "rsa-pss") return pssIdentifier(scheme);
  const row = rows.find((each) => sameScheme(each.scheme, scheme));
  if (row === undefined) throw new RangeError(`${scheme.kind} has no AlgorithmIdentifier`);
  const parameters = scheme.kind === "rsa-pkcs1" ? nullElement : new Uint8Array(0);
  return tlv(SEQUENCE, objectIdentifier(row.digits), parameters);
}

interface Row {
  readonly oid: string;
  /** Its contents in DER. */
  readonly digits: string;
  readonly scheme: SignatureScheme;
}

const rsa = (last: number, hash: SignatureHash): Row => ({
  oid: `1.2.840.113549.1.1.${last}`,
  digits: `2a864886f70d0101${last.toString(16).padStart(2, "0")}`,
  scheme: { kind: "rsa-pkcs1", hash },
});
const ecdsa = (end: string, digits: string, hash: SignatureHash): Row => ({
  oid: `1.2.840.10045.4.${end}`,
  digits: `2a8648ce3d04${digits}`,
  scheme: { kind: "ecdsa", hash, form: "der" },
});

const rows: readonly Row[] = [
  rsa(5, "sha1"),
  rsa(14, "sha224"),
  rsa(11, "sha256"),
  rsa(12, "sha384"),
  rsa(13, "sha512"),
  ecdsa("1", "01", "sha1"),
  ecdsa("3.1", "0301", "sha224"),
  ecdsa("3.2", "0302", "sha256"),
  ecdsa("3.3", "0303", "sha384"),
  ecdsa("3.4", "0304", "sha512"),
  { oid: "1.3.101.112", digits: "2b6570", scheme: { kind: "eddsa", curve: "ed25519" } },
  { oid: "1.3.101.113", digits: "2b6571", scheme: { kind: "eddsa", curve: "ed448" } },
];

const unusedNames: ReadonlyMap<string, string> = new Map([
  ["1.2.840.113549.1.1.2", "RSA with MD2"],
  ["1.2.840.113549.1.1.4", "RSA with MD5"],
  ["1.2.840.10040.4.3", "DSA with SHA-1"],
  ["2.16.840.1.101.3.4.3.2", "DSA with SHA2-256"],
]);

const hashes: ReadonlyMap<string, SignatureHash> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.4", "sha224"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);

const pssOid = "1.2.840.113549.1.1.10";
const mgf1Oid = "1.2.840.113549.1.1.8";
const nullElement = Uint8Array.of(5, 0);

/** RSASSA-PSS-params (RFC 4055 3.1). */
function pssScheme(parameters: Element | undefined): SignatureScheme | undefined {
  const fields = new Fields(parameters, "the parameters of RSA-PSS");
  const [hashField, maskField, saltField, trailer] = [0, 1, 2, 3].map((tag) => fields.context(tag));
  fields.end();
  const hash = hashField === undefined ? "sha1" : hashOf(explicit(hashField, "the hash of RSA-PSS"));
  const mask = maskField === undefined ? "sha1" : maskHash(explicit(maskField, "the mask of RSA-PSS"));
  const saltLength = saltField === undefined ? 20 : smallInteger(explicit(saltField, "the salt"), "the salt's length");
  const trailerField = trailer === undefined ? 1 : smallInteger(explicit(trailer, "the trailer"), "the trailer");
  if (hash === undefined || mask === undefined || trailerField !== 1 || saltLength > 512) return undefined;
  return { kind: "rsa-pss", hash, saltLength, ...(mask === hash ? {} : { mask }) };
}

function maskHash(element: Element): SignatureHash | undefined {
  const fields = new Fields(element, "the mask of RSA-PSS");
  if (oid(fields.any("algorithm"), "the mask of RSA-PSS") !== mgf1Oid) return undefined;
  const hash = hashOf(fields.any("hash"));
  fields.end();
  return hash;
}

function hashOf(element: Element): SignatureHash | undefined {
  const fields = new Fields(element, "a hash algorithm");
  const type = oid(fields.any("algorithm"), "a hash algorithm");
  fields.optional(universal.null);
  fields.end();
  return hashes.get(type);
}

function objectIdentifier(digits: string): Buffer {
  return tlv(OBJECT_IDENTIFIER, Buffer.from(digits, "hex"));
}

function isNull({ tagClass, tag, contents }: Element): boolean {
  return tagClass === "universal" && tag === universal.null && contents.length === 0;
}

function sameScheme(a: SignatureScheme, b: SignatureScheme): boolean {
  if (a.kind === "eddsa") return b.kind === "eddsa" && a.curve === b.curve;
  if (a.kind === "rsa-pkcs1") return b.kind === "rsa-pkcs1" && a.hash === b.hash;
  return a.kind === "ecdsa" && b.kind === "ecdsa" && a.hash === b.hash && a.form === b.form;
}
