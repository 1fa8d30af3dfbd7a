/** A Child SA that we ask for, in IKE_AUTH or CREATE_CHILD_SA (RFC 7296 1.2, 1.3.1). */
import { deriveChildKeys } from "../crypto/ikev2-keys.ts";
import { formatOffer, offerProposals, type ProposalPolicy, verifyAnswer } from "../negotiate/proposals.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { ChildSuite } from "../negotiate/suite.ts";
import { type ChildSelectors, childSelectors } from "../negotiate/traffic-selector.ts";
import { formatSelectorOffer, offerSelectors, verifySelectors } from "../negotiate/traffic-selectors.ts";
import { install, releaseSpi, reserveSpi } from "../sa/child-install.ts";
import { asSeenHere, encapsulationOf, kernelKeepalive } from "../sa/child-nat.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { ChildDesired, PeerDesired } from "../sa/desired.ts";
import { softLimits } from "../sa/lifetime.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { compressionNotify, peerCpi } from "./child-compression.ts";
import { childObstacle } from "./child-obstacle.ts";
import { deleteChild } from "./exchanges/informational.ts";
import type { IkeSa } from "./ike-sa.ts";
import { lowestNonce } from "./keying.ts";
import { find, findError, findNotify, notify, selectorPayload, spiNumber, spiOctets } from "./payloads.ts";

/** A child that is being asked for: its inbound SPI is reserved. */
export interface ChildOffer {
  readonly child: ChildDesired;
  readonly reqid: number;
  readonly spi: number;
  /** Where compression is asked for. */
  readonly cpi?: number | undefined;
  readonly selectors: ChildSelectors;
  /** The packet that asked for it. */
  readonly packet: Selector | undefined;
  readonly policy: ProposalPolicy<"esp" | "ah">;
}

/** Checks that the child can be had over this path and reserves its SPI; `then` gets undefined where it failed, which is reported. */
export function prepareChild(
  sa: IkeSa,
  peer: PeerDesired,
  child: ChildDesired,
  withKe: boolean,
  then: (offer: ChildOffer | undefined) => void,
): void {
  const obstacle = childObstacle(sa, child);
  if (obstacle !== undefined) {
    sa.host.childFailed(sa, child.name, obstacle);
    return then(undefined);
  }
  const reqid = sa.host.reqid(peer, child);
  reserveSpi(sa, child, reqid, child.compress === true, (result) => {
    if ("reason" in result) {
      if (!sa.isOver) sa.host.childFailed(sa, child.name, result.reason);
      return sa.isOver ? undefined : then(undefined);
    }
    if (sa.isOver) return releaseSpi(sa, child.protocol, result);
    const selectors = childSelectors(child, { local: sa.path.local.address, remote: sa.path.remote.address });
    const policy = { protocol: child.protocol, ours: child.proposals, withKe };
    const packet = sa.host.askingPacket(peer, child);
    then({ child, reqid, ...result, selectors, packet, policy });
  });
}

/** The payloads that ask for it; nonce and KE are the exchange's own. */
export function childOfferPayloads(offer: ChildOffer): { head: Payload[]; sa: Payload; tail: Payload[] } {
  const { tsi, tsr } = offerSelectors(offer.selectors, offer.packet);
  const head: Payload[] = [];
  if (offer.child.mode === "transport") head.push(notify(notifyType.USE_TRANSPORT_MODE));
  if (offer.child.protocol === "esp") head.push(notify(notifyType.ESP_TFC_PADDING_NOT_SUPPORTED));
  if (offer.cpi !== undefined) head.push(compressionNotify(offer.cpi));
  return {
    head,
    sa: { kind: "SA", proposals: offerProposals(offer.policy, spiOctets(offer.spi)) },
    tail: [selectorPayload("TSi", tsi), selectorPayload("TSr", tsr)],
  };
}

/** Gives up: the SPI is released, the reason reported. */
export function failChild(sa: IkeSa, offer: ChildOffer, reason: Reason): void {
  releaseSpi(sa, offer.child.protocol, offer);
  if (!sa.isOver) sa.host.childFailed(sa, offer.child.name, reason);
}

/** What an answer without a Child SA means, or undefined where it has one. */
export function childRefusal(offer: ChildOffer, payloads: readonly Payload[], exchange: string): Reason | undefined {
  if (find(payloads, "SA") !== undefined) return undefined;
  const error = findError(payloads);
  if (error === undefined)
    return { code: "protocol-violation", exchange, fault: "the answer has neither SA nor error" };
  const { child, policy } = offer;
  switch (error.type) {
    case notifyType.NO_PROPOSAL_CHOSEN:
      return { code: "peer-refused-proposal", protocol: child.protocol, sent: formatOffer(policy) };
    case notifyType.TS_UNACCEPTABLE:
      return { code: "peer-refused-selectors", sent: [formatSelectorOffer(offer.selectors)] };
    default:
      return { code: "peer-error", exchange, notify: nameOf.notify(error.type) };
  }
}

/** The suite and the peer's SPI of an answer, checked against what was sent. */
export function acceptAnswer(
  offer: ChildOffer,
  payloads: readonly Payload[],
): { readonly suite: ChildSuite; readonly spiOut: number } | { readonly reason: Reason } {
  const sent = offerProposals(offer.policy, spiOctets(offer.spi));
  const answer = verifyAnswer(offer.policy.protocol, sent, find(payloads, "SA")?.proposals ?? []);
  if (!answer.ok) return { reason: answer.reason };
  const spiOut = spiNumber(answer.peerSpi);
  if (spiOut === undefined || spiOut < 256) {
    return {
      reason: { code: "protocol-violation", exchange: "Child SA", fault: `SPI ${spiOut ?? "missing"} is reserved` },
    };
  }
  return { suite: answer.suite, spiOut };
}

/** Checks mode and selectors of an answer, derives the keys and installs; what the peer has by then is deleted on a failure. `then` gets what stands. */
export function completeChild(
  sa: IkeSa,
  offer: ChildOffer,
  accepted: { readonly suite: ChildSuite; readonly spiOut: number },
  payloads: readonly Payload[],
  keying: {
    readonly ni: Uint8Array;
    readonly nr: Uint8Array;
    readonly shared?: Uint8Array;
    readonly outbound: "now" | "never";
  },
  then: (child: ChildSa | undefined) => void,
): void {
  const { child } = offer;
  const refuse = (reason: Reason): void => {
    failChild(sa, offer, reason);
    then(undefined);
    if (!sa.isOver) sa.request(deleteChild(child.protocol, offer.spi));
  };
  const theirs = findNotify(payloads, notifyType.USE_TRANSPORT_MODE) === undefined ? "tunnel" : "transport";
  if (theirs !== child.mode) return refuse({ code: "mode-mismatch", child: child.name, ours: child.mode, theirs });
  const tsi = find(payloads, "TSi")?.selectors ?? [];
  const tsr = find(payloads, "TSr")?.selectors ?? [];
  const agreed = verifySelectors(offer.selectors, asSeenHere(sa, child, { tsi, tsr }));
  if (!agreed.ok) return refuse(agreed.reason);
  const overlap = sa.peer === undefined ? undefined : sa.host.overlap(sa.peer, child, agreed.selectors);
  const obstacle = overlap ?? sa.host.ambiguity(sa, child, agreed.selectors);
  if (obstacle !== undefined) return refuse(obstacle);
  const { suite, spiOut } = accepted;
  const cpiOut = peerCpi(payloads);
  if (cpiOut !== undefined && offer.cpi === undefined)
    return refuse({
      code: "protocol-violation",
      exchange: "Child SA",
      fault: "compression was answered, not asked for",
    });
  const record: ChildSa = {
    desired: child,
    reqid: offer.reqid,
    spiIn: offer.spi,
    spiOut,
    local: sa.path.local.address,
    remote: sa.path.remote.address,
    // Where the peer does not compress, our CPI's reservation runs out by itself.
    compression: cpiOut === undefined || offer.cpi === undefined ? undefined : { cpiIn: offer.cpi, cpiOut },
    mode: child.mode,
    suite,
    selectors: agreed.selectors,
    encapsulation: encapsulationOf(sa),
    keepalive: kernelKeepalive(sa),
    role: "initiator",
    lowestNonce: lowestNonce(keying.ni, keying.nr),
    soft: softLimits(child, suite, "initiator", (length) => sa.host.random(length)),
    since: sa.host.now(),
  };
  const ike = sa.keying;
  if (ike === undefined) return refuse({ code: "protocol-violation", exchange: "Child SA", fault: "no keys" });
  const keys = deriveChildKeys(ike.suite.prf, ike.skD, suite, keying.ni, keying.nr, keying.shared);
  const { outbound } = keying;
  install(sa, record, { own: keys.initiator, peer: keys.responder, outbound }, (reason) => {
    if (reason === undefined) {
      sa.children.add(record, outbound);
      return then(record);
    }
    sa.host.childFailed(sa, child.name, reason);
    then(undefined);
    sa.request(deleteChild(child.protocol, offer.spi));
  });
}
