/** What IKE_SA_INIT and IKE_SESSION_RESUME have in common at the responder: what both ends announce in clear. */
import type { PeerDesired } from "../../sa/desired.ts";
import type { NatFinding } from "../../sa/nat.ts";
import type { Path } from "../../sa/path.ts";
import type { Message } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { firstFragmentSize } from "../fragments.ts";
import type { IkeSa } from "../ike-sa.ts";
import { lowestNonce, type TicketKeying } from "../keying.ts";
import { findNat, natDetectionPayloads } from "../nat-detection.ts";
import { findNotify, notify } from "../payloads.ts";
import { mayBeRedirected } from "../redirect.ts";
import type { Handshake } from "../state.ts";

/** An initiator's first message, as far as it does not matter which of the two it is. */
export interface FirstRequest {
  readonly message: Message;
  readonly path: Path;
  readonly octets: Uint8Array;
  readonly ni: Uint8Array;
  readonly nat: NatFinding;
  /** UDP is forced, by claiming a NAT. */
  readonly forced: boolean;
  readonly fragments: boolean;
  readonly redirectable: boolean;
  readonly childless: boolean;
}

/** Reads it, and copies what has to outlive the datagram; `peers` are those who may have sent it, the likeliest first. */
export function readFirst(
  message: Message,
  octets: Uint8Array,
  nonce: Uint8Array,
  path: Path,
  peers: readonly PeerDesired[],
): FirstRequest {
  const { header, payloads } = message;
  // Which peer it is may show only in IKE_AUTH: until then the most likely one counts.
  const forced = peers[0]?.nat.force === true;
  return {
    message,
    path,
    octets: Uint8Array.from(octets),
    ni: Uint8Array.from(nonce),
    nat: findNat(payloads, header.initiatorSpi, header.responderSpi, path, forced),
    forced,
    fragments: findNotify(payloads, notifyType.IKEV2_FRAGMENTATION_SUPPORTED) !== undefined,
    redirectable: mayBeRedirected(payloads),
    // RFC 6023 3: what is announced must be taken, whichever peer it is.
    childless: peers.every((peer) => peer.childless !== "never"),
  };
}

/** Answers it with `own` and what is announced beside that; IKE_AUTH is expected from now on. */
export function answerFirst(
  sa: IkeSa,
  first: FirstRequest,
  { keying, skPi, skPr, skD }: TicketKeying,
  own: readonly Payload[],
  more: Pick<Handshake, "nr" | "multipleAuth" | "wishes" | "resumed">,
): void {
  const { message, path, octets, ni, nat, forced, fragments, redirectable, childless } = first;
  const { initiatorSpi } = message.header;
  sa.keying = keying;
  sa.lowestNonce = lowestNonce(ni, more.nr);
  sa.nat = nat;
  if (fragments) sa.fragmentSize = firstFragmentSize;
  const response = sa.respondClear(message.header, octets, path, [
    ...own,
    ...natDetectionPayloads(initiatorSpi, sa.localSpi, path, forced),
    ...(childless ? [notify(notifyType.CHILDLESS_IKEV2_SUPPORTED)] : []),
    ...(more.multipleAuth ? [notify(notifyType.MULTIPLE_AUTH_SUPPORTED)] : []),
    ...(fragments ? [notify(notifyType.IKEV2_FRAGMENTATION_SUPPORTED)] : []),
  ]);
  const handshake = { ...more, ni, request: octets, response, skPi, skPr, skD, nat, childless, redirectable };
  sa.state = { kind: "ExpectAuthRequest", handshake };
}
