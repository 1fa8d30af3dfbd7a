/** How a Child SA that stands is to be replaced or closed; each state owns what only it needs. */
import type { ChildSa } from "./child-sa.ts";

/** A rekey of ours, from the moment it is wanted until its response has been acted on. */
export interface OwnRekey {
  /** Before it is sent it can still be called off. */
  readonly phase: "unsent" | "sent";
  /** What the peer's own rekey of the same Child SA made meanwhile (RFC 7296 2.8.1). */
  crossed: ChildSa | undefined;
}

export type ChildState =
  | { readonly kind: "Standing" }
  /** We are rekeying it. */
  | { readonly kind: "Rekeying"; readonly rekey: OwnRekey }
  /** `by` has taken its place; the peer, who made it so, deletes this one. */
  | { readonly kind: "Replaced"; readonly by: ChildSa; readonly through: Through }
  /** Our DELETE of it is queued or unanswered: nothing is sent on it any more. `by` has taken its place, if anything has. */
  | { readonly kind: "Deleting"; readonly by: ChildSa | undefined };

/** The peer's request said so, or the nonces of two that crossed. */
export type Through = "rekey" | "nonces";
