import { constants, publicDecrypt, type VerifyKeyObjectInput, verify } from "node:crypto";
import { constantTimeEqual } from "../secret.ts";
import { signatureCurves } from "./curves.ts";
import { verifyDigest } from "./ecdsa-digest.ts";
import type { KeyAlgorithm } from "./key-algorithm.ts";
import { boundToScheme } from "./pss-parameters.ts";
import type { PublicKey } from "./public-key.ts";
import type { SignatureScheme } from "./scheme.ts";
import { suits } from "./suits.ts";

/**
 * Whether `signature` is one of `octets`. False too for a scheme that is not for such a key, and for whatever OpenSSL
 * cannot read: there is one outcome for all that is no signature.
 */
export function verifySignature(
  publicKey: PublicKey,
  scheme: SignatureScheme,
  octets: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { algorithm } = publicKey;
  if (!suits(algorithm, scheme) || !hasLength(algorithm, scheme, signature.length)) return false;
  try {
    return verifies(publicKey, scheme, octets, signature);
  } catch {
    // OpenSSL's refusals of a padding or of a key's own rules.
    return false;
  }
}

/**
 * The same on a thread of libuv's, for octets that take tens of milliseconds to be hashed: 8 MiB take SHA-512 and SHA-256 without the
 * processor's help, and Ed448, 20 to 40. Never rejects.
 */
export function verifyElsewhere(
  publicKey: PublicKey,
  scheme: SignatureScheme,
  octets: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const { algorithm } = publicKey;
  if (!suits(algorithm, scheme) || !hasLength(algorithm, scheme, signature.length)) return Promise.resolve(false);
  // What is hashed already is short, and Node.js has no asynchronous form of it.
  if (scheme.kind === "rsa-pkcs1-bare" || scheme.kind === "ecdsa-bare")
    return Promise.resolve(verifySignature(publicKey, scheme, octets, signature));
  return new Promise((resolve) => {
    try {
      const [name, options] = [hashOf(scheme), optionsOf(publicKey, scheme)];
      verify(name, octets, options, signature, (error, holds) => resolve(error === null && holds));
    } catch {
      resolve(false);
    }
  });
}

function verifies(publicKey: PublicKey, scheme: SignatureScheme, octets: Uint8Array, signature: Uint8Array): boolean {
  const { handle: key, algorithm } = publicKey;
  switch (scheme.kind) {
    case "rsa-pkcs1-bare":
      return constantTimeEqual(publicDecrypt({ key, padding: constants.RSA_PKCS1_PADDING }, signature), octets);
    case "ecdsa-bare":
      return algorithm.kind === "ec" && verifyDigest(key, algorithm.curve, octets, signature);
    default:
      return verify(hashOf(scheme), octets, optionsOf(publicKey, scheme), signature);
  }
}

type HashingScheme = Exclude<SignatureScheme, { kind: "rsa-pkcs1-bare" | "ecdsa-bare" }>;

/** EdDSA hashes by itself. */
function hashOf(scheme: HashingScheme): string | undefined {
  return scheme.kind === "eddsa" ? undefined : scheme.hash;
}

function optionsOf({ handle: key, algorithm }: PublicKey, scheme: HashingScheme): VerifyKeyObjectInput {
  switch (scheme.kind) {
    case "rsa-pkcs1":
      return { key, padding: constants.RSA_PKCS1_PADDING };
    case "rsa-pss": {
      const { saltLength, mask } = scheme;
      const bound = mask === undefined || algorithm.kind === "rsa-pss" ? key : boundToScheme(key, scheme);
      return { key: bound, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
    }
    case "ecdsa":
      return { key, dsaEncoding: scheme.form === "der" ? "der" : "ieee-p1363" };
    case "eddsa":
      return { key };
  }
}

/** RFC 8017 8.1.2, 8.2.2, RFC 4754 7, RFC 8032 5.1.7, 5.2.7: where the length is given, it is exact. */
function hasLength(algorithm: KeyAlgorithm, scheme: SignatureScheme, length: number): boolean {
  switch (algorithm.kind) {
    case "rsa":
    case "rsa-pss":
      return length === Math.ceil(algorithm.bits / 8);
    case "ec": {
      const { octets } = signatureCurves[algorithm.curve];
      const isConcatenated =
        scheme.kind === "ecdsa-bare" || (scheme.kind === "ecdsa" && scheme.form === "concatenated");
      if (isConcatenated) return length === 2 * octets;
      // Two INTEGERs of at most one octet more, and the headers.
      return length >= 8 && length <= 2 * (octets + 3) + 3;
    }
    case "ed25519":
      return length === 64;
    case "ed448":
      return length === 114;
  }
}
