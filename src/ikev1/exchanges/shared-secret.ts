/** Where phase 1's key exchange comes to its end, in either mode and role (RFC 2409 5). */
import type { ComputeResult } from "../../sa/compute.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { deriveIsakmpKeying, lowestNonce } from "../keying.ts";
import type { Agreed, Handshake } from "../state.ts";

/** What went over the wire, and the secret of the two ends where they do not sign. */
export interface KeyExchangeInput {
  readonly agreed: Agreed;
  readonly psk: Uint8Array | undefined;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  /** The peer's public value. */
  readonly peerPublic: Uint8Array;
}

/** Takes the keys into use; undefined where there is no shared secret, with which the ISAKMP SA has ended. */
export function takeSharedSecret(sa: IkeV1Sa, result: ComputeResult, input: KeyExchangeInput): Handshake | undefined {
  const { agreed, psk, ni, nr, peerPublic } = input;
  if (result.kind !== "shared") {
    const fault = result.kind === "invalid" ? result.fault : "no shared secret";
    sa.end({ code: "invalid-public-value", method: agreed.terms.suite.ke.keyword, fault });
    return undefined;
  }
  const own = Uint8Array.from(result.publicValue);
  const [gxi, gxr] = sa.role === "initiator" ? [own, peerPublic] : [peerPublic, own];
  const { keying, skeyid, iv } = deriveIsakmpKeying({
    terms: agreed.terms,
    psk,
    shared: result.secret,
    ni,
    nr,
    gxi,
    gxr,
    initiatorCookie: sa.initiatorSpi,
    responderCookie: sa.responderSpi,
    witness: sa.host.keyWitness,
  });
  sa.keying = keying;
  sa.phase1Chain = { iv };
  sa.lowestNonce = lowestNonce(ni, nr);
  return { ...agreed, gxi, gxr, skeyid };
}
