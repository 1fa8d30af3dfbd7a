/** How a section's peer and we can prove who we are in IKEv1, where one method serves both ends (RFC 2409 5). */

import type { OwnKey } from "../credentials/own-key.ts";
import type { PeerTrust } from "../credentials/peer-trust.ts";
import type { PublicKey } from "../crypto/signature/public-key.ts";
import {
  encryptionMethods,
  hybridMethod,
  methodOfKey,
  methodWithLogin,
  type Phase1End,
  presharedMethod,
  rsaMethod,
} from "../negotiate/isakmp-methods.ts";
import type { PeerDesired } from "./desired.ts";

/** What of a section says how both ends prove themselves. */
export interface Ikev1Section {
  readonly auth: PeerDesired["auth"];
  readonly xauth?: PeerDesired["xauth"] | undefined;
  readonly proveBy?: PeerDesired["proveBy"] | undefined;
}

/**
 * The Authentication Methods where we are that end of phase 1, best first; none where the two ends prove themselves in
 * different ways, or in several rounds. Where an end logs in, no method is among them after which it would not.
 */
export function ikev1Methods(peer: Ikev1Section, role: Phase1End): readonly number[] {
  const { xauth } = peer;
  if (xauth === undefined) return proofs(peer);
  const other = role === "initiator" ? "responder" : "initiator";
  const client = xauth.kind === "client" ? role : other;
  if (isHybridSection(peer)) return [hybridMethod(client)];
  return proofs(peer).flatMap((proof) => methodWithLogin(proof, client) ?? []);
}

/** Whether who logs in proves nothing before, and the other end signs with RSA (draft-ietf-ipsec-isakmp-hybrid-auth-05). */
function isHybridSection({ auth: { local, remote }, xauth, proveBy }: Ikev1Section): boolean {
  const [mine, theirs] = [local[0]?.credential, remote[0]?.credential];
  if (local.length !== 1 || remote.length !== 1 || proveBy !== undefined) return false;
  if (xauth?.kind === "client") return mine?.kind === "null" && theirs?.kind === "trust";
  if (theirs?.kind !== "null" || mine?.kind !== "key") return false;
  return mine.keys.some(({ key }) => methodOfKey(key.publicKey.algorithm)?.method === rsaMethod);
}

function proofs({ auth: { local, remote }, proveBy }: Ikev1Section): readonly number[] {
  const [mine, theirs] = [local[0]?.credential, remote[0]?.credential];
  if (local.length !== 1 || remote.length !== 1 || mine === undefined || theirs === undefined) return [];
  if (proveBy === undefined && mine.kind === "psk" && theirs.kind === "psk")
    return Buffer.compare(mine.secret.octets, theirs.secret.octets) === 0 ? [presharedMethod] : [];
  if (mine.kind !== "key" || theirs.kind !== "trust") return [];
  if (proveBy !== undefined)
    return ownEncryptionKeys(mine.keys).length > 0 && encryptionKey(theirs.trust) !== undefined
      ? [encryptionMethods[proveBy]]
      : [];
  const methods = mine.keys.flatMap(({ key }) => methodOfKey(key.publicKey.algorithm)?.method ?? []);
  return [...new Set(methods)];
}

/** Of 2048 bits at most: what is encrypted stands in the place of a nonce, which has up to 256 octets (RFC 2409 5). */
const longestKey = 2048;

/** Those of our keys that a peer can encrypt for. */
export function ownEncryptionKeys(keys: readonly OwnKey[]): readonly OwnKey[] {
  return keys.filter(({ key }) => isEncryptionKey(key.publicKey));
}

/** The key of the peer's that we encrypt for: it must be known before the peer says anything (RFC 2409 5.2). */
export function encryptionKey({ listed, keys }: PeerTrust): PublicKey | undefined {
  const known = listed.flatMap(({ publicKey }) => ("algorithm" in publicKey ? [publicKey] : []));
  return [...known, ...keys].find(isEncryptionKey);
}

function isEncryptionKey({ algorithm }: PublicKey): boolean {
  return algorithm.kind === "rsa" && algorithm.bits <= longestKey;
}
