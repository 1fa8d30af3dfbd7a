/** What of a peer's section a ticket rests on: where any of it changes, the ticket is void (RFC 5723 6.2, 9.7). */
import { hash } from "../../crypto/hash.ts";
import type { PeerDesired } from "../../sa/desired.ts";

/** One way: the digest says nothing of the secrets that are in it. */
export function credentialsOf(peer: PeerDesired): Buffer {
  const parts: Uint8Array[] = [text(peer.name), text(peer.localId.text), text(peer.remoteId?.text ?? "")];
  for (const rounds of [peer.auth.local, peer.auth.remote]) {
    for (const { id, credential } of rounds) {
      parts.push(text(id?.text ?? ""), text(credential.kind));
      if (credential.kind === "psk") parts.push(credential.secret.octets);
      if (credential.kind === "trust") parts.push(text(credential.trust.digest));
    }
  }
  for (const { transforms } of peer.ike) parts.push(text(transforms.map(({ keyword }) => keyword).join("-")));
  return hash("sha256", Buffer.concat(parts.map((part) => hash("sha256", part))));
}

function text(value: string): Uint8Array {
  return Buffer.from(value);
}
