import type { KeyObject } from "node:crypto";
import { isSignatureCurve, type SignatureCurve, signatureCurves } from "./curves.ts";
import { KeyError } from "./key-error.ts";
import type { SignatureHash } from "./scheme.ts";

/** What kind of key signs. */
export type KeyAlgorithm =
  | { readonly kind: "rsa"; readonly bits: number; readonly exponent: bigint }
  /** A key for RSASSA-PSS alone (RFC 4055 1.2), perhaps with one hash, one mask and a least salt. */
  | {
      readonly kind: "rsa-pss";
      readonly bits: number;
      readonly exponent: bigint;
      readonly hash?: SignatureHash;
      /** The hash of MGF1, where it is another. */
      readonly mask?: SignatureHash;
      readonly leastSalt?: number;
    }
  | { readonly kind: "ec"; readonly curve: SignatureCurve }
  | { readonly kind: "ed25519" }
  | { readonly kind: "ed448" };

/** Bits of an RSA modulus. Fewer can be factored (RFC 8247 4.1); more cost a verifier too much. */
export const rsaBits = { least: 2048, most: 8192 } as const;

/** The algorithm of a key that OpenSSL has read. Throws KeyError for what nothing here signs with. */
export function keyAlgorithm(key: KeyObject): KeyAlgorithm {
  const details = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "rsa":
      return { kind: "rsa", ...rsaParameters(details) };
    case "rsa-pss": {
      const { hashAlgorithm, mgf1HashAlgorithm, saltLength } = details;
      const rsa = { kind: "rsa-pss", ...rsaParameters(details) } as const;
      if (hashAlgorithm === undefined) return rsa;
      const mask = mgf1HashAlgorithm ?? hashAlgorithm;
      if (!isSignatureHash(hashAlgorithm) || !isSignatureHash(mask))
        throw new KeyError("unsupported", `an RSA-PSS key for ${hashAlgorithm} with MGF1 over ${mgf1HashAlgorithm}`);
      const other = mask === hashAlgorithm ? {} : { mask };
      return { ...rsa, hash: hashAlgorithm, ...other, leastSalt: saltLength ?? 0 };
    }
    case "ec":
      if (isSignatureCurve(details.namedCurve)) return { kind: "ec", curve: details.namedCurve };
      throw new KeyError("unsupported", `a key on the curve ${details.namedCurve ?? "with parameters of its own"}`);
    case "ed25519":
    case "ed448":
      return { kind: key.asymmetricKeyType };
    default:
      throw new KeyError(
        "unsupported",
        `a key for ${key.asymmetricKeyType ?? "an unknown algorithm"} signs nothing here`,
      );
  }
}

/** As people call it: `RSA of 2048 bits`, `ECDSA on P-256`. */
export function algorithmName(algorithm: KeyAlgorithm): string {
  switch (algorithm.kind) {
    case "rsa":
      return `RSA of ${algorithm.bits} bits`;
    case "rsa-pss":
      return `RSA-PSS of ${algorithm.bits} bits`;
    case "ec":
      return `ECDSA on ${signatureCurves[algorithm.curve].name}`;
    case "ed25519":
      return "Ed25519";
    case "ed448":
      return "Ed448";
  }
}

function rsaParameters(details: { modulusLength?: number; publicExponent?: bigint }): {
  bits: number;
  exponent: bigint;
} {
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details;
  if (bits < rsaBits.least || bits > rsaBits.most) {
    throw new KeyError("length", `an RSA key of ${bits} bits; between ${rsaBits.least} and ${rsaBits.most} are used`);
  }
  // RFC 8017 3.1: odd and at least 3. With 1 every number is its own signature; an even one has no private key.
  if (exponent < 3n || exponent % 2n === 0n || exponent >= 1n << 64n)
    throw new KeyError("parameters", `an RSA key with the public exponent ${exponent}`);
  return { bits, exponent };
}

function isSignatureHash(name: string): name is SignatureHash {
  return name === "sha1" || name === "sha224" || name === "sha256" || name === "sha384" || name === "sha512";
}
