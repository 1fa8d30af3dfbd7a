/** Authentication Methods of phase 1: what each proves with (RFC 2409 5.1 and 5.4, RFC 4754 4). */
import type { SignatureCurve } from "../crypto/signature/curves.ts";
import type { KeyAlgorithm } from "../crypto/signature/key-algorithm.ts";
import type { SignatureScheme } from "../crypto/signature/scheme.ts";
import { authenticationMethod } from "../wire/ikev1/registry/phase1.ts";

/** A method that is a signature over HASH_I or HASH_R. */
export interface SignatureMethod {
  readonly method: number;
  readonly scheme: SignatureScheme;
  /** The curve that the method demands. */
  readonly curve?: SignatureCurve;
  /** The hash whose HMAC makes HASH_I and HASH_R, where the method is tied to one (RFC 2409 5.1). */
  readonly hash?: "sha256" | "sha384" | "sha512";
}

/** The number of a pre-shared key. */
export const presharedMethod: number = authenticationMethod.PRE_SHARED_KEY;

const signatureMethods: readonly SignatureMethod[] = [
  { method: authenticationMethod.RSA_SIGNATURES, scheme: { kind: "rsa-pkcs1-bare" } },
  ecdsa(authenticationMethod.ECDSA_256, "prime256v1", "sha256"),
  ecdsa(authenticationMethod.ECDSA_384, "secp384r1", "sha384"),
  ecdsa(authenticationMethod.ECDSA_521, "secp521r1", "sha512"),
];

function ecdsa(method: number, curve: SignatureCurve, hash: "sha256" | "sha384" | "sha512"): SignatureMethod {
  return { method, curve, hash, scheme: { kind: "ecdsa", hash, form: "concatenated" } };
}

/** The method of that number, where it is a signature that we make and verify. */
export function signatureMethod(method: number): SignatureMethod | undefined {
  return signatureMethods.find((one) => one.method === method);
}

/** The one method that a key of this kind is for; undefined where IKEv1 has none. */
export function methodOfKey(algorithm: KeyAlgorithm): SignatureMethod | undefined {
  if (algorithm.kind === "rsa") return signatureMethod(authenticationMethod.RSA_SIGNATURES);
  return algorithm.kind === "ec" ? signatureMethods.find(({ curve }) => curve === algorithm.curve) : undefined;
}
