/** How a section's peer and we can prove who we are in IKEv1, where one method serves both ends (RFC 2409 5). */
import {
  hybridMethod,
  methodOfKey,
  methodWithLogin,
  type Phase1End,
  presharedMethod,
  rsaMethod,
} from "../negotiate/isakmp-methods.ts";
import type { PeerDesired } from "./desired.ts";

/**
 * The Authentication Methods where we are that end of phase 1, best first; none where the two ends prove themselves in
 * different ways, or in several rounds. Where an end logs in, no method is among them after which it would not.
 */
export function ikev1Methods({ auth, xauth }: Pick<PeerDesired, "auth" | "xauth">, role: Phase1End): readonly number[] {
  if (xauth === undefined) return proofs(auth);
  const other = role === "initiator" ? "responder" : "initiator";
  const client = xauth.kind === "client" ? role : other;
  if (isHybridSection({ auth, xauth })) return [hybridMethod(client)];
  return proofs(auth).flatMap((proof) => methodWithLogin(proof, client) ?? []);
}

/** Whether who logs in proves nothing before, and the other end signs with RSA (draft-ietf-ipsec-isakmp-hybrid-auth-05). */
function isHybridSection({ auth: { local, remote }, xauth }: Pick<PeerDesired, "auth" | "xauth">): boolean {
  const [mine, theirs] = [local[0]?.credential, remote[0]?.credential];
  if (local.length !== 1 || remote.length !== 1) return false;
  if (xauth?.kind === "client") return mine?.kind === "null" && theirs?.kind === "trust";
  if (theirs?.kind !== "null" || mine?.kind !== "key") return false;
  return mine.keys.some(({ key }) => methodOfKey(key.publicKey.algorithm)?.method === rsaMethod);
}

function proofs({ local, remote }: PeerDesired["auth"]): readonly number[] {
  const [mine, theirs] = [local[0]?.credential, remote[0]?.credential];
  if (local.length !== 1 || remote.length !== 1 || mine === undefined || theirs === undefined) return [];
  if (mine.kind === "psk" && theirs.kind === "psk")
    return Buffer.compare(mine.secret.octets, theirs.secret.octets) === 0 ? [presharedMethod] : [];
  if (mine.kind !== "key" || theirs.kind !== "trust") return [];
  const methods = mine.keys.flatMap(({ key }) => methodOfKey(key.publicKey.algorithm)?.method ?? []);
  return [...new Set(methods)];
}
