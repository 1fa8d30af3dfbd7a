/** IKE_AUTH as initiator (RFC 7296 1.2): our proof, the peer's proof, the first Child SA. */
import { isExact } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { releaseSpi } from "../../sa/child-install.ts";
import { authenticates, type PeerDesired } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { refusedAuthentication } from "../auth/refused.ts";
import { AuthRounds, type Rounds } from "../auth/rounds.ts";
import { offeredCapabilities, takeCapabilities } from "../capabilities.ts";
import {
  acceptAnswer,
  type ChildOffer,
  childOfferPayloads,
  childRefusal,
  completeChild,
  failChild,
  prepareChild,
} from "../child-initiator.ts";
import type { IkeSa } from "../ike-sa.ts";
import { supportPayloads, takeSupport } from "../mobike.ts";
import { find, findError, findNotify, notify } from "../payloads.ts";
import { beginAuthentication, takeAuthLifetime } from "../reauthentication.ts";
import { findRedirect, type Redirect } from "../redirect.ts";
import { ResumedRounds } from "../resumption/resumed-rounds.ts";
import { type Handshake, wipeHandshake } from "../state.ts";
import type { Task } from "../task.ts";
import { deleteChild, refuseAuthentication } from "./informational.ts";

/** What one IKE_AUTH is about, over all its rounds. */
interface Attempt {
  readonly peer: PeerDesired;
  readonly handshake: Handshake;
  readonly rounds: Rounds;
  /** Undefined: it asks for no Child SA (RFC 6023). */
  readonly offer: ChildOffer | undefined;
}

/** Goes on from IKE_SA_INIT: reserves the first child's SPI, then sends IKE_AUTH. */
export function beginAuth(sa: IkeSa, handshake: Handshake): void {
  const { peer } = sa;
  if (peer === undefined) return;
  sa.state = { kind: "ExpectFirstSpi", handshake };
  const { local, remote } = peer.auth;
  if (Math.max(local.length, remote.length) > 1 && !handshake.multipleAuth && handshake.resumed === undefined)
    return sa.end({ code: "extension-missing", extension: "MULTIPLE_AUTH_SUPPORTED" });
  const { resumed } = handshake;
  const rounds =
    resumed === undefined
      ? new AuthRounds(sa, peer, handshake)
      : new ResumedRounds(sa, handshake, peer.localId, resumed.remoteId);
  const childless = peer.childless === "prefer" && handshake.childless;
  const child = childless ? undefined : sa.host.firstChild(sa);
  if (child === undefined) return sendFirst(sa, { peer, handshake, rounds, offer: undefined });
  prepareChild(sa, peer, child, false, (offer) => sendFirst(sa, { peer, handshake, rounds, offer }));
}

function sendFirst(sa: IkeSa, attempt: Attempt): void {
  const { peer, handshake, rounds, offer } = attempt;
  if (offer === undefined && peer.childless === "never") return sa.end({ code: "childless-refused", by: "us" });
  // RFC 6023 3: never without the responder's word that it takes one.
  if (offer === undefined && !handshake.childless) return sa.end({ code: "childless-refused", by: "peer" });
  rounds.prove((proven) => {
    if (sa.state.kind !== "ExpectFirstSpi") return release(sa, offer);
    if ("reason" in proven) return giveUp(sa, attempt, proven.reason);
    const [id, ...proof] = proven.payloads;
    if (id === undefined) return release(sa, offer);
    const payloads: Payload[] = [id];
    if (sa.host.isInitialContact(sa, peer)) payloads.push(notify(notifyType.INITIAL_CONTACT));
    if (peer.remoteId !== undefined && isExact(peer.remoteId)) {
      payloads.push({ kind: "IDr", idType: peer.remoteId.idType, data: peer.remoteId.octets });
    }
    payloads.push(...proof);
    // RFC 4739 2.1: said in the first request, where the responder has said so too.
    if (handshake.multipleAuth) payloads.push(notify(notifyType.MULTIPLE_AUTH_SUPPORTED));
    if (offer !== undefined) {
      const { head, sa: proposals, tail } = childOfferPayloads(offer);
      payloads.push(...head, proposals, ...tail);
    }
    payloads.push(...offeredCapabilities(sa, peer), ...supportPayloads(sa));
    sa.state = { kind: "ExpectAuthResponse", handshake };
    sa.sendRequest(authTask(attempt, true), payloads);
  });
}

/** One request of IKE_AUTH; each round is one. */
function authTask(attempt: Attempt, isFirst = false): Task {
  return {
    exchangeType: exchangeType.IKE_AUTH,
    begin: () => {},
    handleResponse: (sa, payloads) => {
      const refusal = refusalOf(attempt, payloads);
      if (refusal !== undefined) return fail(sa, attempt, refusal, payloads);
      attempt.rounds.verify(payloads, (reason) => {
        if (sa.state.kind !== "ExpectAuthResponse") return release(sa, attempt.offer);
        if (reason !== undefined) return fail(sa, attempt, reason, payloads);
        const redirect = isFirst && !attempt.rounds.isOver ? findRedirect(payloads) : undefined;
        if (redirect !== undefined) return leave(sa, attempt, redirect);
        if (!attempt.rounds.isOver) return sendNext(sa, attempt);
        finish(sa, attempt, sa.state.closing, payloads);
      });
    },
    abandon: (sa) => release(sa, attempt.offer),
  };
}

/** RFC 4739: the next round; where we have proved all, an empty request asks for the peer's. */
function sendNext(sa: IkeSa, attempt: Attempt): void {
  attempt.rounds.prove((proven) => {
    if (sa.state.kind !== "ExpectAuthResponse") return release(sa, attempt.offer);
    if ("reason" in proven) return giveUp(sa, attempt, proven.reason);
    if (sa.state.closing === undefined) return sa.sendRequest(authTask(attempt), proven.payloads);
    release(sa, attempt.offer);
    sa.end(sa.state.closing);
  });
}

/** An answer that ends IKE_AUTH: an error that is about more than the Child SA (RFC 7296 2.21.2). */
function refusalOf({ peer, rounds }: Attempt, payloads: readonly Payload[]): Reason | undefined {
  if (find(payloads, "AUTH") !== undefined) return undefined;
  const error = findError(payloads);
  if (error === undefined) return undefined;
  if (error.type === notifyType.AUTHENTICATION_FAILED) return refusedAuthentication(peer, rounds.doubts);
  // RFC 4739: a peer that has proved all that it has answers the last request without AUTH.
  if (!rounds.awaitsPeer && childErrors.includes(error.type)) return undefined;
  return { code: "peer-error", exchange: "IKE_AUTH", notify: nameOf.notify(error.type) };
}

function fail(sa: IkeSa, attempt: Attempt, reason: Reason, payloads: readonly Payload[]): void {
  wipeHandshake(attempt.handshake);
  release(sa, attempt.offer);
  // Who has sent no proof has no IKE SA that could be told.
  if (find(payloads, "AUTH") === undefined) return sa.end(reason);
  sa.close(reason, refuseAuthentication);
}

/** We cannot prove who we are: the peer's half of it runs out by itself. */
function giveUp(sa: IkeSa, { handshake, offer }: Attempt, reason: Reason): void {
  wipeHandshake(handshake);
  release(sa, offer);
  sa.end(reason);
}

function finish(sa: IkeSa, attempt: Attempt, closing: Reason | undefined, payloads: readonly Payload[]): void {
  const { peer, handshake, offer, rounds } = attempt;
  wipeHandshake(handshake);
  sa.remoteId = rounds.remoteId;
  takeSupport(sa, payloads);
  sa.establish();
  takeCapabilities(sa, peer, payloads);
  beginAuthentication(sa, handshake, rounds);
  takeAuthLifetime(sa, payloads);
  if (closing !== undefined) {
    release(sa, offer);
    return sa.close(closing);
  }
  // RFC 7619 2.3: nobody's word for it is enough to give up what stands.
  const initialContact = authenticates(peer) && findNotify(payloads, notifyType.INITIAL_CONTACT) !== undefined;
  sa.host.established(sa, initialContact);
  const redirect = findRedirect(payloads);
  if (redirect !== undefined && redirect.nonce.length === 0) {
    release(sa, offer);
    const refusal = sa.host.redirected(sa, redirect.to);
    return refusal === undefined ? undefined : sa.close(refusal);
  }
  if (offer === undefined) return;
  // One too many: it is being closed already, and its child with it.
  if (sa.state.kind !== "Established") return release(sa, offer);
  const refusal = childRefusal(offer, payloads, "IKE_AUTH");
  if (refusal !== undefined) return failChild(sa, offer, refusal);
  const accepted = acceptAnswer(offer, payloads);
  if ("reason" in accepted) {
    failChild(sa, offer, accepted.reason);
    return sa.request(deleteChild(offer.child.protocol, offer.spi));
  }
  completeChild(sa, offer, accepted, payloads, { ni: handshake.ni, nr: handshake.nr, outbound: "now" }, () => {});
}

/** RFC 5685 6: a gateway that has proved itself may send us away in its first answer, before we have proved all. */
function leave(sa: IkeSa, { handshake, offer }: Attempt, { to }: Redirect): void {
  wipeHandshake(handshake);
  release(sa, offer);
  const refusal = sa.host.redirected(sa, to);
  if (refusal !== undefined) sa.end(refusal);
}

function release(sa: IkeSa, offer: ChildOffer | undefined): void {
  if (offer !== undefined) releaseSpi(sa, offer.child.protocol, offer);
}

/** Errors that concern the Child SA alone: the IKE SA stands all the same (RFC 7296 1.2, 2.21.2). */
const childErrors: readonly number[] = [
  notifyType.NO_PROPOSAL_CHOSEN,
  notifyType.SINGLE_PAIR_REQUIRED,
  notifyType.NO_ADDITIONAL_SAS,
  notifyType.INTERNAL_ADDRESS_FAILURE,
  notifyType.FAILED_CP_REQUIRED,
  notifyType.TS_UNACCEPTABLE,
  notifyType.TEMPORARY_FAILURE,
];
