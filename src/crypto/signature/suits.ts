import { signsDigests } from "./ecdsa-digest.ts";
import type { KeyAlgorithm } from "./key-algorithm.ts";
import { type PssScheme, type SignatureScheme, signatureHashLength } from "./scheme.ts";

/** Whether a key of this kind makes and verifies signatures of this scheme. */
export function suits(algorithm: KeyAlgorithm, scheme: SignatureScheme): boolean {
  switch (scheme.kind) {
    case "rsa-pkcs1":
    case "rsa-pkcs1-bare":
      return algorithm.kind === "rsa";
    case "rsa-pss":
      return suitsPss(algorithm, scheme);
    case "ecdsa":
      return algorithm.kind === "ec";
    case "ecdsa-bare":
      return algorithm.kind === "ec" && signsDigests(algorithm.curve);
    case "eddsa":
      return algorithm.kind === scheme.curve;
  }
}

/** RFC 4055 1.2: a key with parameters is for its hash, and for its salt or a longer one. */
function suitsPss(algorithm: KeyAlgorithm, scheme: PssScheme): boolean {
  if (algorithm.kind !== "rsa" && algorithm.kind !== "rsa-pss") return false;
  const { hash, saltLength } = scheme;
  // RFC 8017 9.1.1: what the padding has room for, in the least key of all.
  if (saltLength < 0 || saltLength > algorithm.bits / 8 - signatureHashLength[hash] - 2) return false;
  if (algorithm.kind === "rsa") return true;
  if (algorithm.hash === undefined) return scheme.mask === undefined;
  return algorithm.hash === hash && algorithm.mask === scheme.mask && saltLength >= (algorithm.leastSalt ?? 0);
}
