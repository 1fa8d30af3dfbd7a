import { formatSelector, type Selector } from "../../negotiate/selector.ts";
import { type PolicyDirection, policyIndexRange } from "../port.ts";
import { directionBits } from "./policy-message.ts";

/**
 * The `attempt`-th index to try for a policy: of our range, the direction in its low three bits as the kernel demands.
 * The same selector begins at the same place, so that indexes are stable over restarts and collisions are rare.
 */
export function policyIndex(selector: Selector, direction: PolicyDirection, attempt: number): number {
  const slots = (policyIndexRange.end - policyIndexRange.start) / 8;
  const slot = (fnv1a(formatSelector(selector)) + attempt) % slots;
  return policyIndexRange.start + slot * 8 + directionBits[direction];
}

/** FNV-1a, 32 bits: a spread over the range, not a secret. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}
