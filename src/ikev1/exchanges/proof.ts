/** The proofs of phase 1 with a pre-shared key, whichever mode carries them (RFC 2409 5.4). */
import { hashI, hashR } from "../../crypto/ikev1-keys.ts";
import { constantTimeEqual } from "../../crypto/secret.ts";
import { type Identity, identityFromWire, sameIdentity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired, SecretDesired } from "../../sa/desired.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { authenticationMethod } from "../../wire/ikev1/registry/phase1.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { cookieOctets, find } from "../payloads.ts";
import type { Handshake } from "../state.ts";

/** The Auth Method by which peers are told apart (RFC 7296 3.8): both versions' pre-shared keys are the same credential. */
export const sharedKeyMethod = 2;

/** The Authentication Method of a peer's section. */
export const presharedMethod: number = authenticationMethod.PRE_SHARED_KEY;

/** The secret of a peer's section; undefined where it proves itself otherwise. */
export function secretOf({ auth }: PeerDesired): SecretDesired | undefined {
  const credential = auth.remote[0]?.credential;
  return credential?.kind === "psk" ? credential.secret : undefined;
}

/** Whether two secrets are the same octets. */
export function sameSecret(a: SecretDesired | undefined, b: SecretDesired | undefined): boolean {
  return a !== undefined && b !== undefined && constantTimeEqual(a.octets, b.octets);
}

/** HASH_I or HASH_R over the identity whose payload body is `idBody`. */
export function proofOf(sa: IkeV1Sa, handshake: Handshake, by: "initiator" | "responder", idBody: Uint8Array): Buffer {
  const { skeyid, gxi, gxr, saBody } = handshake;
  const cookies = { initiator: cookieOctets(sa.initiatorSpi), responder: cookieOctets(sa.responderSpi) };
  return by === "initiator"
    ? hashI(skeyid, gxi, gxr, cookies, saBody, idBody)
    : hashR(skeyid, gxi, gxr, cookies, saBody, idBody);
}

/** Our own proof as a HASH payload. */
export function proofPayload(sa: IkeV1Sa, handshake: Handshake, identity: IdPayload): Payload {
  return { isakmp: "HASH", data: proofOf(sa, handshake, sa.role, encodeBody(identity)) };
}

export type Proven =
  | { readonly ok: true; readonly identity: Identity }
  | { readonly ok: false; readonly reason: Reason };

/** Checks the peer's identity and proof. */
export function verifyProof(sa: IkeV1Sa, handshake: Handshake, payloads: readonly Payload[]): Proven {
  const id = find(payloads, "ID");
  if (id === undefined) return { ok: false, reason: violation(sa, "the identity is missing") };
  return verifyIdentified(sa, handshake, id, payloads);
}

/** The same, where the identity came in an earlier message. */
export function verifyIdentified(
  sa: IkeV1Sa,
  handshake: Handshake,
  id: IdPayload,
  payloads: readonly Payload[],
): Proven {
  const proof = find(payloads, "HASH");
  if (proof === undefined) return { ok: false, reason: violation(sa, "HASH is missing") };
  const by = sa.role === "initiator" ? "responder" : "initiator";
  const identity = identityFromWire(id.idType, id.data);
  if (constantTimeEqual(proof.data, proofOf(sa, handshake, by, encodeBody(id)))) return { ok: true, identity };
  const secret = sa.peer === undefined ? undefined : secretOf(sa.peer);
  return { ok: false, reason: { code: "wrong-secret", identity: identity.text, secret: secret?.name ?? "" } };
}

/** Whether the peer is who its section says; undefined where it is. */
export function identityFault(peer: PeerDesired, identity: Identity): Reason | undefined {
  if (peer.remoteId === undefined || sameIdentity(peer.remoteId, identity)) return undefined;
  return { code: "wrong-identity", wanted: peer.remoteId.text, seen: identity.text };
}

/** What came under our keys cannot be read: most likely the two ends have different secrets. */
export function suspectSecret(sa: IkeV1Sa): Reason | undefined {
  const { state } = sa;
  const peer = sa.peer ?? ("callers" in state ? state.callers[0] : undefined);
  const secret = peer === undefined ? undefined : secretOf(peer);
  if (peer === undefined || secret === undefined) return undefined;
  return { code: "wrong-secret", identity: peer.remoteId?.text ?? sa.path.remote.address, secret: secret.name };
}

/** A message that the RFCs do not allow. */
export function violation(sa: IkeV1Sa, fault: string): Reason {
  return { code: "protocol-violation", exchange: sa.mode === "main" ? "main mode" : "aggressive mode", fault };
}
