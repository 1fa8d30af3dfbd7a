/**
 * A cluster at the other end of which another member has taken over asks for the two message-ID counters to be brought
 * together (RFC 6311). We are the peer of such a cluster; ourselves we never take over an IKE SA, for none is stored.
 */
import type { Path } from "../sa/path.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType, payloadType } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { heardOver } from "./address-update.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { MessageCoder } from "./message-coder.ts";
import type { OwnRequests } from "./own-requests.ts";
import { findNotify, notify } from "./payloads.ts";
import type { PeerRequests } from "./peer-requests.ts";

/** Nonce, and the two message IDs (RFC 6311 6.3). */
const dataLength = 12;

/** Message IDs beyond this are not taken from the peer: they must never run out (RFC 7296 2.2). */
const highestTaken = 0x7fff_ffff;

/** Our word, in IKE_AUTH, that we answer such requests. */
export function syncSupported(): Payload {
  return notify(notifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED);
}

/** Whether the peer gave its word; the responder gives it only where the initiator did (RFC 6311 5). */
export function saysSyncSupported(payloads: readonly Payload[]): boolean {
  return findNotify(payloads, notifyType.IKEV2_MESSAGE_ID_SYNC_SUPPORTED) !== undefined;
}

/** Whether a request may be one: it has the message ID 0 whatever the counters are, and comes whole (RFC 7383 3). */
export function maySync(sa: IkeSa, header: Header): boolean {
  return (
    sa.syncsMessageIds &&
    sa.state.kind === "Established" &&
    header.messageId === 0 &&
    header.exchangeType === exchangeType.INFORMATIONAL
  );
}

/** What both ends go on with: the message IDs of the next requests. */
interface Counters {
  readonly ours: number;
  readonly theirs: number;
}

/** What keeps the message IDs of an IKE SA. */
interface Counted {
  readonly coder: MessageCoder;
  readonly own: OwnRequests;
  readonly theirs: PeerRequests;
}

/** Whether it is a synchronization, taken or not. */
export function receiveSync(sa: IkeSa, counted: Counted, header: Header, octets: Uint8Array, path: Path): boolean {
  const { coder, own, theirs } = counted;
  const opened = octets[16] === payloadType.SK ? coder.open(header, octets) : undefined;
  if (opened === undefined || "fault" in opened) return false;
  const verdict = judgeSync(opened.payloads, own.nextMessageId, theirs.highest);
  if (verdict.kind !== "agreed") return verdict.kind === "dropped";
  heardOver(sa, path);
  theirs.synchronize(verdict.counters.theirs);
  sa.host.send(coder.seal(header.exchangeType, 0, verdict.answer, flag.response), path);
  own.renumber(verdict.counters.ours);
  return true;
}

/** What an authentic request comes to. */
type SyncVerdict =
  | { readonly kind: "no-sync" }
  | { readonly kind: "dropped" }
  | { readonly kind: "agreed"; readonly counters: Counters; readonly answer: readonly Payload[] };

/**
 * The rules of RFC 6311 5.1. `next`: the message ID that our next request would have; `highest`: the highest that was
 * seen from the cluster, earlier synchronizations included, so that a replay changes nothing.
 */
function judgeSync(payloads: readonly Payload[], next: number, highest: number): SyncVerdict {
  const data = findNotify(payloads, notifyType.IKEV2_MESSAGE_ID_SYNC)?.data;
  if (data === undefined) return { kind: "no-sync" };
  // RFC 6311 5.1: nothing else in it; the replay counters we have not offered to change.
  if (payloads.length > 1 || data.length !== dataLength) return { kind: "dropped" };
  const request = Buffer.from(data.buffer, data.byteOffset, dataLength);
  const theirs = request.readUInt32BE(4);
  const expected = request.readUInt32BE(8);
  if (theirs <= highest || theirs > highestTaken || expected > highestTaken) return { kind: "dropped" };
  const ours = Math.max(expected, next);
  const answer = Buffer.from(request);
  answer.writeUInt32BE(ours, 4);
  answer.writeUInt32BE(theirs, 8);
  return {
    kind: "agreed",
    counters: { ours, theirs },
    answer: [notify(notifyType.IKEV2_MESSAGE_ID_SYNC, answer)],
  };
}
