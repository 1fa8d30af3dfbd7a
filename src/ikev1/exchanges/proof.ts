/** The proofs of phase 1, whichever mode carries them: pre-shared keys here, signatures beside (RFC 2409 5.1, 5.4). */
import { hashI, hashR } from "../../crypto/ikev1-keys.ts";
import { constantTimeEqual } from "../../crypto/secret.ts";
import { type Identity, identityFromWire, sameIdentity } from "../../negotiate/identity.ts";
import {
  encryptionMethod,
  isHybrid,
  presharedMethod,
  proofMethod,
  signatureMethod,
  signs,
} from "../../negotiate/isakmp-methods.ts";
import type { Reason, Unbelieved } from "../../negotiate/reason.ts";
import type { PeerDesired, SecretDesired } from "../../sa/desired.ts";
import type { Path } from "../../sa/path.ts";
import { encodeBody } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { cookieOctets, find } from "../payloads.ts";
import type { Handshake } from "../state.ts";
import { examine, sign } from "./signature.ts";

/** The Auth Method by which callers are told apart (RFC 7296 3.8): the credentials of both versions are the same. */
export function credentialMethod(method: number): number {
  if (signs(method, "initiator") || encryptionMethod(method) !== undefined) return rsaMethod;
  return isHybrid(method) ? nullMethod : sharedKeyMethod;
}

const sharedKeyMethod = 2;
const nullMethod = 13;
/** Whoever signs with one kind of key is taken for one who may sign with any; its trust decides. */
const rsaMethod = 1;

/** The secret of a peer's section; undefined where it proves itself otherwise. */
export function secretOf({ auth }: PeerDesired): SecretDesired | undefined {
  const credential = auth.remote[0]?.credential;
  return credential?.kind === "psk" ? credential.secret : undefined;
}

/** Whether two secrets are the same octets. */
export function sameSecret(a: SecretDesired | undefined, b: SecretDesired | undefined): boolean {
  return a !== undefined && b !== undefined && constantTimeEqual(a.octets, b.octets);
}

/** Whether the two ends prove themselves by keys of their own, and not by a secret that both have. */
export function withoutSecret({ terms }: Pick<Handshake, "terms">): boolean {
  return proofMethod(terms.method) !== presharedMethod;
}

/** HASH_I or HASH_R over the identity whose payload body is `idBody`. */
export function proofOf(sa: IkeV1Sa, handshake: Handshake, by: "initiator" | "responder", idBody: Uint8Array): Buffer {
  const { skeyid, gxi, gxr, saBody } = handshake;
  const cookies = { initiator: cookieOctets(sa.initiatorSpi), responder: cookieOctets(sa.responderSpi) };
  return by === "initiator"
    ? hashI(skeyid, gxi, gxr, cookies, saBody, idBody)
    : hashR(skeyid, gxi, gxr, cookies, saBody, idBody);
}

/** Our own proof: HASH at once, or CERT and SIG once they are made. */
export function prove(
  sa: IkeV1Sa,
  peer: PeerDesired,
  handshake: Handshake,
  identity: IdPayload,
  then: (payloads: readonly Payload[]) => void,
): void {
  const data = proofOf(sa, handshake, sa.role, encodeBody(identity));
  const method = signatureMethod(handshake.terms.method);
  if (method === undefined || !signs(handshake.terms.method, sa.role)) return then([{ isakmp: "HASH", data }]);
  sa.state = { kind: "ExpectOwnProof", handshake };
  sign(sa, peer, method, data, then);
}

/** Checks the peer's proof of the identity `id`: `then` gets why it is none, or nothing. The state is as before then. */
export function verify(
  sa: IkeV1Sa,
  peer: PeerDesired | undefined,
  handshake: Handshake,
  id: IdPayload,
  payloads: readonly Payload[],
  then: (reason: Reason | undefined) => void,
): void {
  const identity = identityFromWire(id.idType, id.data);
  const end = sa.role === "initiator" ? "responder" : "initiator";
  const octets = proofOf(sa, handshake, end, encodeBody(id));
  const { method: number } = handshake.terms;
  const method = signatureMethod(number);
  if (method === undefined || !signs(number, end)) return then(hashFault(sa, number, identity, octets, payloads));
  if (peer === undefined) return;
  const { state } = sa;
  sa.state = { kind: "ExpectVerdict", handshake };
  examine(sa, peer, method, { identity, octets, payloads }, (reason) => {
    sa.state = state;
    then(reason);
  });
}

function hashFault(
  sa: IkeV1Sa,
  method: number,
  identity: Identity,
  octets: Uint8Array,
  payloads: readonly Payload[],
): Reason | undefined {
  const proof = find(payloads, "HASH");
  if (proof === undefined) return violation(sa, "HASH is missing");
  if (constantTimeEqual(proof.data, octets)) return undefined;
  if (proofMethod(method) !== presharedMethod) return violation(sa, "HASH is wrong");
  const secret = sa.peer === undefined ? undefined : secretOf(sa.peer);
  return { code: "wrong-secret", identity: identity.text, secret: secret?.name ?? "" };
}

/** Whether the peer is who its section says; undefined where it is. */
export function identityFault(peer: PeerDesired, identity: Identity): Reason | undefined {
  if (peer.remoteId === undefined || sameIdentity(peer.remoteId, identity)) return undefined;
  return { code: "wrong-identity", wanted: peer.remoteId.text, seen: identity.text };
}

/** Why a caller that has proved this identity is turned away; who logs in is asked then, by the name that it has. */
export function unwelcomeCaller(
  { host }: IkeV1Sa,
  peer: PeerDesired,
  identity: Identity,
  path: Path,
): Reason | undefined {
  return peer.xauth?.kind === "server" ? undefined : host.unwelcome(peer, identity, path);
}

/** What came under our keys cannot be read: most likely the two ends have different secrets. */
export function suspectSecret(sa: IkeV1Sa): Reason | undefined {
  const { state } = sa;
  const peer = sa.peer ?? ("callers" in state ? state.callers[0] : undefined);
  const secret = peer === undefined ? undefined : secretOf(peer);
  if (peer === undefined || secret === undefined) return undefined;
  return { code: "wrong-secret", identity: peer.remoteId?.text ?? sa.path.remote.address, secret: secret.name };
}

/** What the peer was sent to believe us. */
export function ownProof({ localId, auth }: PeerDesired, { terms }: Pick<Handshake, "terms">): Unbelieved {
  const sentIdentity = localId.text;
  if (isHybrid(terms.method)) return { sentIdentity, proof: "no key of ours" };
  const credential = auth.local[0]?.credential;
  if (proofMethod(terms.method) !== presharedMethod) return { sentIdentity, proof: "our RSA or ECDSA key" };
  return { sentIdentity, proof: `the secret "${credential?.kind === "psk" ? credential.secret.name : ""}"` };
}

/** A message that the RFCs do not allow. */
export function violation(sa: IkeV1Sa, fault: string): Reason {
  return { code: "protocol-violation", exchange: sa.mode === "main" ? "main mode" : "aggressive mode", fault };
}
