/** Makes certificates and requests: pure functions of keys, names, times and a serial number. */

import { bits, instant, number, objectIdentifier, sequence, set, tagged } from "../../asn1/encode.ts";
import type { KeyAlgorithm } from "../../crypto/signature/key-algorithm.ts";
import type { PrivateKey } from "../../crypto/signature/private-key.ts";
import type { SignatureHash, SignatureScheme } from "../../crypto/signature/scheme.ts";
import { signatureHashLength } from "../../crypto/signature/scheme.ts";
import { signatureAlgorithm } from "../algorithm-identifier.ts";
import {
  type AltName,
  altNamesExtension,
  authorityKeyId,
  type Purpose,
  purposeExtensions,
  revocationExtensions,
  subjectKeyId,
} from "./extensions.ts";

/** What is to stand in a certificate. */
export interface CertificatePlan {
  /** The octets of a Name. */
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly purpose: Purpose;
  readonly altNames: readonly AltName[];
  /** 1 to 20 octets, the first below 0x80, random in 64 bits at least (CA/B BR 7.1). */
  readonly serial: Uint8Array;
  /** ms since 1970. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly crl?: string;
  readonly ocsp?: string;
}

/** Who signs it: its own subject and key where it signs itself. */
export interface Issuer {
  readonly name: Uint8Array;
  readonly key: PrivateKey;
  /** Its subjectKeyIdentifier; undefined where it signs itself or has none. */
  readonly keyId: Uint8Array | undefined;
}

/** The certificate as DER. */
export function issueCertificate(plan: CertificatePlan, issuer: Issuer): Uint8Array {
  const scheme = usualScheme(issuer.key.publicKey.algorithm);
  const algorithm = signatureAlgorithm(scheme);
  const extensions = [
    ...purposeExtensions(plan.purpose),
    subjectKeyId(plan.spki),
    ...(issuer.keyId === undefined ? [] : [authorityKeyId(issuer.keyId)]),
    ...altNamesExtension(plan.altNames),
    ...revocationExtensions(plan),
  ];
  const body = sequence(
    tagged(0, "constructed", number(2)),
    number(plan.serial),
    algorithm,
    issuer.name,
    sequence(instant(plan.notBefore), instant(plan.notAfter)),
    plan.subject,
    plan.spki,
    tagged(3, "constructed", sequence(...extensions)),
  );
  return sequence(body, algorithm, bits(issuer.key.sign(scheme, body)));
}

/** A CertificationRequest (RFC 2986 4) as DER, with the names as an extensionRequest (RFC 2985 5.4.2). */
export function certificationRequest(subject: Uint8Array, altNames: readonly AltName[], key: PrivateKey): Uint8Array {
  const extensions = sequence(...altNamesExtension(altNames));
  const attribute = sequence(objectIdentifier("1.2.840.113549.1.9.14"), set(extensions));
  const attributes = altNames.length === 0 ? [] : [attribute];
  const body = sequence(number(0), subject, key.publicKey.spki, tagged(0, "constructed", ...attributes));
  const scheme = usualScheme(key.publicKey.algorithm);
  return sequence(body, signatureAlgorithm(scheme), bits(key.sign(scheme, body)));
}

/** What everybody verifies, as strong as the key. */
export function usualScheme(algorithm: KeyAlgorithm): SignatureScheme {
  switch (algorithm.kind) {
    case "rsa":
      return { kind: "rsa-pkcs1", hash: "sha256" };
    case "rsa-pss": {
      const hash = algorithm.hash ?? "sha256";
      return { kind: "rsa-pss", hash, saltLength: Math.max(signatureHashLength[hash], algorithm.leastSalt ?? 0) };
    }
    case "ec":
      return { kind: "ecdsa", hash: curveHash(algorithm.curve), form: "der" };
    case "ed25519":
    case "ed448":
      return { kind: "eddsa", curve: algorithm.kind };
  }
}

/** RFC 5480 4: a hash as strong as the curve. */
function curveHash(curve: Extract<KeyAlgorithm, { kind: "ec" }>["curve"]): SignatureHash {
  switch (curve) {
    case "prime256v1":
    case "brainpoolP256r1":
      return "sha256";
    case "secp384r1":
    case "brainpoolP384r1":
      return "sha384";
    case "secp521r1":
    case "brainpoolP512r1":
      return "sha512";
  }
}
