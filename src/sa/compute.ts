/** Work that is costly or not deterministic, hence an effect (invariant 1): the daemon does it, the core describes it. */
import type { KePair } from "../crypto/key-exchange.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";

export type ComputeJob =
  /** Initiator's first half: a fresh pair. */
  | { readonly kind: "generate"; readonly method: KeTransform }
  /** Responder: a fresh pair and the shared secret at once. */
  | { readonly kind: "respond"; readonly method: KeTransform; readonly peerPublic: Uint8Array }
  /** Initiator's second half. */
  | { readonly kind: "finish"; readonly pair: KePair; readonly peerPublic: Uint8Array };

export type ComputeResult =
  | { readonly kind: "generated"; readonly pair: KePair }
  | { readonly kind: "shared"; readonly publicValue: Uint8Array; readonly secret: Uint8Array }
  /** The peer's value fails the checks of RFC 6989, with the fault in words. */
  | { readonly kind: "invalid"; readonly fault: string };
