/** IKE_AUTH as responder (RFC 7296 1.2): who it is, the proof, the first Child SA. */
import { constantTimeEqual, wipe } from "../../crypto/secret.ts";
import { allowsSuite, formatSuite } from "../../negotiate/allowed-suite.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import { formatOffer } from "../../negotiate/proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Path } from "../../sa/path.ts";
import type { IdiPayload } from "../../wire/ikev2/payloads/identity.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { answerChild } from "../child-responder.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find, findNotify, notify } from "../payloads.ts";
import { pskAuth } from "../psk-auth.ts";
import type { Handshake } from "../state.ts";
import { takeWindow, windowPayloads } from "../window.ts";

const type = exchangeType.IKE_AUTH;

/** Verifies the initiator, proves ourselves, and answers the Child SA that it asks for, if any (RFC 6023). */
export function answerAuth(sa: IkeSa, payloads: readonly Payload[], path: Path): void {
  const { state } = sa;
  if (state.kind !== "ExpectAuthRequest") return;
  const { handshake } = state;
  const idi = find(payloads, "IDi");
  if (idi === undefined) {
    sa.respond(type, [notify(notifyType.INVALID_SYNTAX)]);
    return sa.end({ code: "protocol-violation", exchange: "IKE_AUTH", fault: "IDi is missing" });
  }
  const verdict = verifyInitiator(sa, handshake, payloads, idi, path);
  if ("reason" in verdict) {
    // RFC 7296 2.21.2: one answer for every cause; which it was stays here.
    sa.respond(type, [notify(notifyType.AUTHENTICATION_FAILED)]);
    wipe(handshake.skPi, handshake.skPr);
    // Of several peers at one address, the one that it claimed to be is told of.
    sa.peer = verdict.claimed;
    if (verdict.claimed !== undefined) sa.host.refused([verdict.claimed], verdict.reason);
    return sa.end(verdict.reason);
  }
  const { peer } = verdict;
  const identity = { idType: peer.localId.idType, data: peer.localId.octets };
  const auth = pskAuth(verdict.prf, peer.auth.secret.octets, {
    message: handshake.response,
    nonce: handshake.ni,
    identity,
    skP: handshake.skPr,
  });
  wipe(handshake.skPi, handshake.skPr);
  sa.peer = peer;
  sa.remoteId = identityFromWire(idi.idType, idi.data);
  // RFC 7296 2.23: an initiator behind a NAT has moved to port 4500, and perhaps to another address.
  sa.path = path;
  sa.establish();
  takeWindow(sa, payloads);
  sa.widen("theirs", peer.messages.window);
  const proof: Payload[] = [
    { kind: "IDr", ...identity },
    { kind: "AUTH", method: authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE, data: auth },
    ...windowPayloads(peer.messages.window),
  ];
  sa.host.established(sa, findNotify(payloads, notifyType.INITIAL_CONTACT) !== undefined);
  if (find(payloads, "SA") === undefined) return sa.respond(type, proof);
  // The operator wants the peer down: it learns so at once, and no Child SA comes to be meanwhile.
  if (sa.state.kind !== "Established") return sa.respond(type, [...proof, notify(notifyType.TEMPORARY_FAILURE)]);
  const candidates = sa.host.childCandidates(peer);
  const request = { peer, candidates, payloads, ni: handshake.ni, nr: handshake.nr, withKe: false };
  answerChild(sa, request, (answer) => {
    sa.respond(type, [...proof, ...answer.payloads]);
    if (answer.child !== undefined) sa.children.add(answer.child);
  });
}

type Verdict =
  | { readonly peer: PeerDesired; readonly prf: Parameters<typeof pskAuth>[0] }
  | { readonly reason: Reason; readonly claimed?: PeerDesired };

function verifyInitiator(
  sa: IkeSa,
  handshake: Handshake,
  payloads: readonly Payload[],
  idi: IdiPayload,
  path: Path,
): Verdict {
  const claimed = identityFromWire(idi.idType, idi.data);
  const idr = find(payloads, "IDr");
  const localId = idr === undefined ? undefined : identityFromWire(idr.idType, idr.data);
  const selected = sa.host.selectPeer({ path, remoteId: claimed, localId });
  if ("reason" in selected) return selected;
  const { peer } = selected;
  const suite = sa.keying?.suite;
  if (suite === undefined) return { reason: { code: "protocol-violation", exchange: "IKE_AUTH", fault: "no keys" } };
  const policy = { protocol: "ike", ours: peer.ike, withKe: true } as const;
  if (!allowsSuite(policy, suite)) {
    // The suite was chosen before the identity was known, for another peer at the same address.
    const theirs = [formatSuite(suite)];
    const ours = formatOffer(policy);
    return {
      claimed: peer,
      reason: { code: "no-common-proposal", protocol: "ike", ours, theirs, difference: undefined },
    };
  }
  const auth = find(payloads, "AUTH");
  if (auth?.method !== authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE) {
    const seen = auth === undefined ? "EAP" : nameOf.auth(auth.method);
    return {
      claimed: peer,
      reason: { code: "wrong-auth-method", identity: claimed.text, wanted: "pre-shared key", seen },
    };
  }
  const { secret } = peer.auth;
  const signed = { message: handshake.request, nonce: handshake.nr, identity: idi, skP: handshake.skPi };
  if (!constantTimeEqual(auth.data, pskAuth(suite.prf, secret.octets, signed))) {
    return { claimed: peer, reason: { code: "wrong-secret", identity: claimed.text, secret: secret.name } };
  }
  const reason = sa.host.unwelcome(peer, claimed, path);
  return reason === undefined ? { peer, prf: suite.prf } : { claimed: peer, reason };
}
