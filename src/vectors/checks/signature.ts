import { KeyError } from "../../crypto/signature/key-error.ts";
import { importPublicKey, type PublicKey } from "../../crypto/signature/public-key.ts";
import { type SignatureHash, type SignatureScheme, signatureHashLength } from "../../crypto/signature/scheme.ts";
import { verifySignature } from "../../crypto/signature/verify.ts";
import type { Outcome, SignatureCase } from "../case.ts";
import { compared, notApplicable, octets } from "./outcome.ts";

/** A signature as AUTH and certificates are verified. */
export function checkSignature(vector: SignatureCase): Outcome {
  let key: PublicKey;
  try {
    key = importPublicKey(octets(vector.publicKey));
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    return notApplicable(vector.algorithm, `keys of this kind are not used: ${error.message}`);
  }
  const scheme = schemeOf(vector, key);
  if (scheme === undefined) return notApplicable(vector.algorithm, "signatures of this kind are not verified");
  const signature = octets(vector.signature);
  const right = verifySignature(key, scheme, octets(vector.message), signature);
  const outcome = compared([], vector.result, right ? signature : undefined, signature);
  return { ...outcome, algorithm: `signature, ${vector.algorithm}` };
}

function schemeOf(vector: SignatureCase, { algorithm }: PublicKey): SignatureScheme | undefined {
  if (vector.scheme === "eddsa") {
    return algorithm.kind === "ed25519" || algorithm.kind === "ed448"
      ? { kind: "eddsa", curve: algorithm.kind }
      : undefined;
  }
  const hash = hashOf(vector.hash ?? "");
  if (hash === undefined) return undefined;
  if (vector.scheme === "rsa-pss")
    return { kind: "rsa-pss", hash, saltLength: vector.saltLength ?? signatureHashLength[hash] };
  if (vector.scheme === "rsa-pkcs1") return { kind: "rsa-pkcs1", hash };
  return { kind: "ecdsa", hash, form: vector.encoding ?? "der" };
}

function hashOf(name: string): SignatureHash | undefined {
  const hash = name.toLowerCase().replace(/^sha2?-?(\d+)$/, "sha$1");
  return hash in signatureHashLength ? (hash as SignatureHash) : undefined;
}
