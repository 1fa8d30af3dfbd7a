/** Signature schemes: what is done with which key and hash, apart from how an AlgorithmIdentifier or Auth Method names it. */

/** Hashes of signatures, as OpenSSL names them. MD5 and older are not verified at all (RFC 8247 4). */
export type SignatureHash = "sha1" | "sha224" | "sha256" | "sha384" | "sha512";

export type SignatureScheme =
  /** RSASSA-PKCS1-v1_5 (RFC 8017 8.2). */
  | { readonly kind: "rsa-pkcs1"; readonly hash: SignatureHash }
  /** The octets themselves in the padding of PKCS #1, with no DigestInfo around them: IKEv1 (RFC 2409 5.1). */
  | { readonly kind: "rsa-pkcs1-bare" }
  | PssScheme
  /** ECDSA; r and s as DER (RFC 3279 2.2.3) or one after the other in the curve's length (RFC 4754 7). */
  | { readonly kind: "ecdsa"; readonly hash: SignatureHash; readonly form: "der" | "concatenated" }
  /** ECDSA that takes the octets for the digest, with r and s one after the other: IKEv1, whose proof is an HMAC (RFC 2409 5.1). */
  | { readonly kind: "ecdsa-bare" }
  /** PureEdDSA (RFC 8032); the key says the curve. */
  | { readonly kind: "eddsa"; readonly curve: "ed25519" | "ed448" };

/** RSASSA-PSS (RFC 8017 8.1). */
export interface PssScheme {
  readonly kind: "rsa-pss";
  readonly hash: SignatureHash;
  readonly saltLength: number;
  /** The hash of MGF1, where it is another: verified, and never signed with. */
  readonly mask?: SignatureHash;
}

/** Octets of a hash, which is also the usual salt of RSASSA-PSS (RFC 7427 A.4). */
export const signatureHashLength: Readonly<Record<SignatureHash, number>> = {
  sha1: 20,
  sha224: 28,
  sha256: 32,
  sha384: 48,
  sha512: 64,
};

/** As people call it: `RSA-PSS with SHA2-256`. */
export function schemeName(scheme: SignatureScheme): string {
  switch (scheme.kind) {
    case "rsa-pkcs1":
      return `RSA PKCS#1 v1.5 with ${hashName(scheme.hash)}`;
    case "rsa-pkcs1-bare":
      return "RSA PKCS#1 v1.5 without a hash's name";
    case "rsa-pss":
      return `RSA-PSS with ${hashName(scheme.hash)} and ${scheme.saltLength} octets of salt${maskName(scheme)}`;
    case "ecdsa":
      return `ECDSA with ${hashName(scheme.hash)}`;
    case "ecdsa-bare":
      return "ECDSA without another hash";
    case "eddsa":
      return scheme.curve === "ed25519" ? "Ed25519" : "Ed448";
  }
}

function maskName({ mask }: PssScheme): string {
  return mask === undefined ? "" : `, MGF1 over ${hashName(mask)}`;
}

/** `SHA2-256`, as RFC 7427 writes it. */
export function hashName(hash: SignatureHash): string {
  return hash === "sha1" ? "SHA-1" : `SHA2-${hash.slice(3)}`;
}
