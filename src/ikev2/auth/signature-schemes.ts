/** Which Auth Method stands for which signature, in both directions (RFC 7296 3.8, RFC 4754, RFC 7427, RFC 8420). */

import { Asn1Error } from "../../asn1/error.ts";
import { readSignatureAlgorithm, signatureAlgorithm } from "../../credentials/algorithm-identifier.ts";
import type { OwnKey } from "../../credentials/own-key.ts";
import type { SignatureCurve } from "../../crypto/signature/curves.ts";
import { type SignatureHash, type SignatureScheme, schemeName } from "../../crypto/signature/scheme.ts";
import { suits } from "../../crypto/signature/suits.ts";
import type { KeyCredential } from "../../sa/desired.ts";
import { decodeDigitalSignature } from "../../wire/ikev2/auth/digital-signature.ts";
import type { AuthPayload } from "../../wire/ikev2/payloads/identity.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { hashAlgorithm } from "../../wire/ikev2/registry/notify.ts";
import type { Wishes } from "./wishes.ts";

/** Every Auth Method that is a signature. */
export const signatureMethods: readonly number[] = [
  authMethod.RSA_DIGITAL_SIGNATURE,
  authMethod.ECDSA_SHA256_P256,
  authMethod.ECDSA_SHA384_P384,
  authMethod.ECDSA_SHA512_P521,
  authMethod.DIGITAL_SIGNATURE,
];

const pss = (hash: SignatureHash, saltLength: number): SignatureScheme => ({ kind: "rsa-pss", hash, saltLength });
const pkcs1 = (hash: SignatureHash): SignatureScheme => ({ kind: "rsa-pkcs1", hash });
const ecdsa = (hash: SignatureHash, form: "der" | "concatenated" = "der"): SignatureScheme => ({
  kind: "ecdsa",
  hash,
  form,
});

/** What the method Digital Signature is used with, best first (RFC 8247 3.2): RSASSA-PSS before PKCS #1, SHA-1 last. */
export const digitalSchemes: readonly SignatureScheme[] = [
  { kind: "eddsa", curve: "ed25519" },
  { kind: "eddsa", curve: "ed448" },
  ecdsa("sha256"),
  ecdsa("sha384"),
  ecdsa("sha512"),
  pss("sha256", 32),
  pss("sha384", 48),
  pss("sha512", 64),
  pkcs1("sha256"),
  pkcs1("sha384"),
  pkcs1("sha512"),
  ecdsa("sha1"),
  pss("sha1", 20),
  pkcs1("sha1"),
];

/** What a signature is made with, and how AUTH names it. */
export interface Signing {
  readonly method: number;
  readonly scheme: SignatureScheme;
}

/** How this key signs for a peer with these wishes; undefined where it cannot in a way that the peer verifies. */
export function chooseSigning(
  { key }: OwnKey,
  { schemes, sha1 }: Pick<KeyCredential, "schemes" | "sha1">,
  wishes: Wishes,
): Signing | undefined {
  const { algorithm } = key.publicKey;
  const mayUse = (scheme: SignatureScheme): boolean =>
    suits(algorithm, scheme) && (sha1 || !("hash" in scheme) || scheme.hash !== "sha1");
  const { hashes, methods } = wishes;
  if (hashes === undefined) return classic(algorithm, sha1);
  const wanted = schemes ?? preferred(algorithm);
  const possible = wanted.filter((scheme) => mayUse(scheme) && hashes.includes(hashNumber(scheme)));
  const told = methods?.filter(({ method }) => method === authMethod.DIGITAL_SIGNATURE) ?? [];
  // RFC 9593 3.1: what is announced is what is configured there; the peer's order decides nothing about ours.
  const announced = possible.find((scheme) => {
    const identifier = signatureAlgorithm(scheme);
    return told.some(({ algorithm: theirs }) => theirs !== undefined && Buffer.compare(theirs, identifier) === 0);
  });
  const scheme = announced ?? possible[0];
  return scheme === undefined ? undefined : { method: authMethod.DIGITAL_SIGNATURE, scheme };
}

/** The peer knows nothing of RFC 7427. */
function classic(algorithm: OwnKey["key"]["publicKey"]["algorithm"], sha1: boolean): Signing | undefined {
  if (algorithm.kind === "rsa") {
    // RFC 7296 3.8: the hash is not named; SHA-1 is what old peers expect, and others find by the DigestInfo.
    return { method: authMethod.RSA_DIGITAL_SIGNATURE, scheme: pkcs1(sha1 ? "sha1" : "sha256") };
  }
  if (algorithm.kind !== "ec") return undefined;
  return classicEcdsa.find(({ curve }) => curve === algorithm.curve);
}

const classicEcdsa = [
  { method: authMethod.ECDSA_SHA256_P256, curve: "prime256v1", scheme: ecdsa("sha256", "concatenated") },
  { method: authMethod.ECDSA_SHA384_P384, curve: "secp384r1", scheme: ecdsa("sha384", "concatenated") },
  { method: authMethod.ECDSA_SHA512_P521, curve: "secp521r1", scheme: ecdsa("sha512", "concatenated") },
] as const;

function preferred(algorithm: OwnKey["key"]["publicKey"]["algorithm"]): readonly SignatureScheme[] {
  return algorithm.kind === "ec" ? curveSchemes[algorithm.curve] : digitalSchemes;
}

/** The hash that is as strong as the curve first (RFC 7427 5). */
const curveSchemes: Readonly<Record<SignatureCurve, readonly SignatureScheme[]>> = {
  prime256v1: [ecdsa("sha256"), ...digitalSchemes],
  secp384r1: [ecdsa("sha384"), ...digitalSchemes],
  secp521r1: [ecdsa("sha512"), ...digitalSchemes],
  brainpoolP256r1: [ecdsa("sha256"), ...digitalSchemes],
  brainpoolP384r1: [ecdsa("sha384"), ...digitalSchemes],
  brainpoolP512r1: [ecdsa("sha512"), ...digitalSchemes],
};

function hashNumber(scheme: SignatureScheme): number {
  // RFC 8420 2: EdDSA hashes by itself.
  if (!("hash" in scheme)) return hashAlgorithm.IDENTITY;
  return hashNumbers[scheme.hash];
}

const hashNumbers: Readonly<Record<SignatureHash, number>> = {
  sha1: hashAlgorithm.SHA1,
  // Not in the registry of hash algorithms: nobody can ask for it.
  sha224: 0,
  sha256: hashAlgorithm.SHA2_256,
  sha384: hashAlgorithm.SHA2_384,
  sha512: hashAlgorithm.SHA2_512,
};

/** What AUTH may be a signature by: usually one scheme; of the old method for RSA, which names no hash, several. */
export interface ReadSignature {
  /** RFC 4754 3: the old methods for ECDSA name the curve. */
  readonly curve?: SignatureCurve | undefined;
  readonly schemes: readonly SignatureScheme[];
  /** What it may be besides and is not taken as, so that a reason can say so. */
  readonly refused?: readonly SignatureScheme[];
  readonly signature: Uint8Array;
}

/** Reads AUTH of one of the methods above; or says what stands there that is not taken. */
export function readSignature(
  auth: AuthPayload,
  sha1: boolean,
): ReadSignature | { readonly seen: string; readonly wanted: readonly string[] } {
  if (auth.method !== authMethod.DIGITAL_SIGNATURE) return readClassic(auth, sha1);
  const parts = decodeDigitalSignature(auth.data);
  if (parts === undefined) return { seen: "an AUTH payload that is cut", wanted: [nameOf.auth(auth.method)] };
  const { algorithm, signature } = parts;
  const { scheme, name } = named(algorithm);
  const isTaken =
    scheme !== undefined && hashNumber(scheme) !== 0 && (sha1 || hashNumber(scheme) !== hashAlgorithm.SHA1);
  if (isTaken) return { schemes: [scheme], signature };
  const seen = scheme === undefined ? `${name} (${Buffer.from(algorithm).toString("hex")})` : schemeName(scheme);
  return { seen, wanted: digitalSchemes.filter((each) => sha1 || hashNumber(each) !== 1).map(schemeName) };
}

function readClassic(auth: AuthPayload, sha1: boolean): ReadSignature {
  const signature = auth.data;
  const row = classicEcdsa.find(({ method }) => method === auth.method);
  if (row !== undefined) return { schemes: [row.scheme], signature, curve: row.curve };
  const [schemes, weak] = [(["sha256", "sha384", "sha512"] as const).map(pkcs1), [pkcs1("sha1")]];
  return sha1 ? { schemes: [...schemes, ...weak], signature } : { schemes, refused: weak, signature };
}

function named(algorithm: Uint8Array): { readonly scheme: SignatureScheme | undefined; readonly name: string } {
  try {
    return readSignatureAlgorithm(algorithm);
  } catch (error) {
    if (error instanceof Asn1Error) return { scheme: undefined, name: "no AlgorithmIdentifier" };
    throw error;
  }
}
