/** What each certificate of a path must fulfil by itself (RFC 5280 6.1.3, 6.1.4; RFC 4945 5.1). */

import { signatureCurves } from "../../crypto/signature/curves.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import type { SignatureHash } from "../../crypto/signature/scheme.ts";
import { verifySignature } from "../../crypto/signature/verify.ts";
import type { CertificateFinding } from "../../negotiate/reason.ts";
import type { Certificate } from "../certificate.ts";
import { sameName } from "../name.ts";
import type { Path } from "./candidates.ts";
import { refusal } from "./refusal.ts";

/** RFC 8247 4.1, invariant 9: SHA-1 signs certificates only where that very thing is allowed. */
export function checkStrength(
  certificate: Certificate,
  depth: number,
  allowSha1: boolean,
): CertificateFinding | undefined {
  const { scheme, name } = certificate.signed.algorithm;
  const wanted = allowSha1 ? "a signature with SHA-1 or better" : "a signature with SHA2-224 or better";
  if (scheme === undefined) return refusal("signature-strength", certificate, depth, wanted, name);
  const hash: SignatureHash | undefined = "hash" in scheme ? scheme.hash : undefined;
  if (hash !== "sha1" || allowSha1) return undefined;
  return refusal("signature-strength", certificate, depth, wanted, "SHA-1");
}

/** Its key can be used, and is strong enough. */
export function checkKey(certificate: Certificate, depth: number): CertificateFinding | undefined {
  const { publicKey } = certificate;
  const refuse = (seen: string): CertificateFinding => refusal("key", certificate, depth, usableKeys, seen);
  if (publicKey instanceof KeyError) return refuse(publicKey.message);
  const { algorithm } = publicKey;
  // FIPS 186-5 5.1: a small exponent makes a forgery of every fault in a verifier's reading of the padding.
  if ((algorithm.kind === "rsa" || algorithm.kind === "rsa-pss") && algorithm.exponent < 65_537n)
    return refuse(`an RSA key with the public exponent ${algorithm.exponent}`);
  return undefined;
}

const usableKeys = `RSA of 2048 to 8192 bits with an exponent of 65537 or more, ECDSA on ${Object.values(
  signatureCurves,
)
  .map(({ name }) => name)
  .join(", ")}, Ed25519 or Ed448`;

/** Its signature is the issuer's. */
export function checkSignature(
  certificate: Certificate,
  issuer: Certificate,
  depth: number,
): CertificateFinding | undefined {
  const { publicKey } = issuer;
  const { algorithm, toBeSigned, signature } = certificate.signed;
  if (!(publicKey instanceof KeyError) && algorithm.scheme !== undefined) {
    if (verifySignature(publicKey, algorithm.scheme, toBeSigned, signature)) return undefined;
  }
  const key = publicKey instanceof KeyError ? publicKey.message : publicKey.toString();
  return refusal(
    "signature",
    certificate,
    depth,
    `signed by ${issuer.label} (${key})`,
    "signed by another key, or changed since",
  );
}

/** `at` is ms since 1970. */
export function checkValidity(certificate: Certificate, depth: number, at: number): CertificateFinding | undefined {
  const { notBefore, notAfter } = certificate;
  const now = new Date(at).toISOString();
  if (at < notBefore)
    return refusal("not-yet-valid", certificate, depth, `at or after ${new Date(notBefore).toISOString()}`, now);
  // RFC 5280 4.1.2.5: the last second is within.
  if (at < notAfter + 1000) return undefined;
  return refusal("expired", certificate, depth, `at or before ${new Date(notAfter).toISOString()}`, now);
}

/** RFC 5280 4.2: what is critical and unknown. */
export function checkCritical(certificate: Certificate, depth: number): CertificateFinding | undefined {
  const [first] = certificate.extensions.unknownCritical;
  if (first === undefined) return undefined;
  return refusal("critical-extension", certificate, depth, "only critical extensions that are known here", first);
}

/** RFC 5280 6.1.4 (k), (l), (m), (n): it may issue the certificate below it on this path. */
export function checkAuthority(path: Path, depth: number): CertificateFinding | undefined {
  const certificate = path[depth];
  if (certificate === undefined) return undefined;
  const { basicConstraints, keyUsage } = certificate.extensions;
  const isAnchor = depth === path.length - 1;
  if (basicConstraints?.ca !== true && !(isAnchor && isVersion1Authority(certificate))) {
    const seen = basicConstraints === undefined ? "no basicConstraints" : "cA is false";
    return refusal("not-an-authority", certificate, depth, "basicConstraints with cA true", seen);
  }
  if (keyUsage !== undefined && !keyUsage.has("keyCertSign")) {
    const seen = keyUsage.size === 0 ? "none" : [...keyUsage].join(", ");
    return refusal("key-usage", certificate, depth, "keyCertSign", seen);
  }
  const limit = basicConstraints?.pathLength;
  // RFC 5280 4.2.1.9: authorities between it and the peer's certificate, without those that renew themselves.
  const below = path.slice(1, depth).filter((each) => !isSelfIssued(each)).length;
  if (limit !== undefined && below > limit)
    return refusal("path-length", certificate, depth, `at most ${limit} authorities below it`, `${below}`);
  return undefined;
}

/** RFC 4945 5.1.3.2, 5.1.3.12: the peer's certificate is for signatures, and for IKE unless any purpose is allowed. */
export function checkEndEntity(certificate: Certificate, anyPurpose: boolean): CertificateFinding | undefined {
  const { keyUsage, extendedKeyUsage } = certificate.extensions;
  if (keyUsage !== undefined && !keyUsage.has("digitalSignature") && !keyUsage.has("nonRepudiation")) {
    const seen = keyUsage.size === 0 ? "none" : [...keyUsage].join(", ");
    return refusal("key-usage", certificate, 0, "digitalSignature or nonRepudiation", seen);
  }
  if (extendedKeyUsage === undefined || anyPurpose || extendedKeyUsage.some((purpose) => ikePurposes.has(purpose)))
    return undefined;
  const seen = extendedKeyUsage.map((purpose) => purposeNames.get(purpose) ?? purpose).join(", ");
  return refusal("extended-key-usage", certificate, 0, "ipsecIKE or anyExtendedKeyUsage", seen);
}

/** RFC 5280 4.2.1.9: its issuer and its subject are the same. */
export function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return sameName(issuer, subject);
}

/** An authority from before basicConstraints, which somebody has put among the trusted ones all the same. */
function isVersion1Authority(certificate: Certificate): boolean {
  return Object.keys(certificate.extensions).length === 1 && isSelfIssued(certificate);
}

export const purposeNames: ReadonlyMap<string, string> = new Map([
  ["2.5.29.37.0", "anyExtendedKeyUsage"],
  ["1.3.6.1.5.5.7.3.1", "serverAuth"],
  ["1.3.6.1.5.5.7.3.2", "clientAuth"],
  ["1.3.6.1.5.5.7.3.3", "codeSigning"],
  ["1.3.6.1.5.5.7.3.4", "emailProtection"],
  ["1.3.6.1.5.5.7.3.5", "ipsecEndSystem"],
  ["1.3.6.1.5.5.7.3.6", "ipsecTunnel"],
  ["1.3.6.1.5.5.7.3.7", "ipsecUser"],
  ["1.3.6.1.5.5.7.3.8", "timeStamping"],
  ["1.3.6.1.5.5.7.3.9", "OCSPSigning"],
  ["1.3.6.1.5.5.7.3.17", "ipsecIKE"],
  ["1.3.6.1.5.5.8.2.2", "iKEIntermediate"],
]);

/** RFC 4945 5.1.3.12. */
const ikePurposes: ReadonlySet<string> = new Set(["2.5.29.37.0", "1.3.6.1.5.5.7.3.17"]);
