/** IKE_SA_INIT as initiator (RFC 7296 1.2): offer, cookie and key exchange turns, keys. */

import type { KePair } from "../../crypto/key-exchange.ts";
import type { KeTransform } from "../../crypto/transforms/ke.ts";
import { findTransform } from "../../crypto/transforms.ts";
import type { Address } from "../../negotiate/address.ts";
import { formatOffer, offerProposals, type ProposalPolicy, verifyAnswer } from "../../negotiate/proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import { floated, type Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev2/header.ts";
import { unsupportedCritical } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { hashPayloads } from "../auth/announce.ts";
import { addWishes, noWishes } from "../auth/wishes.ts";
import { nonceLength, restartLimit } from "../constants.ts";
import type { Host } from "../host.ts";
import type { IkeSa } from "../ike-sa.ts";
import { deriveKeying, lowestNonce } from "../keying.ts";
import { findNat, natDetectionPayloads } from "../nat-detection.ts";
import { find, findError, findNotify, notify } from "../payloads.ts";
import { readClear } from "../received-payloads.ts";
import { findRedirect, redirectSupport } from "../redirect.ts";
import type { InitOffer } from "../state.ts";
import type { Task } from "../task.ts";
import { beginAuth } from "./ike-auth-initiator.ts";

/** What the first IKE_SA_INIT with a peer offers. */
export function firstOffer(host: Host, peer: PeerDesired, redirectedFrom: Address | undefined): InitOffer {
  const nonce = host.random(nonceLength);
  return { nonce, proposals: peer.ike, method: preferredMethod(peer), restarts: 0, redirectedFrom };
}

/** Asks for the key pair; the request goes out when it has come. */
export function beginInit(sa: IkeSa, offer: InitOffer): void {
  sa.state = { kind: "ExpectKeyPair", offer };
  sa.host.compute(sa, { kind: "generate", method: offer.method }, (result) => {
    if (result.kind === "generated") send(sa, offer, result.pair);
  });
}

/**
 * A response in clear. It is not authenticated: an error in it ends nothing (RFC 7296 2.21.1), it is only noted while
 * the request goes on being repeated, and a response that makes no sense is as good as none.
 */
export function handleInitResponse(sa: IkeSa, header: Header, octets: Uint8Array, path: Path): void {
  const { state } = sa;
  if (state.kind !== "ExpectInitResponse") return;
  const { payloads } = readClear(sa.host, header, octets);
  const { offer } = state;
  const cookie = findNotify(payloads, notifyType.COOKIE);
  if (cookie !== undefined) {
    // A repeated answer to what has been said again meanwhile.
    if (offer.cookie !== undefined && Buffer.compare(offer.cookie, cookie.data) === 0) return;
    return restart(sa, { ...offer, cookie: Uint8Array.from(cookie.data) }, state.pair);
  }
  const redirect = findRedirect(payloads);
  if (redirect !== undefined && header.responderSpi === 0n) {
    // RFC 5685 3: whoever cannot repeat our nonce has not seen the request; its word is as good as none.
    if (Buffer.compare(redirect.nonce, offer.nonce) !== 0) return;
    const refusal = sa.host.redirected(sa, redirect.to);
    return refusal === undefined ? undefined : sa.note(refusal);
  }
  const invalidKe = findNotify(payloads, notifyType.INVALID_KE_PAYLOAD);
  if (invalidKe !== undefined) return changeMethod(sa, offer, state.pair, invalidKe.data);
  const error = findError(payloads);
  if (error !== undefined) return sa.note(errorReason(sa, error.type));
  if (header.responderSpi === 0n || unsupportedCritical(payloads) !== undefined) return;
  finish(sa, header, payloads, octets, path);
}

function finish(sa: IkeSa, header: Header, payloads: readonly Payload[], octets: Uint8Array, path: Path): void {
  const { state } = sa;
  const sa1 = find(payloads, "SA");
  const ke = find(payloads, "KE");
  const nr = find(payloads, "Nonce");
  if (state.kind !== "ExpectInitResponse" || sa1 === undefined || ke === undefined || nr === undefined) return;
  const { offer, pair, request } = state;
  const sent = offerProposals(policyOf(offer), new Uint8Array(0));
  const answer = verifyAnswer("ike", sent, sa1.proposals);
  if (!answer.ok) return sa.note(answer.reason);
  const { suite } = answer;
  if (suite.ke !== offer.method || ke.group !== offer.method.ikev2) {
    return sa.note({
      code: "proposal-not-offered",
      protocol: "ike",
      sent: [offer.method.keyword],
      answer: [suite.ke.keyword, nameOf.ke(ke.group)],
    });
  }
  sa.settle();
  sa.state = { kind: "ExpectSharedSecret" };
  const ni = offer.nonce;
  const nonce = Uint8Array.from(nr.data);
  const response = Uint8Array.from(octets);
  const nat = findNat(payloads, header.initiatorSpi, header.responderSpi, path, sa.peer?.nat.force);
  const knowsNats = findNotify(payloads, notifyType.NAT_DETECTION_SOURCE_IP) !== undefined;
  const mayMove = knowsNats && sa.peer?.mobike === true;
  const childless = findNotify(payloads, notifyType.CHILDLESS_IKEV2_SUPPORTED) !== undefined;
  const multipleAuth = findNotify(payloads, notifyType.MULTIPLE_AUTH_SUPPORTED) !== undefined;
  const fragments = findNotify(payloads, notifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined;
  const wishes = addWishes(noWishes, payloads);
  sa.host.compute(sa, { kind: "finish", pair, peerPublic: Uint8Array.from(ke.data) }, (result) => {
    if (result.kind !== "shared") {
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      return sa.end({ code: "invalid-public-value", method: offer.method.keyword, fault });
    }
    sa.remoteSpi = header.responderSpi;
    const { keying, skPi, skPr } = deriveKeying({
      role: "initiator",
      suite,
      secret: result.secret,
      ni,
      nr: nonce,
      initiatorSpi: header.initiatorSpi,
      responderSpi: header.responderSpi,
      witness: sa.host.keyWitness,
    });
    sa.keying = keying;
    sa.lowestNonce = lowestNonce(ni, nonce);
    sa.nat = nat;
    if (nat.local) sa.host.learnAbilities();
    sa.fragmentSize = fragments ? (sa.peer?.messages.fragmentSize ?? 0) : 0;
    // RFC 7296 2.23: with a NAT in between, everything from IKE_AUTH on goes over port 4500.
    // RFC 4555 3.3: and so it does where a NAT may be met later.
    if (isEncapsulated(nat) || mayMove) sa.path = floated(sa.path);
    const said = { nat, childless, multipleAuth, wishes, redirectable: false };
    beginAuth(sa, { ni, nr: nonce, request, response, skPi, skPr, ...said });
  });
}

function send(sa: IkeSa, offer: InitOffer, pair: KePair): void {
  const payloads: Payload[] = [];
  // RFC 7296 2.6: the cookie comes first, all else is as it was.
  if (offer.cookie !== undefined) payloads.push(notify(notifyType.COOKIE, offer.cookie));
  payloads.push(
    { kind: "SA", proposals: offerProposals(policyOf(offer), new Uint8Array(0)) },
    { kind: "KE", group: offer.method.ikev2, data: pair.publicValue },
    { kind: "Nonce", data: offer.nonce },
    ...natDetectionPayloads(sa.initiatorSpi, 0n, sa.path, sa.peer?.nat.force),
    notify(notifyType.IKEV2_FRAGMENTATION_SUPPORTED),
    ...(sa.peer === undefined ? [] : hashPayloads([sa.peer])),
  );
  if (sa.peer !== undefined && hasElsewhere(sa.peer)) payloads.push(redirectSupport(offer.redirectedFrom));
  const request = sa.sendClearRequest(initTask, payloads);
  sa.state = { kind: "ExpectInitResponse", offer, pair, request };
}

/** Begins anew at the responder's wish; after a few times the wish is not believed any more. */
function restart(sa: IkeSa, offer: InitOffer, pair: KePair | undefined): void {
  if (offer.restarts >= restartLimit) {
    return sa.note({ code: "too-many-restarts", restarts: offer.restarts });
  }
  sa.settleForRestart();
  const next = { ...offer, restarts: offer.restarts + 1 };
  if (pair === undefined) beginInit(sa, next);
  else send(sa, next, pair);
}

/** RFC 7296 1.2: the responder wants another method among those offered; RFC 7296 2.6: the cookie stays with it. */
function changeMethod(sa: IkeSa, offer: InitOffer, pair: KePair, data: Uint8Array): void {
  if (data.length !== 2) return;
  const group = ((data[0] ?? 0) << 8) | (data[1] ?? 0);
  const method = findTransform("KE", group);
  const offered = offeredMethods(offer);
  if (method === undefined || !offered.includes(method) || method === offer.method) {
    const sent = offered.map((one) => one.keyword);
    return sa.note({ code: "key-exchange-not-offered", wanted: method?.keyword ?? nameOf.ke(group), sent });
  }
  pair.destroy();
  restart(sa, { ...offer, method }, undefined);
}

function errorReason(sa: IkeSa, type: number): Reason {
  if (type === notifyType.NO_PROPOSAL_CHOSEN) {
    return {
      code: "peer-refused-proposal",
      protocol: "ike",
      sent: formatOffer(policyOf({ proposals: sa.peer?.ike ?? [] })),
    };
  }
  return { code: "peer-error", exchange: "IKE_SA_INIT", notify: nameOf.notify(type) };
}

function policyOf(offer: Pick<InitOffer, "proposals">): ProposalPolicy<"ike"> {
  return { protocol: "ike", ours: offer.proposals, withKe: true };
}

function offeredMethods(offer: Pick<InitOffer, "proposals">): KeTransform[] {
  return offer.proposals.flatMap((proposal) =>
    proposal.transforms.filter((row): row is KeTransform => row.type === "KE"),
  );
}

/** Whether there is anywhere that the peer could send us to. */
function hasElsewhere({ redirect, remote }: PeerDesired): boolean {
  return redirect.follow && remote !== "any" && remote.length > 1;
}

function preferredMethod(peer: PeerDesired): KeTransform {
  const [first] = offeredMethods({ proposals: peer.ike });
  if (first === undefined) throw new RangeError(`peer ${peer.name} offers no key exchange method`);
  return first;
}

/** IKE_SA_INIT is not queued: it is what the SA begins with. */
const initTask: Task = { exchangeType: exchangeType.IKE_SA_INIT, begin: () => {}, handleResponse: () => {} };
