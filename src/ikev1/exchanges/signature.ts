/** Phase 1 authenticated with signatures over HASH_I and HASH_R (RFC 2409 5.1, RFC 4754). */
import type { SignatureProof } from "../../credentials/examine.ts";
import type { OwnKey } from "../../credentials/own-key.ts";
import type { Identity } from "../../negotiate/identity.ts";
import { methodOfKey, type SignatureMethod } from "../../negotiate/isakmp-methods.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { certEncoding } from "../../wire/ikev1/registry/identity.ts";
import { isAskedFor } from "../certificate-requests.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { all, find } from "../payloads.ts";

/** CERT payloads that are looked at. */
const mostCertificates = 16;

/** Signs; `then` gets our certificates and the signature. */
export function sign(
  sa: IkeV1Sa,
  peer: PeerDesired,
  { method, scheme }: SignatureMethod,
  octets: Uint8Array,
  then: (payloads: readonly Payload[]) => void,
): void {
  const own = chooseKey(peer, method, sa.askedFor);
  if (own === undefined) return;
  sa.host.compute(sa, { kind: "sign", key: own.key, scheme, octets }, (result) => {
    if (result.kind !== "signed") return;
    then([...certificates(own), { isakmp: "SIG", data: result.signature }]);
  });
}

/** Verifies; `then` gets why it is no proof, or nothing. */
export function examine(
  sa: IkeV1Sa,
  peer: PeerDesired,
  { scheme, also, curve }: SignatureMethod,
  claim: { readonly identity: Identity; readonly octets: Uint8Array; readonly payloads: readonly Payload[] },
  then: (reason: Reason | undefined) => void,
): void {
  const { identity, octets, payloads } = claim;
  const credential = peer.auth.remote[0]?.credential;
  const signature = find(payloads, "SIG");
  if (credential?.kind !== "trust") return;
  if (signature === undefined) {
    const exchange = sa.mode === "main" ? "main mode" : "aggressive mode";
    return then({ code: "protocol-violation", exchange, fault: "SIG is missing" });
  }
  const proof: SignatureProof = {
    identity,
    certificates: all(payloads, "CERT")
      .filter(({ encoding, data }) => encoding === certEncoding.X509_CERTIFICATE_SIGNATURE && data.length > 0)
      .slice(0, mostCertificates)
      .map(({ data }) => Uint8Array.from(data)),
    rawKey: undefined,
    schemes: also === undefined ? [scheme] : [scheme, also],
    curve,
    octets,
    signature: Uint8Array.from(signature.data),
  };
  sa.host.compute(sa, { kind: "examine", proof, trust: credential.trust }, (result) => {
    if (result.kind === "proven") then(undefined);
    else if (result.kind === "refused") then(result.reason);
  });
}

/** The first of our keys that the method is for; of several first one whose authority the peer asks for. */
function chooseKey({ auth }: PeerDesired, method: number, asked: readonly Uint8Array[]): OwnKey | undefined {
  const credential = auth.local[0]?.credential;
  const keys = credential?.kind === "key" ? credential.keys : [];
  const possible = keys.filter(({ key }) => methodOfKey(key.publicKey.algorithm)?.method === method);
  return possible.find((own) => isAskedFor(own, asked)) ?? possible[0];
}

/** RFC 4945 3.3: ours first, one payload for each; a key without one is known to the peer or of no use. */
function certificates({ chain }: OwnKey): Payload[] {
  return chain.map(({ der }) => ({ isakmp: "CERT", encoding: certEncoding.X509_CERTIFICATE_SIGNATURE, data: der }));
}
