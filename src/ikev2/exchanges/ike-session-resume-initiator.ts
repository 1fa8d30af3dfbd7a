/** IKE_SESSION_RESUME as initiator (RFC 5723 4.3.2): a ticket and a nonce in the place of proposals and key exchange. */

import { wipe } from "../../crypto/secret.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { isEncapsulated } from "../../sa/nat.ts";
import { floated, type Path } from "../../sa/path.ts";
import type { Header } from "../../wire/ikev2/header.ts";
import { unsupportedCritical } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { nonceLength, restartLimit } from "../constants.ts";
import type { Host } from "../host.ts";
import { IkeSa } from "../ike-sa.ts";
import { deriveResumedKeying, lowestNonce } from "../keying.ts";
import { findNat, natDetectionPayloads } from "../nat-detection.ts";
import { find, findError, findNotify, notify } from "../payloads.ts";
import { readClear } from "../received-payloads.ts";
import type { Resumable } from "../resumption/resumable.ts";
import type { ResumeOffer } from "../state.ts";
import type { Task } from "../task.ts";
import { beginAuth } from "./ike-auth-initiator.ts";
import { beginInit, firstOffer } from "./ike-sa-init-initiator.ts";

/** Opens an IKE SA from what is left of an earlier one with the same peer. */
export function resume(host: Host, peer: PeerDesired, path: Path, localSpi: bigint, from: Resumable): IkeSa {
  const offer: ResumeOffer = { from, nonce: host.random(nonceLength), restarts: 0 };
  const state = { kind: "ExpectResumeResponse", offer, request: Buffer.alloc(0) } as const;
  const sa = new IkeSa({ role: "initiator", host, localSpi, remoteSpi: 0n, path, peer, state });
  host.opened(sa);
  send(sa, offer);
  return sa;
}

/** As IKE_SA_INIT's response, it is not authenticated: an error in it ends nothing. */
export function handleResumeResponse(sa: IkeSa, header: Header, octets: Uint8Array, path: Path): void {
  const { state } = sa;
  if (state.kind !== "ExpectResumeResponse") return;
  const { payloads } = readClear(sa.host, header, octets);
  const { offer } = state;
  const cookie = findNotify(payloads, notifyType.COOKIE);
  if (cookie !== undefined) return sendAgain(sa, offer, Uint8Array.from(cookie.data));
  // RFC 5723 4.3.2: the whole way, then. A forged refusal costs no more than that.
  if (findNotify(payloads, notifyType.TICKET_NACK) !== undefined) return beginAnew(sa, offer);
  const error = findError(payloads);
  if (error !== undefined)
    return sa.note({ code: "peer-error", exchange: "IKE_SESSION_RESUME", notify: nameOf.notify(error.type) });
  const nonce = find(payloads, "Nonce");
  if (header.responderSpi === 0n || nonce === undefined || unsupportedCritical(payloads) !== undefined) return;
  finish(sa, offer, state.request, header, payloads, Uint8Array.from(nonce.data), octets, path);
}

function finish(
  sa: IkeSa,
  { from, nonce: ni }: ResumeOffer,
  request: Uint8Array,
  header: Header,
  payloads: readonly Payload[],
  nr: Uint8Array,
  octets: Uint8Array,
  path: Path,
): void {
  const { peer } = sa;
  if (peer === undefined) return;
  const { initiatorSpi, responderSpi } = header;
  sa.settle();
  sa.remoteSpi = responderSpi;
  const nat = findNat(payloads, initiatorSpi, responderSpi, path, peer.nat.force);
  const { suite, skD, remoteId } = from;
  const {
    keying,
    skPi,
    skPr,
    skD: unused,
  } = deriveResumedKeying(
    { role: "initiator", suite, ni, nr, initiatorSpi, responderSpi, witness: sa.host.keyWitness },
    skD,
  );
  skD.destroy();
  wipe(unused);
  sa.keying = keying;
  sa.lowestNonce = lowestNonce(ni, nr);
  sa.nat = nat;
  const says = (type: number) => findNotify(payloads, type) !== undefined;
  if (says(notifyType.IKEV2_FRAGMENTATION_SUPPORTED)) sa.fragmentSize = peer.messages.fragmentSize;
  if (isEncapsulated(nat)) sa.path = floated(sa.path);
  beginAuth(sa, {
    ni,
    nr,
    request,
    response: Uint8Array.from(octets),
    skPi,
    skPr,
    nat,
    childless: says(notifyType.CHILDLESS_IKEV2_SUPPORTED),
    multipleAuth: false,
    redirectable: false,
    resumed: { peer, remoteId },
  });
}

function send(sa: IkeSa, offer: ResumeOffer): void {
  const payloads: Payload[] = [];
  if (offer.cookie !== undefined) payloads.push(notify(notifyType.COOKIE, offer.cookie));
  payloads.push(
    { kind: "Nonce", data: offer.nonce },
    notify(notifyType.TICKET_OPAQUE, offer.from.octets),
    ...natDetectionPayloads(sa.initiatorSpi, 0n, sa.path, sa.peer?.nat.force),
    notify(notifyType.IKEV2_FRAGMENTATION_SUPPORTED),
  );
  sa.state = { kind: "ExpectResumeResponse", offer, request: sa.sendClearRequest(resumeTask, payloads) };
}

/** After a few times the wish for a cookie is not believed any more; a repeat of what was heard is no wish. */
function sendAgain(sa: IkeSa, offer: ResumeOffer, cookie: Uint8Array): void {
  if (offer.cookie !== undefined && Buffer.compare(offer.cookie, cookie) === 0) return;
  if (offer.restarts >= restartLimit) return sa.note({ code: "too-many-restarts", restarts: offer.restarts });
  sa.settleForRestart();
  send(sa, { ...offer, cookie, restarts: offer.restarts + 1 });
}

function beginAnew(sa: IkeSa, { from }: ResumeOffer): void {
  if (sa.peer === undefined) return;
  from.skD.destroy();
  sa.settleForRestart();
  beginInit(sa, firstOffer(sa.host, sa.peer, undefined));
}

/** It is not queued: it is what the SA begins with. */
const resumeTask: Task = {
  exchangeType: exchangeType.IKE_SESSION_RESUME,
  begin: () => {},
  handleResponse: () => {},
};
