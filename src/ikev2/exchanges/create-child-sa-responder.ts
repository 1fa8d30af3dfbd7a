/** CREATE_CHILD_SA as responder (RFC 7296 1.3): what the peer asks for, unless something that is under way forbids it. */
import type { ChildSa } from "../../sa/child-sa.ts";
import { pairLimit } from "../../sa/constants.ts";
import type { ChildDesired, PeerDesired } from "../../sa/desired.ts";
import type { NotifyPayload } from "../../wire/ikev2/payloads/notification.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType, protocolId } from "../../wire/ikev2/registry/message.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { answerChild } from "../child-responder.ts";
import { nonceLength } from "../constants.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find, findNotify, notify, saProtocol, spiNumber } from "../payloads.ts";
import { endedBySyntax } from "../refuse-request.ts";
import { answerIkeRekey } from "./rekey-ike-sa-responder.ts";

const type = exchangeType.CREATE_CHILD_SA;

/** Answers the peer's wish for another Child SA, or for one in place of another. */
export function answerCreateChild(sa: IkeSa, payloads: readonly Payload[]): void {
  const { peer } = sa;
  // RFC 7296 2.25.2: we are closing the IKE SA, or the peer has replaced it.
  if (sa.state.kind !== "Established" || peer === undefined) return refuse(sa, notifyType.TEMPORARY_FAILURE);
  const offered = find(payloads, "SA");
  if (offered?.proposals.some((proposal) => proposal.protocolId === protocolId.IKE)) {
    return answerIkeRekey(sa, peer, payloads);
  }
  sa.succession.claim();
  // RFC 7296 2.25.2: we are replacing the IKE SA.
  if (sa.succession.holdsRequests) return refuse(sa, notifyType.TEMPORARY_FAILURE);
  const rekey = findNotify(payloads, notifyType.REKEY_SA);
  if (rekey === undefined) return answerNew(sa, peer, payloads, sa.host.childCandidates(peer), () => {});
  const old = rekeyed(sa, rekey);
  // It may be what the response to a request of ours names, which is still on its way.
  if (old === undefined && sa.children.exchanges.isBusy) return refuse(sa, notifyType.TEMPORARY_FAILURE);
  if (old === undefined) return sa.respond(type, [notFound(rekey)]);
  // RFC 7296 2.25.1: we are closing that Child SA.
  if (sa.children.state(old)?.kind === "Deleting") return refuse(sa, notifyType.TEMPORARY_FAILURE);
  answerNew(sa, peer, payloads, [old.desired], (child) => takesPlaceOf(sa, old, child));
}

function answerNew(
  sa: IkeSa,
  peer: PeerDesired,
  payloads: readonly Payload[],
  candidates: readonly ChildDesired[],
  then: (child: ChildSa) => void,
): void {
  const nonce = find(payloads, "Nonce");
  if (nonce === undefined) return refuse(sa, notifyType.INVALID_SYNTAX);
  const withRoom = candidates.filter((child) => sa.children.countOf(child) < pairLimit);
  if (withRoom.length === 0) return refuse(sa, notifyType.NO_ADDITIONAL_SAS);
  const ni = Uint8Array.from(nonce.data);
  const nr = sa.host.random(nonceLength);
  answerChild(sa, { peer, candidates: withRoom, payloads, ni, nr, withKe: true }, (answer) => {
    sa.respond(type, answer.payloads);
    if (endedBySyntax(sa, "ours", type, answer.payloads) || answer.child === undefined) return;
    then(answer.child);
    sa.children.add(answer.child);
  });
}

/**
 * The peer has a new pair for `old`, and deletes `old` once it has our answer. Where our own rekey of it is out, which of
 * the two new pairs stays is known when that is answered (RFC 7296 2.8.1); one that is not out yet is called off.
 */
function takesPlaceOf(sa: IkeSa, old: ChildSa, child: ChildSa): void {
  const state = sa.children.state(old);
  if (state?.kind === "Rekeying" && state.rekey.phase === "sent") state.rekey.crossed = child;
  else sa.children.replaced(old, child);
}

/** RFC 7296 1.3.3: the SPI is the one that the peer expects in what it receives. */
function rekeyed(sa: IkeSa, rekey: NotifyPayload): ChildSa | undefined {
  const protocol = saProtocol(rekey.protocolId);
  const spi = spiNumber(rekey.spi);
  return protocol === undefined || spi === undefined ? undefined : sa.children.named(protocol, spi);
}

function notFound({ protocolId: protocol, spi }: NotifyPayload): Payload {
  return { kind: "N", protocolId: protocol, spi, type: notifyType.CHILD_SA_NOT_FOUND, data: new Uint8Array(0) };
}

function refuse(sa: IkeSa, error: number): void {
  const payloads = [notify(error)];
  sa.respond(type, payloads);
  endedBySyntax(sa, "ours", type, payloads);
}
