/** How a section's peer and we can prove who we are in IKEv1, where one method serves both ends (RFC 2409 5). */
import { methodOfKey, presharedMethod } from "../negotiate/isakmp-methods.ts";
import type { AuthDesired } from "./desired.ts";

/** The Authentication Methods, best first; none where the two ends prove themselves in different ways, or in several rounds. */
export function ikev1Methods({ local, remote }: AuthDesired): readonly number[] {
  const [mine, theirs] = [local[0]?.credential, remote[0]?.credential];
  if (local.length !== 1 || remote.length !== 1 || mine === undefined || theirs === undefined) return [];
  if (mine.kind === "psk" && theirs.kind === "psk")
    return Buffer.compare(mine.secret.octets, theirs.secret.octets) === 0 ? [presharedMethod] : [];
  if (mine.kind !== "key" || theirs.kind !== "trust") return [];
  const methods = mine.keys.flatMap(({ key }) => methodOfKey(key.publicKey.algorithm)?.method ?? []);
  return [...new Set(methods)];
}
