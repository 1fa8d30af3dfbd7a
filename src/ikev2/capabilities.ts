/** What each end says in IKE_AUTH that it can do, beside its proof and the Child SA: one list for both roles. */
import type { PeerDesired } from "../sa/desired.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { IkeSa } from "./ike-sa.ts";
import { saysSyncSupported, syncSupported } from "./message-id-sync.ts";
import { takeWindow, windowPayloads } from "./window.ts";

/** Of the initiator, in the first request. */
export function offeredCapabilities(peer: PeerDesired): Payload[] {
  return [...windowPayloads(peer.messages.window), syncSupported()];
}

/** Of the responder, in the last response; `request` is the initiator's first. */
export function answeredCapabilities(peer: PeerDesired, request: readonly Payload[]): Payload[] {
  return [...windowPayloads(peer.messages.window), ...(saysSyncSupported(request) ? [syncSupported()] : [])];
}

/** Takes what the peer says, once it has proved who it is. */
export function takeCapabilities(sa: IkeSa, peer: PeerDesired, payloads: readonly Payload[]): void {
  takeWindow(sa, payloads);
  sa.widen("theirs", peer.messages.window);
  sa.syncsMessageIds = saysSyncSupported(payloads);
}

/** An IKE SA that rekeys another goes on with what its two ends can do (RFC 7296 2.18); windows begin anew. */
export function inheritCapabilities(sa: IkeSa, replaced: IkeSa): void {
  sa.fragmentSize = replaced.fragmentSize;
  sa.syncsMessageIds = replaced.syncsMessageIds;
}
