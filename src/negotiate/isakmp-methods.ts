/**
 * Authentication Methods of phase 1: what each proves with (RFC 2409 5.1 and 5.4, RFC 4754 4), and which end logs in afterwards
 * (draft-beaulieu-ike-xauth-02 7.2, draft-ietf-ipsec-isakmp-hybrid-auth-05 3.2.1).
 */
import type { SignatureCurve } from "../crypto/signature/curves.ts";
import type { KeyAlgorithm } from "../crypto/signature/key-algorithm.ts";
import type { SignatureScheme } from "../crypto/signature/scheme.ts";
import { authenticationMethod } from "../wire/ikev1/registry/phase1.ts";

/** A method that is a signature over HASH_I or HASH_R. */
export interface SignatureMethod {
  readonly method: number;
  readonly scheme: SignatureScheme;
  /** What is taken besides. */
  readonly also?: SignatureScheme;
  /** The curve that the method demands. */
  readonly curve?: SignatureCurve;
  /** The hash whose HMAC makes HASH_I and HASH_R, where the method is tied to one (RFC 2409 5.1). */
  readonly hash?: "sha256" | "sha384" | "sha512";
}

/** The number of RSA signatures. */
export const rsaMethod: number = authenticationMethod.RSA_SIGNATURES;

/** How an end proves that it has its private key by what it can decrypt (RFC 2409 5.2, 5.3). */
export type EncryptionMethod = "encryption" | "revised-encryption";

/** The numbers of both. */
export const encryptionMethods: Readonly<Record<EncryptionMethod, number>> = {
  encryption: authenticationMethod.RSA_ENCRYPTION,
  "revised-encryption": authenticationMethod.REVISED_RSA_ENCRYPTION,
};

/** The method of that number, where it is one of encryption. */
export function encryptionMethod(method: number): EncryptionMethod | undefined {
  const proof = proofMethod(method);
  if (proof === encryptionMethods.encryption) return "encryption";
  return proof === encryptionMethods["revised-encryption"] ? "revised-encryption" : undefined;
}

/** The number of a pre-shared key. */
export const presharedMethod: number = authenticationMethod.PRE_SHARED_KEY;

const signatureMethods: readonly SignatureMethod[] = [
  { method: authenticationMethod.RSA_SIGNATURES, scheme: { kind: "rsa-pkcs1-bare" } },
  ecdsa(authenticationMethod.ECDSA_256, "prime256v1", "sha256"),
  ecdsa(authenticationMethod.ECDSA_384, "secp384r1", "sha384"),
  ecdsa(authenticationMethod.ECDSA_521, "secp521r1", "sha512"),
];

/**
 * RFC 2409 5.1: where a signature algorithm is tied to a hash, HASH_I and HASH_R are made with its HMAC, so that they have the
 * length that it signs: they are the digest, as with DSS and as others do it. RFC 4754 can be read otherwise, as ECDSA of what
 * is hashed once more: that proves as much, since nobody finds what hashes to them, and is taken.
 */
function ecdsa(method: number, curve: SignatureCurve, hash: "sha256" | "sha384" | "sha512"): SignatureMethod {
  const also = { kind: "ecdsa", hash, form: "concatenated" } as const;
  return { method, curve, hash, scheme: { kind: "ecdsa-bare" }, also };
}

/** The method of that number, where an end signs in a way that we make and verify. */
export function signatureMethod(method: number): SignatureMethod | undefined {
  const proof = proofMethod(method);
  return signatureMethods.find((one) => one.method === proof);
}

/** An end of phase 1. */
export type Phase1End = "initiator" | "responder";

/** The methods after which an end logs in with a name and a password, and what both prove themselves with before. */
interface LoginMethod {
  readonly method: number;
  readonly proof: number;
  readonly login: Phase1End;
  /** Who logs in proves nothing before. */
  readonly hybrid?: true;
}

const loginMethods: readonly LoginMethod[] = [
  ...login(authenticationMethod.PRE_SHARED_KEY, [
    authenticationMethod.XAUTH_INIT_PRE_SHARED,
    authenticationMethod.XAUTH_RESP_PRE_SHARED,
  ]),
  ...login(authenticationMethod.RSA_SIGNATURES, [
    authenticationMethod.XAUTH_INIT_RSA,
    authenticationMethod.XAUTH_RESP_RSA,
  ]),
  ...login(authenticationMethod.RSA_ENCRYPTION, [
    authenticationMethod.XAUTH_INIT_RSA_ENCRYPTION,
    authenticationMethod.XAUTH_RESP_RSA_ENCRYPTION,
  ]),
  ...login(authenticationMethod.REVISED_RSA_ENCRYPTION, [
    authenticationMethod.XAUTH_INIT_REVISED_RSA_ENCRYPTION,
    authenticationMethod.XAUTH_RESP_REVISED_RSA_ENCRYPTION,
  ]),
  ...login(authenticationMethod.RSA_SIGNATURES, [
    authenticationMethod.HYBRID_INIT_RSA,
    authenticationMethod.HYBRID_RESP_RSA,
  ]).map((one) => ({ ...one, hybrid: true }) as const),
];

function login(proof: number, [initiator, responder]: readonly [number, number]): LoginMethod[] {
  return [
    { proof, method: initiator, login: "initiator" },
    { proof, method: responder, login: "responder" },
  ];
}

/** What the ends prove themselves with in phase 1 itself. */
export function proofMethod(method: number): number {
  return loginMethods.find((one) => one.method === method)?.proof ?? method;
}

/** The end that logs in after phase 1; undefined where none does. */
export function loginOf(method: number): Phase1End | undefined {
  return loginMethods.find((one) => one.method === method)?.login;
}

/** Whether the end that logs in proves nothing in phase 1. */
export function isHybrid(method: number): boolean {
  return loginMethods.some((one) => one.method === method && one.hybrid === true);
}

/** Whether that end signs in phase 1; where the method has signatures and it does not, a HASH stands in the place of its own. */
export function signs(method: number, end: Phase1End): boolean {
  return signatureMethod(method) !== undefined && !(isHybrid(method) && loginOf(method) === end);
}

/** The method with that proof after which that end logs in; undefined where there is none. */
export function methodWithLogin(proof: number, by: Phase1End): number | undefined {
  return loginMethods.find((one) => one.proof === proof && one.login === by && one.hybrid === undefined)?.method;
}

/** The method in which that end proves nothing but its password, and the other signs with RSA. */
export function hybridMethod(by: Phase1End): number {
  return by === "initiator" ? authenticationMethod.HYBRID_INIT_RSA : authenticationMethod.HYBRID_RESP_RSA;
}

/** The one method that a key of this kind is for; undefined where IKEv1 has none. */
export function methodOfKey(algorithm: KeyAlgorithm): SignatureMethod | undefined {
  if (algorithm.kind === "rsa") return signatureMethod(authenticationMethod.RSA_SIGNATURES);
  return algorithm.kind === "ec" ? signatureMethods.find(({ curve }) => curve === algorithm.curve) : undefined;
}
