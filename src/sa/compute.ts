/** Work that is costly or not deterministic, hence an effect (invariant 1): the daemon does it, the core describes it. */
import type { Certificate } from "../credentials/certificate.ts";
import type { SignatureProof } from "../credentials/examine.ts";
import type { PeerTrust } from "../credentials/peer-trust.ts";
import type { KePair } from "../crypto/key-exchange.ts";
import type { PrivateKey } from "../crypto/signature/private-key.ts";
import type { PublicKey } from "../crypto/signature/public-key.ts";
import type { SignatureScheme } from "../crypto/signature/scheme.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { Reason } from "../negotiate/reason.ts";

export type ComputeJob =
  /** Initiator's first half: a fresh pair. */
  | { readonly kind: "generate"; readonly method: KeTransform }
  /** Responder: a fresh pair and the shared secret at once. */
  | { readonly kind: "respond"; readonly method: KeTransform; readonly peerPublic: Uint8Array }
  /** Initiator's second half. */
  | { readonly kind: "finish"; readonly pair: KePair; readonly peerPublic: Uint8Array }
  /** Our proof; `answerAbout`: with an answer of its authority's responder, where one is to be had (RFC 4806). */
  | {
      readonly kind: "sign";
      readonly answerAbout?: { readonly certificate: Certificate; readonly issuer: Certificate } | undefined;
      readonly key: PrivateKey;
      readonly scheme: SignatureScheme;
      readonly octets: Uint8Array;
    }
  /** For the peer alone, with RSA. */
  | { readonly kind: "encrypt"; readonly key: PublicKey; readonly plaintexts: readonly Uint8Array[] }
  /** From the peer for us, with RSA. */
  | { readonly kind: "decrypt"; readonly key: PrivateKey; readonly ciphertexts: readonly Uint8Array[] }
  /** The peer's proof: the certificates, their revocation, the identity, the signature. */
  | { readonly kind: "examine"; readonly proof: SignatureProof; readonly trust: PeerTrust };

export type ComputeResult =
  | { readonly kind: "generated"; readonly pair: KePair }
  | { readonly kind: "shared"; readonly publicValue: Uint8Array; readonly secret: Uint8Array }
  /** The peer's value fails the checks of RFC 6989, with the fault in words. */
  | { readonly kind: "invalid"; readonly fault: string }
  | { readonly kind: "signed"; readonly signature: Uint8Array; readonly ocspAnswer?: Uint8Array | undefined }
  | { readonly kind: "encrypted"; readonly ciphertexts: readonly Uint8Array[] }
  /** Where one is none, octets that nobody can foresee stand in its place. */
  | { readonly kind: "decrypted"; readonly plaintexts: readonly Uint8Array[] }
  /** `signer`: the key that made the signature, and whose it is. */
  | { readonly kind: "proven"; readonly signer: string }
  | { readonly kind: "refused"; readonly reason: Reason };
