/** IKE_AUTH as initiator (RFC 7296 1.2): our proof, the peer's proof, the first Child SA. */
import { constantTimeEqual, wipe } from "../../crypto/secret.ts";
import { identityFromWire, sameIdentity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import {
  acceptAnswer,
  type ChildOffer,
  childOfferPayloads,
  childRefusal,
  completeChild,
  failChild,
  prepareChild,
} from "../child-initiator.ts";
import { releaseSpi } from "../child-install.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find, findError, findNotify, notify } from "../payloads.ts";
import { pskAuth } from "../psk-auth.ts";
import type { Handshake } from "../state.ts";
import type { Task } from "../task.ts";
import { takeWindow, windowPayloads } from "../window.ts";
import { deleteChild, refuseAuthentication } from "./informational.ts";

/** Goes on from IKE_SA_INIT: reserves the first child's SPI, then sends IKE_AUTH. */
export function beginAuth(sa: IkeSa, handshake: Handshake): void {
  const { peer } = sa;
  if (peer === undefined) return;
  sa.state = { kind: "ExpectFirstSpi", handshake };
  const child = sa.host.firstChild(sa);
  if (child === undefined) return sendAuth(sa, peer, handshake, undefined);
  prepareChild(sa, peer, child, false, (offer) => sendAuth(sa, peer, handshake, offer));
}

function sendAuth(sa: IkeSa, peer: PeerDesired, handshake: Handshake, offer: ChildOffer | undefined): void {
  if (offer === undefined && !handshake.childless) {
    return sa.end({
      code: "protocol-violation",
      exchange: "IKE_AUTH",
      fault: "the peer takes no IKE_AUTH without a Child SA (RFC 6023)",
    });
  }
  const identity = { idType: peer.localId.idType, data: peer.localId.octets };
  const { suite } = sa.keying ?? {};
  if (suite === undefined) return;
  const auth = pskAuth(suite.prf, peer.auth.secret.octets, {
    message: handshake.request,
    nonce: handshake.nr,
    identity,
    skP: handshake.skPi,
  });
  const payloads: Payload[] = [{ kind: "IDi", ...identity }];
  if (sa.host.isInitialContact(sa, peer)) payloads.push(notify(notifyType.INITIAL_CONTACT));
  if (peer.remoteId !== undefined) {
    payloads.push({ kind: "IDr", idType: peer.remoteId.idType, data: peer.remoteId.octets });
  }
  payloads.push({ kind: "AUTH", method: authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE, data: auth });
  if (offer !== undefined) {
    const { head, sa: proposals, tail } = childOfferPayloads(offer);
    payloads.push(...head, proposals, ...tail);
  }
  payloads.push(...windowPayloads(peer.messages.window));
  sa.state = { kind: "ExpectAuthResponse", handshake };
  sa.sendRequest(authTask(peer, handshake, offer), payloads);
}

function authTask(peer: PeerDesired, handshake: Handshake, offer: ChildOffer | undefined): Task {
  return {
    exchangeType: exchangeType.IKE_AUTH,
    begin: () => {},
    handleResponse: (sa, payloads) => {
      const closing = sa.state.kind === "ExpectAuthResponse" ? sa.state.closing : undefined;
      const reason = verifyResponder(sa, peer, handshake, payloads);
      wipe(handshake.skPi, handshake.skPr);
      if (reason === undefined && closing === undefined) return establish(sa, handshake, offer, payloads);
      if (offer !== undefined) releaseSpi(sa, offer.child.protocol, offer.spi);
      if (reason === undefined) {
        sa.establish();
        return sa.close(closing ?? { code: "replaced" });
      }
      if (find(payloads, "AUTH") === undefined) return sa.end(reason);
      sa.close(reason, refuseAuthentication);
    },
    abandon: (sa) => {
      if (offer !== undefined) releaseSpi(sa, offer.child.protocol, offer.spi);
    },
  };
}

/** Why the responder is not who it should be; undefined where it is. Sets the identity it proved. */
function verifyResponder(
  sa: IkeSa,
  peer: PeerDesired,
  handshake: Handshake,
  payloads: readonly Payload[],
): Reason | undefined {
  const idr = find(payloads, "IDr");
  const auth = find(payloads, "AUTH");
  const { secret } = peer.auth;
  if (idr === undefined || auth === undefined) {
    const error = findError(payloads);
    if (error?.type === notifyType.AUTHENTICATION_FAILED) {
      return { code: "peer-refused-authentication", sentIdentity: peer.localId.text, secret: secret.name };
    }
    if (error !== undefined) return { code: "peer-error", exchange: "IKE_AUTH", notify: nameOf.notify(error.type) };
    return { code: "protocol-violation", exchange: "IKE_AUTH", fault: "IDr or AUTH is missing" };
  }
  const claimed = identityFromWire(idr.idType, idr.data);
  if (peer.remoteId !== undefined && !sameIdentity(peer.remoteId, claimed)) {
    return { code: "wrong-identity", wanted: peer.remoteId.text, seen: claimed.text };
  }
  if (auth.method !== authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE) {
    return {
      code: "wrong-auth-method",
      identity: claimed.text,
      wanted: "pre-shared key",
      seen: nameOf.auth(auth.method),
    };
  }
  const prf = sa.keying?.suite.prf;
  const signed = { message: handshake.response, nonce: handshake.ni, identity: idr, skP: handshake.skPr };
  if (prf === undefined || !constantTimeEqual(auth.data, pskAuth(prf, secret.octets, signed))) {
    return { code: "wrong-secret", identity: claimed.text, secret: secret.name };
  }
  sa.remoteId = claimed;
  return undefined;
}

function establish(sa: IkeSa, handshake: Handshake, offer: ChildOffer | undefined, payloads: readonly Payload[]): void {
  sa.widen("theirs", sa.peer?.messages.window ?? 1);
  sa.establish();
  takeWindow(sa, payloads);
  sa.host.established(sa, findNotify(payloads, notifyType.INITIAL_CONTACT) !== undefined);
  if (offer === undefined) return;
  // One too many: it is being closed already, and its child with it.
  if (sa.state.kind !== "Established") return releaseSpi(sa, offer.child.protocol, offer.spi);
  const refusal = childRefusal(offer, payloads, "IKE_AUTH");
  if (refusal !== undefined) return failChild(sa, offer, refusal);
  const accepted = acceptAnswer(offer, payloads);
  if ("reason" in accepted) {
    failChild(sa, offer, accepted.reason);
    return sa.request(deleteChild(offer.child.protocol, offer.spi));
  }
  completeChild(sa, offer, accepted, payloads, { ni: handshake.ni, nr: handshake.nr });
}
