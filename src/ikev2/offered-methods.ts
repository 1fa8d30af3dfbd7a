/** The key exchange method of a CREATE_CHILD_SA request, which has to be guessed (RFC 7296 1.3). */
import type { KeTransform } from "../crypto/transforms/ke.ts";
import { findTransform } from "../crypto/transforms.ts";
import type { DesiredProposal } from "../negotiate/alternatives.ts";
import type { Reason } from "../negotiate/reason.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";

/** Every key exchange method of the proposals, in their order. */
export function offeredMethods(proposals: readonly DesiredProposal[]): KeTransform[] {
  return proposals.flatMap(({ transforms }) => transforms.filter((row): row is KeTransform => row.type === "KE"));
}

/** The one that the peer has taken before where it is still offered, or else the first. */
export function likelyMethod(
  offered: readonly KeTransform[],
  before: KeTransform | undefined,
): KeTransform | undefined {
  return before !== undefined && offered.includes(before) ? before : offered[0];
}

/** The method that INVALID_KE_PAYLOAD names, or why it cannot be taken: only what was offered is. */
export function otherMethod(
  offered: readonly KeTransform[],
  data: Uint8Array,
): { readonly method: KeTransform } | { readonly reason: Reason } {
  const group = data.length === 2 ? ((data[0] ?? 0) << 8) | (data[1] ?? 0) : 0;
  const method = findTransform("KE", group);
  if (method !== undefined && offered.includes(method)) return { method };
  const sent = offered.map((one) => one.keyword);
  return { reason: { code: "key-exchange-not-offered", wanted: method?.keyword ?? nameOf.ke(group), sent } };
}
