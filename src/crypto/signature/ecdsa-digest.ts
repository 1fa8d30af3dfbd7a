/**
 * ECDSA of a digest that is there already, as IKEv1 signs HASH_I and HASH_R (RFC 2409 5.1, RFC 4754); OpenSSL does it, and
 * node:crypto does not offer it: what that signs it hashes first.
 */
import type { KeyObject } from "node:crypto";
import { p256, p384, p521 } from "@noble/curves/nist.js";
import { wipe } from "../secret.ts";
import { type SignatureCurve, signatureCurves } from "./curves.ts";

const curves: Readonly<Partial<Record<SignatureCurve, typeof p256>>> = {
  prime256v1: p256,
  secp384r1: p384,
  secp521r1: p521,
};

/** Whether digests are signed and verified on that curve: those that IKEv1 has methods for. */
export function signsDigests(curve: SignatureCurve): boolean {
  return curves[curve] !== undefined;
}

/**
 * r and s one after the other, each in the curve's length (RFC 4754 7); the nonce comes of key, digest and randomness
 * (RFC 6979 3.6). Throws RangeError for another curve.
 */
export function signDigest(key: KeyObject, curve: SignatureCurve, digest: Uint8Array): Uint8Array {
  const one = curves[curve];
  if (one === undefined) throw new RangeError(`digests are not signed on ${curve}`);
  const scalar = scalarOf(key);
  try {
    return one.sign(digest, scalar, { prehash: false, lowS: false, format: "compact", extraEntropy: true });
  } finally {
    wipe(scalar);
  }
}

/** Whether `signature` is one of `digest`; never throws for what a peer has sent. */
export function verifyDigest(
  key: KeyObject,
  curve: SignatureCurve,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const one = curves[curve];
  return (
    one?.verify(signature, digest, pointOf(key, curve), { prehash: false, lowS: false, format: "compact" }) === true
  );
}

/** RFC 5280 4.1.2.7: the AlgorithmIdentifier, then the point in a BIT STRING without unused bits; its length has a second octet in P-521. */
function pointOf(key: KeyObject, curve: SignatureCurve): Uint8Array {
  const spki = key.export({ format: "der", type: "spki" });
  const { identifier } = signatureCurves[curve];
  const at = spki.indexOf(identifier) + identifier.length;
  return spki.subarray(at + (((spki[at + 1] ?? 0) & 0x80) === 0 ? 3 : 4));
}

/** RFC 5915 3: ECPrivateKey begins with its version, 1, and the private key as an OCTET STRING. */
function scalarOf(key: KeyObject): Buffer {
  const der = key.export({ format: "der", type: "sec1" });
  // The header of the SEQUENCE is of two octets, or of three where what is in it is longer than 127.
  const at = ((der[1] ?? 0) & 0x80) === 0 ? 2 : 2 + ((der[1] ?? 0) & 0x7f);
  const length = der[at + 4] ?? 0;
  const scalar = Buffer.from(der.subarray(at + 5, at + 5 + length));
  wipe(der);
  return scalar;
}
