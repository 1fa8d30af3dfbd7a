/** Which of our proposals an IKE SA's successor is made of: those with the PRF that the old one has, wherever it can be had. */
import type { PrfTransform } from "../crypto/transforms/prf.ts";
import type { DesiredProposal } from "../negotiate/alternatives.ts";

/**
 * Our proposals without any PRF but this one; empty where none has it.
 *
 * RFC 7296 2.18 has the old IKE SA's PRF make SKEYSEED, and 2.14 the new one's PRF the keys. RFC 4306 2.18 had named the old
 * one for all of it, and daemons go on doing so (strongSwan 5.9 and 6.0 do): where the PRF changes, the two ends have
 * different keys, and the successor is dead from its first message. As long as it does not change, both mean the same.
 */
export function withPrf(ours: readonly DesiredProposal[], prf: PrfTransform): DesiredProposal[] {
  return ours
    .filter(({ transforms }) => transforms.includes(prf))
    .map(({ transforms }) => ({ transforms: transforms.filter((row) => row.type !== "PRF" || row === prf) }));
}
