/** CREATE_CHILD_SA (RFC 7296 1.3): further Child SAs, with and without a key exchange of their own. */
import type { KePair } from "../../crypto/key-exchange.ts";
import type { KeTransform } from "../../crypto/transforms/ke.ts";
import { findTransform } from "../../crypto/transforms.ts";
import type { ComputeResult } from "../../sa/compute.ts";
import type { ChildDesired } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType, protocolId } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import {
  acceptAnswer,
  type ChildOffer,
  childOfferPayloads,
  childRefusal,
  completeChild,
  failChild,
  prepareChild,
} from "../child-initiator.ts";
import { releaseSpi } from "../child-install.ts";
import { answerChild } from "../child-responder.ts";
import { nonceLength, pairLimit, restartLimit } from "../constants.ts";
import type { IkeSa } from "../ike-sa.ts";
import { find, findNotify, notify, spiNumber } from "../payloads.ts";
import type { Task } from "../task.ts";
import { deleteChild } from "./informational.ts";

const type = exchangeType.CREATE_CHILD_SA;

/** Answers the peer's wish for another Child SA. */
export function answerCreateChild(sa: IkeSa, payloads: readonly Payload[]): void {
  const { peer } = sa;
  const ni = find(payloads, "Nonce");
  // RFC 7296 2.25: we are closing the IKE SA.
  if (sa.state.kind !== "Established" || peer === undefined) {
    return sa.respond(type, [notify(notifyType.TEMPORARY_FAILURE)]);
  }
  const offered = find(payloads, "SA");
  if (offered?.proposals.some((proposal) => proposal.protocolId === protocolId.IKE)) {
    return sa.respond(type, [notify(notifyType.NO_ADDITIONAL_SAS)]);
  }
  if (ni === undefined) return sa.respond(type, [notify(notifyType.INVALID_SYNTAX)]);
  const candidates = rekeyed(sa, payloads) ?? sa.host.childCandidates(peer);
  if (candidates.length === 0) {
    const { protocolId: protocol, spi } = findNotify(payloads, notifyType.REKEY_SA) ?? {
      protocolId: 0,
      spi: new Uint8Array(0),
    };
    return sa.respond(type, [
      { kind: "N", protocolId: protocol, spi, type: notifyType.CHILD_SA_NOT_FOUND, data: new Uint8Array(0) },
    ]);
  }
  const withRoom = candidates.filter((child) => pairsOf(sa, child) < pairLimit);
  if (withRoom.length === 0) return sa.respond(type, [notify(notifyType.NO_ADDITIONAL_SAS)]);
  const nr = sa.host.random(nonceLength);
  answerChild(
    sa,
    { peer, candidates: withRoom, payloads, ni: Uint8Array.from(ni.data), nr, withKe: true },
    (answer) => {
      sa.respond(type, answer.payloads);
      if (answer.child !== undefined) sa.children.add(answer.child);
    },
  );
}

/** The child that a REKEY_SA notify names (RFC 7296 1.3.3); none where it is unknown, undefined where there is no such notify. */
function rekeyed(sa: IkeSa, payloads: readonly Payload[]): ChildDesired[] | undefined {
  const rekey = findNotify(payloads, notifyType.REKEY_SA);
  if (rekey === undefined) return undefined;
  const spi = spiNumber(rekey.spi);
  return [...sa.children.values()].filter((child) => child.spiOut === spi).map((child) => child.desired);
}

function pairsOf(sa: IkeSa, child: ChildDesired): number {
  return [...sa.children.values()].filter(({ desired }) => desired.name === child.name).length;
}

/** Asks for a Child SA over an established IKE SA. */
export function createChild(child: ChildDesired): Task {
  return new CreateChild(child, firstMethod(child), 0);
}

class CreateChild implements Task {
  readonly exchangeType = type;
  readonly child: ChildDesired;
  readonly #method: KeTransform | undefined;
  readonly #restarts: number;
  #offer: ChildOffer | undefined;
  #pair: KePair | undefined;
  #nonce: Uint8Array = new Uint8Array(0);

  constructor(child: ChildDesired, method: KeTransform | undefined, restarts: number) {
    this.child = child;
    this.#method = method;
    this.#restarts = restarts;
  }

  begin(sa: IkeSa): void {
    const { peer } = sa;
    if (peer === undefined || sa.state.kind !== "Established") return sa.skip(this);
    prepareChild(sa, peer, this.child, true, (offer) => {
      if (offer === undefined) return sa.skip(this);
      if (sa.state.kind !== "Established") return this.#skip(sa, offer);
      this.#offer = offer;
      this.#nonce = sa.host.random(nonceLength);
      const method = this.#method;
      if (method === undefined) return this.#send(sa, offer, undefined);
      sa.host.compute(sa, { kind: "generate", method }, (result) => {
        if (result.kind !== "generated") return;
        this.#pair = result.pair;
        if (sa.state.kind !== "Established") return this.#skip(sa, offer);
        this.#send(sa, offer, { kind: "KE", group: method.ikev2, data: result.pair.publicValue });
      });
    });
  }

  handleResponse(sa: IkeSa, payloads: readonly Payload[]): void {
    const offer = this.#offer;
    if (offer === undefined) return;
    // The whole IKE SA is being closed: what the peer has made goes with it.
    if (sa.state.kind !== "Established") return this.abandon(sa);
    const otherMethod = findNotify(payloads, notifyType.INVALID_KE_PAYLOAD);
    if (otherMethod !== undefined) return this.#changeMethod(sa, offer, otherMethod.data);
    const refusal = childRefusal(offer, payloads, "CREATE_CHILD_SA");
    if (refusal !== undefined) return failChild(sa, offer, refusal);
    const nonce = find(payloads, "Nonce");
    const accepted = acceptAnswer(offer, payloads);
    if ("reason" in accepted) return this.#undo(sa, offer, accepted.reason);
    if (nonce === undefined) {
      return this.#undo(sa, offer, {
        code: "protocol-violation",
        exchange: "CREATE_CHILD_SA",
        fault: "the nonce is missing",
      });
    }
    const ni = this.#nonce;
    const nr = Uint8Array.from(nonce.data);
    const method = accepted.suite.ke;
    if (method === undefined) return completeChild(sa, offer, accepted, payloads, { ni, nr });
    const ke = find(payloads, "KE");
    const pair = this.#pair;
    if (ke?.group !== method.ikev2 || pair === undefined || method !== this.#method) {
      return this.#undo(sa, offer, {
        code: "protocol-violation",
        exchange: "CREATE_CHILD_SA",
        fault: "the KE payload does not fit the method chosen",
      });
    }
    const job = { kind: "finish", pair, peerPublic: Uint8Array.from(ke.data) } as const;
    const finish = (result: ComputeResult): void => {
      if (sa.state.kind !== "Established") return this.abandon(sa);
      if (result.kind !== "shared") {
        const fault = result.kind === "invalid" ? result.fault : "no shared secret";
        return this.#undo(sa, offer, { code: "invalid-public-value", method: method.keyword, fault });
      }
      completeChild(sa, offer, accepted, payloads, { ni, nr, shared: result.secret });
    };
    sa.host.compute(sa, job, finish, () => this.abandon(sa));
  }

  abandon(sa: IkeSa): void {
    this.#pair?.destroy();
    if (this.#offer !== undefined) releaseSpi(sa, this.#offer.child.protocol, this.#offer.spi);
    this.#offer = undefined;
  }

  /** The IKE SA is being closed meanwhile. */
  #skip(sa: IkeSa, offer: ChildOffer): void {
    this.#offer = offer;
    this.abandon(sa);
    sa.skip(this);
  }

  #send(sa: IkeSa, offer: ChildOffer, ke: Payload | undefined): void {
    const { head, sa: proposals, tail } = childOfferPayloads(offer);
    const nonce: Payload = { kind: "Nonce", data: this.#nonce };
    sa.sendRequest(this, [...head, proposals, nonce, ...(ke === undefined ? [] : [ke]), ...tail]);
  }

  /** RFC 7296 1.3: asks again with the method the responder wants, if we offered it. */
  #changeMethod(sa: IkeSa, offer: ChildOffer, data: Uint8Array): void {
    this.#pair?.destroy();
    const group = data.length === 2 ? ((data[0] ?? 0) << 8) | (data[1] ?? 0) : 0;
    const method = findTransform("KE", group);
    const offered = offeredMethods(this.child);
    if (method === undefined || !offered.includes(method)) {
      const sent = offered.map((one) => one.keyword);
      return failChild(sa, offer, {
        code: "key-exchange-not-offered",
        wanted: method?.keyword ?? nameOf.ke(group),
        sent,
      });
    }
    if (this.#restarts >= restartLimit)
      return failChild(sa, offer, { code: "too-many-restarts", restarts: this.#restarts });
    releaseSpi(sa, offer.child.protocol, offer.spi);
    sa.request(new CreateChild(this.child, method, this.#restarts + 1));
  }

  /** The peer has the Child SA by now: it is to delete it again. */
  #undo(sa: IkeSa, offer: ChildOffer, reason: Parameters<typeof failChild>[2]): void {
    failChild(sa, offer, reason);
    sa.request(deleteChild(offer.child.protocol, offer.spi));
  }
}

function offeredMethods(child: ChildDesired): KeTransform[] {
  return child.proposals.flatMap((proposal) =>
    proposal.transforms.filter((row): row is KeTransform => row.type === "KE"),
  );
}

function firstMethod(child: ChildDesired): KeTransform | undefined {
  return offeredMethods(child)[0];
}
