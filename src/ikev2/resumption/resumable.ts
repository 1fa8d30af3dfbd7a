/** What a caller keeps of an IKE SA that was lost, to resume it from (RFC 5723 4.2). In memory alone. */
import type { KeyedPrf } from "../../crypto/prf.ts";
import type { Identity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { IkeSuite } from "../../negotiate/suite.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { authenticates } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "../ike-sa.ts";
import { findNotify, notify } from "../payloads.ts";
import type { Handshake } from "../state.ts";
import { credentialsOf } from "./credentials.ts";
import { ticketLife } from "./tickets.ts";

/** A ticket as the caller holds it. */
export interface HeldTicket {
  readonly octets: Uint8Array;
  /** In ms of the engine's clock. */
  readonly expiresAt: number;
}

/** An IKE SA that is gone, and may be resumed once. */
export interface Resumable extends HeldTicket {
  readonly peer: PeerDesired;
  readonly remoteId: Identity;
  readonly suite: IkeSuite;
  /** Of the IKE SA that is gone; destroyed by whoever gives this up. */
  readonly skD: KeyedPrf;
}

/** Octets of a ticket that are kept, and sent in clear, where there are no fragments (RFC 7383 2.2). */
const longestTicket = 1_024;

/** A caller's wish for a ticket; a proof that has to be repeated is not to be got round by one. */
export function ticketRequest(peer: PeerDesired): Payload[] {
  return mayResume(peer) ? [notify(notifyType.TICKET_REQUEST)] : [];
}

/** The answer to that wish: a ticket, or that there is none. */
export function ticketAnswer(
  sa: IkeSa,
  peer: PeerDesired,
  handshake: Handshake,
  request: readonly Payload[],
  proved: Identity,
): Payload[] {
  if (findNotify(request, notifyType.TICKET_REQUEST) === undefined) return [];
  const { keying, host } = sa;
  const { skD } = handshake;
  if (keying === undefined || skD === undefined || !mayResume(peer)) return [notify(notifyType.TICKET_NACK)];
  const ticket = host.tickets.seal(
    {
      peer: peer.name,
      fingerprint: credentialsOf(peer),
      suite: keying.suite,
      skD,
      idType: proved.idType,
      id: proved.octets,
    },
    host.now(),
  );
  const lifetime = Buffer.alloc(4);
  lifetime.writeUInt32BE(ticketLife / 1000);
  return [notify(notifyType.TICKET_LT_OPAQUE, Buffer.concat([lifetime, ticket]))];
}

/** Keeps the ticket of a responder's last IKE_AUTH message. */
export function takeTicket(sa: IkeSa, peer: PeerDesired, payloads: readonly Payload[]): void {
  const data = findNotify(payloads, notifyType.TICKET_LT_OPAQUE)?.data;
  if (data === undefined || sa.role !== "initiator" || !mayResume(peer)) return;
  if (data.length <= 4 || data.length > 4 + longestTicket) return;
  const seconds = Buffer.from(data.buffer, data.byteOffset, 4).readUInt32BE();
  const expiresAt = sa.host.now() + Math.min(seconds * 1000, 24 * ticketLife);
  sa.ticket = { octets: Uint8Array.from(data.subarray(4)), expiresAt };
}

/**
 * What is left of an IKE SA that is about to go, because the peer could not be reached; with any other end its ticket is void
 * (RFC 5723 6.2). A ticket that was presented, and not answered, has not served (RFC 5723 4.3.1).
 */
export function resumableOf(sa: IkeSa, reason: Reason): Resumable | undefined {
  const unreachable = reason.code === "no-answer" || reason.code === "send-failed";
  if (sa.state.kind === "ExpectResumeResponse") {
    const { from } = sa.state.offer;
    if (unreachable) return from;
    from.skD.destroy();
    return undefined;
  }
  const { ticket, peer, remoteId, keying } = sa;
  if (ticket === undefined || !unreachable || sa.state.kind !== "Established") return undefined;
  if (peer === undefined || remoteId === undefined || keying === undefined) return undefined;
  return { ...ticket, peer, remoteId, suite: keying.suite, skD: keying.skD };
}

export function mayResume(peer: PeerDesired): boolean {
  return peer.resumption && peer.reauth === 0 && authenticates(peer);
}
