import { constants, type KeyObject, privateEncrypt, sign } from "node:crypto";
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
  if (!suits(algorithm, scheme))
    throw new KeyError("unsupported", `${schemeName(scheme)} is not for a key of ${algorithmName(algorithm)}`);
  switch (scheme.kind) {
    case "rsa-pkcs1":
      return sign(scheme.hash, octets, { key, padding: constants.RSA_PKCS1_PADDING });
    case "rsa-pkcs1-bare":
      return privateEncrypt({ key, padding: constants.RSA_PKCS1_PADDING }, octets);
    case "rsa-pss": {
      const { saltLength } = scheme;
      return sign(scheme.hash, octets, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    }
    case "ecdsa":
      return sign(scheme.hash, octets, { key, dsaEncoding: scheme.form === "der" ? "der" : "ieee-p1363" });
    case "eddsa":
      return sign(undefined, octets, key);
  }
}
