/** The extensions that `underlock pki` gives (RFC 5280 4.2, RFC 4945 5.1.3). */

import { namedBitString, number, objectIdentifier, octets, sequence, tagged, truth } from "../../asn1/encode.ts";
import { hash } from "../../crypto/hash.ts";
import { addressOctets } from "../../negotiate/address.ts";
import { type KeyUsage, keyUsages } from "../extensions.ts";

/** What a certificate is for. */
export type Purpose =
  /** An authority; `pathLength` authorities may stand below it. */
  | { readonly kind: "authority"; readonly pathLength?: number }
  /** A host, by the identities that it may claim. */
  | { readonly kind: "host" };

/** An identity in subjectAltName, by its kind. */
export interface AltName {
  readonly kind: "dns" | "email" | "ip" | "uri";
  readonly text: string;
}

/** One extension as an element. */
export function extensionElement(id: string, critical: boolean, value: Uint8Array): Uint8Array {
  return sequence(objectIdentifier(id), ...(critical ? [truth()] : []), octets(value));
}

/** basicConstraints and keyUsage of a purpose. RFC 4945 5.1.3.12 has no extendedKeyUsage in certificates for IKE. */
export function purposeExtensions(purpose: Purpose): readonly Uint8Array[] {
  if (purpose.kind === "host") return [keyUsage(["digitalSignature"])];
  const length = purpose.pathLength === undefined ? [] : [number(purpose.pathLength)];
  const constraints = extensionElement("2.5.29.19", true, sequence(truth(), ...length));
  return [constraints, keyUsage(["keyCertSign", "cRLSign"])];
}

/** subjectAltName; nothing without names. */
export function altNamesExtension(names: readonly AltName[]): readonly Uint8Array[] {
  if (names.length === 0) return [];
  return [extensionElement("2.5.29.17", false, sequence(...names.map(altNameElement)))];
}

/** subjectKeyIdentifier of a key. */
export function subjectKeyId(spki: Uint8Array): Uint8Array {
  return extensionElement("2.5.29.14", false, octets(keyId(spki)));
}

/** authorityKeyIdentifier of the issuer's key. */
export function authorityKeyId(id: Uint8Array): Uint8Array {
  return extensionElement("2.5.29.35", false, sequence(tagged(0, "primitive", id)));
}

/** cRLDistributionPoints and authorityInfoAccess, each with one URL. */
export function revocationExtensions(where: { readonly crl?: string; readonly ocsp?: string }): readonly Uint8Array[] {
  const extensions: Uint8Array[] = [];
  if (where.crl !== undefined) {
    const fullName = tagged(0, "constructed", altNameElement({ kind: "uri", text: where.crl }));
    extensions.push(extensionElement("2.5.29.31", false, sequence(sequence(tagged(0, "constructed", fullName)))));
  }
  if (where.ocsp !== undefined) {
    const location = altNameElement({ kind: "uri", text: where.ocsp });
    const access = sequence(objectIdentifier("1.3.6.1.5.5.7.48.1"), location);
    extensions.push(extensionElement("1.3.6.1.5.5.7.1.1", false, sequence(access)));
  }
  return extensions;
}

/** RFC 7093 2 (1): the first 160 bits of the SHA-256 of the SubjectPublicKeyInfo would do; any unique octets do. */
export function keyId(spki: Uint8Array): Uint8Array {
  return hash("sha256", spki).subarray(0, 20);
}

function keyUsage(usages: readonly KeyUsage[]): Uint8Array {
  return extensionElement("2.5.29.15", true, namedBitString(usages.map((usage) => keyUsages.indexOf(usage))));
}

function altNameElement({ kind, text }: AltName): Uint8Array {
  switch (kind) {
    case "email":
      return tagged(1, "primitive", Buffer.from(text, "latin1"));
    case "dns":
      return tagged(2, "primitive", Buffer.from(text, "latin1"));
    case "uri":
      return tagged(6, "primitive", Buffer.from(text, "latin1"));
    case "ip":
      return tagged(7, "primitive", addressOctets(text));
  }
}
