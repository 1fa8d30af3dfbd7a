/** What each end says in IKE_AUTH that it can do, beside its proof and the Child SA: one list for both roles. */
import type { PeerDesired } from "../sa/desired.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { takeCrashToken } from "./crash-token.ts";
import type { IkeSa } from "./ike-sa.ts";
import { saysSyncSupported, syncSupported } from "./message-id-sync.ts";
import { takeTicket, ticketAnswer, ticketRequest } from "./resumption/resumable.ts";
import type { AuthAttempt, Handshake } from "./state.ts";
import type { Task } from "./task.ts";
import { takeWindow, windowPayloads } from "./window.ts";

/** Of the initiator, in the first request. */
export function offeredCapabilities(sa: IkeSa, peer: PeerDesired): Payload[] {
  return [...crashToken(sa), ...windowPayloads(peer.messages.window), syncSupported(), ...ticketRequest(peer)];
}

/** Of the responder, in the last response. */
export function answeredCapabilities(sa: IkeSa, attempt: AuthAttempt, handshake: Handshake): Payload[] {
  const { peer, request, rounds } = attempt;
  const sync = saysSyncSupported(request) ? [syncSupported()] : [];
  const ticket = ticketAnswer(sa, peer, handshake, request, rounds.remoteId);
  return [...crashToken(sa), ...windowPayloads(peer.messages.window), ...sync, ...ticket];
}

/** Takes what the peer says, once it has proved who it is. */
export function takeCapabilities(sa: IkeSa, peer: PeerDesired, payloads: readonly Payload[]): void {
  takeWindow(sa, payloads);
  sa.widen("theirs", peer.messages.window);
  sa.syncsMessageIds = saysSyncSupported(payloads);
  takeCrashToken(sa, payloads);
  takeTicket(sa, peer, payloads);
}

/** An IKE SA that rekeys another goes on with what its two ends can do (RFC 7296 2.18). */
export function inheritCapabilities(sa: IkeSa, replaced: IkeSa): void {
  sa.fragmentSize = replaced.fragmentSize;
  sa.syncsMessageIds = replaced.syncsMessageIds;
}

/** The window, and what belongs to the SPIs, is said anew, to a peer that has said its own before (RFC 6290 4.3). */
export function renewCapabilities(sa: IkeSa, replaced: IkeSa): void {
  if (replaced.crashDigest !== undefined || replaced.peerWindow > 1) sa.request(announcement);
}

/** Takes what an INFORMATIONAL request says anew. */
export function takeAnnouncement(sa: IkeSa, payloads: readonly Payload[]): void {
  takeCrashToken(sa, payloads);
  takeWindow(sa, payloads);
}

const announcement: Task = {
  exchangeType: exchangeType.INFORMATIONAL,
  begin(sa) {
    const window = sa.peer?.messages.window ?? 1;
    sa.sendRequest(announcement, [...crashToken(sa), ...windowPayloads(window)]);
    // Whoever has the request may act on it before we have the response.
    sa.widen("theirs", window);
  },
  handleResponse: takeAnnouncement,
};

function crashToken(sa: IkeSa): Payload[] {
  const { crashTokens } = sa.host;
  return crashTokens === undefined ? [] : [crashTokens.payload(sa.initiatorSpi, sa.responderSpi, sa.role)];
}
