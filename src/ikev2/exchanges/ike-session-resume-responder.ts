/** IKE_SESSION_RESUME as responder (RFC 5723 4.3.2). A ticket that is not ours, or void, has cost no state. */
import { wipe } from "../../crypto/secret.ts";
import { identityFromWire } from "../../negotiate/identity.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Path } from "../../sa/path.ts";
import { type Message, unsupportedCritical } from "../../wire/ikev2/message.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { halfOpenTime, nonceLength } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeSa } from "../ike-sa.ts";
import { deriveResumedKeying } from "../keying.ts";
import { find, findNotify, notify } from "../payloads.ts";
import { credentialsOf } from "../resumption/credentials.ts";
import { mayResume } from "../resumption/resumable.ts";
import { answerFirst, readFirst } from "./first-response.ts";
import { type InitVerdict, statelessAnswer } from "./ike-sa-init-responder.ts";

/** Answers `message`, whose octets were `octets`, where one of `peers` may be the sender. */
export function answerResume(
  host: Host,
  peers: readonly PeerDesired[],
  message: Message,
  octets: Uint8Array,
  path: Path,
  allocateSpi: () => bigint,
): InitVerdict {
  const { header, payloads } = message;
  const nonce = find(payloads, "Nonce");
  const ticket = findNotify(payloads, notifyType.TICKET_OPAQUE)?.data;
  if (nonce === undefined || ticket === undefined || unsupportedCritical(payloads) !== undefined)
    return { kind: "dropped", why: "Nonce or ticket is missing, or something critical is unknown" };
  const content = host.tickets.open(ticket, host.now());
  const peer = peers.find(({ name }) => name === content?.peer);
  const holds =
    content !== undefined &&
    peer !== undefined &&
    mayResume(peer) &&
    Buffer.compare(content.fingerprint, credentialsOf(peer)) === 0;
  if (!holds) return { kind: "turned", answer: statelessAnswer(message, notify(notifyType.TICKET_NACK)) };
  const { initiatorSpi } = header;
  const localSpi = allocateSpi();
  const state = { kind: "ExpectInitKeys" } as const;
  const sa = new IkeSa({ role: "responder", host, localSpi, remoteSpi: initiatorSpi, path, state });
  host.opened(sa);
  host.arm(sa, "half-open", host.now() + halfOpenTime);
  const first = readFirst(message, octets, nonce.data, path, [peer]);
  const { ni } = first;
  const nr = host.random(nonceLength);
  const { suite } = content;
  const witness = host.keyWitness;
  const input = { role: "responder", suite, ni, nr, initiatorSpi, responderSpi: localSpi, witness } as const;
  const keys = deriveResumedKeying(input, content.skD);
  wipe(content.skD);
  const resumed = { peer, remoteId: identityFromWire(content.idType, content.id), ticket: Uint8Array.from(ticket) };
  answerFirst(sa, first, keys, [{ kind: "Nonce", data: nr }], { nr, multipleAuth: false, resumed });
  return { kind: "opened", sa };
}
