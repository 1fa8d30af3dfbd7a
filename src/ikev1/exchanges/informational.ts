/** Informational exchanges (RFC 2409 5.7): deletion and notifies, each under HASH(1); what comes in clear changes nothing. */
import { hash1 } from "../../crypto/ikev1-keys.ts";
import { constantTimeEqual } from "../../crypto/secret.ts";
import type { SaProtocol } from "../../kernel/port.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { protocolOf } from "../../sa/child-sa.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import type { Protected } from "../../wire/ikev1/message.ts";
import type { DPayload } from "../../wire/ikev1/payloads/delete.ts";
import type { NPayload } from "../../wire/ikev1/payloads/notification.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { doi, exchangeType, protocolId } from "../../wire/ikev1/registry/message.ts";
import { nameOf } from "../../wire/ikev1/registry/names.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { softTerms } from "../child-terms.ts";
import type { Exchange } from "../exchange.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import {
  all,
  cookieOctets,
  findError,
  isakmpNotify,
  protocolNumber,
  saProtocol,
  spiNumber,
  spiOctets,
} from "../payloads.ts";
import { lifetimesOf } from "../responder-lifetime.ts";
import { isSetup } from "../state.ts";
import { offeredSuites } from "./main-mode-initiator.ts";
import { ownProof } from "./proof.ts";
import { QuickModeInitiator } from "./quick-mode-initiator.ts";

/** What the peer says, in one message that nobody answers. */
export class Informational implements Exchange {
  readonly exchangeType: number = exchangeType.INFORMATIONAL;
  messageId: number;

  constructor(messageId: number) {
    this.messageId = messageId;
  }

  isAuthentic(sa: IkeV1Sa, message: Protected): boolean {
    return isHash1(sa, this.messageId, message);
  }

  handle(sa: IkeV1Sa, { payloads }: Protected): void {
    sa.exchanges.done(this);
    for (const payload of all(payloads, "N")) takeNotify(sa, payload);
    for (const payload of all(payloads, "D")) {
      if (sa.isOver) return;
      takeDeletion(sa, payload);
    }
  }

  timedOut(): void {}

  abandon(): void {}
}

/** Whether the first payload is HASH(1) over the others. */
export function isHash1(sa: IkeV1Sa, messageId: number, { payloads, afterFirst }: Protected): boolean {
  const [first] = payloads;
  if (first?.isakmp !== "HASH" || sa.keying === undefined) return false;
  return constantTimeEqual(first.data, hash1(sa.keying.skeyidA, messageId, afterFirst));
}

/** Tells the peer why, under HASH(1). */
export function sayError(sa: IkeV1Sa, type: number): void {
  sa.exchanges.inform([isakmpNotify(type, cookiesOf(sa))]);
}

/** Tells the peer why a quick mode of its own came to nothing; the SPI is the one that it proposed (RFC 2408 3.14). */
export function sayQuickModeError(
  sa: IkeV1Sa,
  quickMode: Exchange,
  proposed: { readonly protocol: SaProtocol; readonly spi: Uint8Array },
  type: number,
): void {
  const { protocol, spi } = proposed;
  const data = new Uint8Array(0);
  const why = { isakmp: "N", doi: doi.IPSEC, protocolId: protocolNumber(protocol), spi, type, data } as const;
  sa.exchanges.inform([why], quickMode);
}

/** Our SPIs of a pair. */
interface Deleted {
  readonly protocol: SaProtocol;
  readonly spi: number;
  readonly ahSpi?: number | undefined;
}

/**
 * DELETE of one IPsec SA pair, by the SPIs that its sender receives with (RFC 2408 5.15): a message for each protocol, since
 * not everybody reads a second payload. A CPI goes with what is around it.
 */
export function sayDeletion(sa: IkeV1Sa, { protocol, spi, ahSpi }: Deleted): void {
  if (ahSpi !== undefined) sa.exchanges.inform([deletion(protocolNumber("ah"), [spiOctets(ahSpi)])]);
  sa.exchanges.inform([deletion(protocolNumber(protocol), [spiOctets(spi)])]);
}

/** DELETE of the ISAKMP SA alone. */
export function sayIsakmpDeletion(sa: IkeV1Sa): void {
  sa.exchanges.inform([deletion(protocolId.ISAKMP, [cookiesOf(sa)])]);
}

/** Deletes all there is: first the IPsec SAs, while they can still be named. */
export function sayFarewell(sa: IkeV1Sa): void {
  for (const protocol of ["esp", "ah"] as const) {
    const spis = [...sa.children.values()].flatMap((child) => {
      const spi = protocolOf(child) === protocol ? child.spiIn : protocol === "ah" ? child.ah?.spiIn : undefined;
      return spi === undefined ? [] : [spiOctets(spi)];
    });
    for (let at = 0; at < spis.length; at += spisAtOnce)
      sa.exchanges.inform([deletion(protocolNumber(protocol), spis.slice(at, at + spisAtOnce))]);
  }
  sayIsakmpDeletion(sa);
}

/** Both cookies, as a notify or DELETE names the ISAKMP SA. */
export function cookiesOf(sa: IkeV1Sa): Buffer {
  return Buffer.concat([cookieOctets(sa.initiatorSpi), cookieOctets(sa.responderSpi)]);
}

/** Anybody can say it: it may explain why nothing comes, and ends nothing. */
export function takeClearNotify(sa: IkeV1Sa, payloads: readonly Payload[]): void {
  if (sa.state.kind === "Established" || sa.state.kind === "Replaced" || isSetup(sa.state)) return;
  const error = findError(payloads);
  if (error === undefined || sa.role !== "initiator") return;
  const reason = phase1Refusal(sa, error.type);
  if (sa.state.kind === "ExpectIdentityAnswer") sa.heard(reason, nameOf.notify(error.type));
  else sa.note(reason);
}

/**
 * An answer to our proof that is none: it is under the keys that both ends have by then, but whose they are is not proved, so
 * that it ends nothing either.
 */
export function takeRefusal(sa: IkeV1Sa, header: Header, ciphertext: Uint8Array): void {
  const { state, peer } = sa;
  if (state.kind !== "ExpectIdentityAnswer" || peer === undefined) return;
  if (header.exchangeType !== exchangeType.INFORMATIONAL) return;
  const message = sa.exchanges.openAlone(header, ciphertext);
  if (message === undefined || !isHash1(sa, header.messageId, message)) return;
  const error = findError(message.payloads);
  if (error === undefined) return;
  const isProof = error.type === notifyType.AUTHENTICATION_FAILED;
  const refused = { code: "peer-refused-authentication", ...ownProof(peer, state.handshake) } as const;
  sa.note(isProof ? refused : phase1Refusal(sa, error.type));
}

function takeNotify(sa: IkeV1Sa, notify: NPayload): void {
  switch (notify.type) {
    case notifyType.R_U_THERE:
      return sa.deadPeers.asked(notify);
    case notifyType.R_U_THERE_ACK:
      sa.deadPeers.answered(notify);
      return;
    case notifyType.INITIAL_CONTACT:
      return isSetup(sa.state) ? sa.setup.initialContact() : sa.succession.initialContact();
    case notifyType.RESPONDER_LIFETIME:
      return takeLifetime(sa, notify);
    default:
      if (notify.type < notifyType.CONNECTED) takeError(sa, notify);
  }
}

/** RFC 2407 4.6.3.1: who answered keeps the ISAKMP SA, or the pair that it names, for no longer. */
function takeLifetime(sa: IkeV1Sa, notify: NPayload): void {
  const said = lifetimesOf(notify);
  if (said === undefined) return;
  if (notify.protocolId === protocolId.ISAKMP)
    return sa.role === "initiator" ? sa.succession.shorten(said.seconds) : undefined;
  const protocol = saProtocol(notify.protocolId);
  const spi = spiNumber(notify.spi);
  if (protocol === undefined || spi === undefined) return;
  const { children } = sa.holder;
  const child = children.named(protocol, spi);
  if (child?.role !== "initiator" || child.soft === undefined) return;
  children.limit(child, softTerms(child.soft, said));
}

/** The one of our quick modes that is meant: that whose SPI is named, else the only one. */
function takeError(sa: IkeV1Sa, notify: NPayload): void {
  // Those that are answered wait only for their last message to be asked for again.
  const own = [...sa.exchanges.own(exchangeType.QUICK_MODE)]
    .filter((one) => one instanceof QuickModeInitiator)
    .filter((one) => one.isWaiting);
  const spi = spiNumber(notify.spi);
  const named = own.find((one) => spi !== undefined && one.proposes(spi));
  const meant = named ?? (own.length === 1 ? own[0] : undefined);
  if (meant !== undefined) return meant.refused(sa, notify.type);
  sa.host.noted(sa, { code: "peer-error", exchange: "INFORMATIONAL", notify: nameOf.notify(notify.type) });
}

function takeDeletion(sa: IkeV1Sa, { protocolId: number, spis }: DPayload): void {
  if (number === protocolId.ISAKMP) {
    if (!spis.some((spi) => Buffer.compare(spi, cookiesOf(sa)) === 0)) return;
    if (!sa.succession.bequeath()) sa.succession.giveBack();
    return sa.end({ code: "peer-deleted", what: "IKE SA" });
  }
  const protocol = saProtocol(number);
  if (protocol === undefined) return;
  // The peer may have it under another ISAKMP SA than we do, where several stand.
  const { holder } = sa;
  const holders = [holder, ...holder.succession.twins];
  for (const octets of spis) {
    const spi = spiNumber(octets);
    if (spi === undefined) continue;
    for (const { children } of holders) {
      const child = children.named(protocol, spi);
      if (child !== undefined) children.remove(child, { code: "peer-deleted", what: "Child SA" });
    }
  }
}

function phase1Refusal(sa: IkeV1Sa, type: number): Reason {
  const exchange = sa.mode === "main" ? "main mode" : "aggressive mode";
  if (type === notifyType.NO_PROPOSAL_CHOSEN && sa.peer !== undefined)
    return { code: "peer-refused-proposal", protocol: "ike", sent: offeredSuites(sa.peer) };
  return { code: "peer-error", exchange, notify: nameOf.notify(type) };
}

function deletion(number: number, spis: readonly Uint8Array[]): Payload {
  return { isakmp: "D", doi: doi.IPSEC, protocolId: number, spiSize: spis[0]?.length ?? 0, spis };
}

/** SPIs in one DELETE payload: it must fit in one datagram that nobody fragments. */
const spisAtOnce = 64;
