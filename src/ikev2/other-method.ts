/** INVALID_KE_PAYLOAD: the key exchange method that a responder wants instead (RFC 7296 1.2, 1.3). */
import type { KeTransform } from "../crypto/transforms/ke.ts";
import { findTransform } from "../crypto/transforms.ts";
import type { Reason } from "../negotiate/reason.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";

/** The method that the notify's data name, or why it cannot be taken: only what was offered is. */
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
