/** CERTREQ: whose certificates are trusted, and which of ours the peer asks for (RFC 2408 3.10, RFC 4945 3.2). */
import type { OwnKey } from "../credentials/own-key.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { certEncoding } from "../wire/ikev1/registry/identity.ts";
import { all } from "./payloads.ts";

/** Authorities that are named to a peer, and that are remembered of one. */
const mostAuthorities = 16;

/** Asks for certificates of the authorities that these peers' sections trust, or for whatever there is. */
export function certificateRequests(peers: readonly PeerDesired[]): Payload[] {
  const names = new Map<string, Uint8Array>();
  for (const { auth } of peers) {
    const credential = auth.remote[0]?.credential;
    if (credential?.kind !== "trust") continue;
    for (const { subject } of credential.trust.store.anchors)
      names.set(Buffer.from(subject.der).toString("hex"), subject.der);
  }
  const named = [...names.values()].slice(0, mostAuthorities);
  const authorities = named.length === 0 ? [new Uint8Array(0)] : named;
  return authorities.map((authority) => ({
    isakmp: "CR",
    encoding: certEncoding.X509_CERTIFICATE_SIGNATURE,
    authority,
  }));
}

/** The authorities that a message asks for, copied out of it. */
export function askedAuthorities(payloads: readonly Payload[]): readonly Uint8Array[] {
  return all(payloads, "CR")
    .filter(({ encoding, authority }) => encoding === certEncoding.X509_CERTIFICATE_SIGNATURE && authority.length > 0)
    .slice(0, mostAuthorities)
    .map(({ authority }) => Uint8Array.from(authority));
}

/** Whether one of these authorities, by its name, is above the key's certificate. */
export function isAskedFor({ chain }: OwnKey, authorities: readonly Uint8Array[]): boolean {
  return chain.some(({ issuer }) => authorities.some((name) => Buffer.compare(name, issuer.der) === 0));
}
