import { constants, type KeyObject, privateEncrypt, type SignKeyObjectInput, sign } from "node:crypto";
import { signDigest } from "./ecdsa-digest.ts";
import type { KeyAlgorithm } from "./key-algorithm.ts";
import { algorithmName } from "./key-algorithm.ts";
import { KeyError } from "./key-error.ts";
import { type SignatureScheme, schemeName } from "./scheme.ts";
import { suits } from "./suits.ts";

/** The signature of `octets` by OpenSSL. Throws KeyError `unsupported` where the scheme is not for such a key. */
export function signWith(
  key: KeyObject,
  algorithm: KeyAlgorithm,
  scheme: SignatureScheme,
  octets: Uint8Array,
): Uint8Array {
  const options = optionsOf(key, algorithm, scheme);
  if (isBare(scheme)) return signBare(options, algorithm, octets);
  return sign(hashOf(scheme), octets, options);
}

/** The same on a thread of libuv's; throws as `signWith` does, and never rejects for what a peer has sent. */
export function signElsewhere(
  key: KeyObject,
  algorithm: KeyAlgorithm,
  scheme: SignatureScheme,
  octets: Uint8Array,
): Promise<Uint8Array> {
  const options = optionsOf(key, algorithm, scheme);
  // Node.js has no asynchronous form of it; only IKEv1 asks for it.
  if (isBare(scheme)) return Promise.resolve(signBare(options, algorithm, octets));
  return new Promise((resolve, reject) => {
    sign(hashOf(scheme), octets, options, (error, signature) => {
      if (error === null) resolve(signature);
      else reject(error);
    });
  });
}

type BareScheme = Extract<SignatureScheme, { kind: "rsa-pkcs1-bare" | "ecdsa-bare" }>;

function isBare(scheme: SignatureScheme): scheme is BareScheme {
  return scheme.kind === "rsa-pkcs1-bare" || scheme.kind === "ecdsa-bare";
}

function signBare(options: SignKeyObjectInput, algorithm: KeyAlgorithm, octets: Uint8Array): Uint8Array {
  return algorithm.kind === "ec" ? signDigest(options.key, algorithm.curve, octets) : privateEncrypt(options, octets);
}

function optionsOf(key: KeyObject, algorithm: KeyAlgorithm, scheme: SignatureScheme): SignKeyObjectInput {
  if (!suits(algorithm, scheme) || (scheme.kind === "rsa-pss" && scheme.mask !== undefined))
    throw new KeyError("unsupported", `${schemeName(scheme)} is not for a key of ${algorithmName(algorithm)}`);
  switch (scheme.kind) {
    case "rsa-pkcs1":
    case "rsa-pkcs1-bare":
      return { key, padding: constants.RSA_PKCS1_PADDING };
    case "rsa-pss":
      return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltLength };
    case "ecdsa":
      return { key, dsaEncoding: scheme.form === "der" ? "der" : "ieee-p1363" };
    case "ecdsa-bare":
    case "eddsa":
      return { key };
  }
}

/** EdDSA hashes by itself. */
function hashOf(scheme: Exclude<SignatureScheme, BareScheme>): string | undefined {
  return scheme.kind === "eddsa" ? undefined : scheme.hash;
}
