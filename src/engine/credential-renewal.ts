/** Changed credentials that leave an IKE SA as it is: they count from the next authentication on. */
import type { PeerTrust } from "../credentials/peer-trust.ts";
import type { PeerDesired } from "../sa/desired.ts";
import { equalData } from "./equal.ts";

/**
 * Whether nothing differs but what we sign with, and what is trusted beside all that was trusted before: what the peer has
 * proved is still believed. A secret that changed, or an authority that is trusted no more, has both ends prove themselves anew.
 */
export function renewsOnly(before: PeerDesired, after: PeerDesired): boolean {
  if (!equalData({ ...before, auth: after.auth }, after)) return false;
  const [local, remote] = [after.auth.local, after.auth.remote];
  if (before.auth.local.length !== local.length || before.auth.remote.length !== remote.length) return false;
  return (
    before.auth.local.every((round, index) => isRenewed(round, local[index])) &&
    before.auth.remote.every((round, index) => isWidened(round, remote[index]))
  );
}

function isRenewed(
  before: PeerDesired["auth"]["local"][number],
  after: PeerDesired["auth"]["local"][number] | undefined,
): boolean {
  if (before.credential.kind !== "key" || after?.credential.kind !== "key") return equalData(before, after);
  return equalData(before.id, after.id);
}

function isWidened(
  before: PeerDesired["auth"]["remote"][number],
  after: PeerDesired["auth"]["remote"][number] | undefined,
): boolean {
  if (before.credential.kind !== "trust" || after?.credential.kind !== "trust") return equalData(before, after);
  return equalData(before.id, after.id) && includes(before.credential.trust, after.credential.trust);
}

function includes(before: PeerTrust, after: PeerTrust): boolean {
  const later = new Set(after.store.anchors.map(({ fingerprint }) => fingerprint));
  return (
    before.store.anchors.every(({ fingerprint }) => later.has(fingerprint)) &&
    [...before.store.listed].every((one) => after.store.listed.has(one)) &&
    [...before.store.pinned].every((one) => after.store.pinned.has(one)) &&
    before.bound === after.bound &&
    before.revocation === after.revocation &&
    (!before.commonName || after.commonName) &&
    (!before.anyPurpose || after.anyPurpose) &&
    (!before.sha1 || after.sha1)
  );
}
