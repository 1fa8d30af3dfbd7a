/** CREATE_CHILD_SA as initiator (RFC 7296 1.3.1, 1.3.3): further Child SAs, and those that take another's place. */
import type { KePair } from "../../crypto/key-exchange.ts";
import type { KeTransform } from "../../crypto/transforms/ke.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { releaseSpi } from "../../sa/child-install.ts";
import type { ChildSa } from "../../sa/child-sa.ts";
import type { OwnRekey } from "../../sa/child-state.ts";
import type { ComputeResult } from "../../sa/compute.ts";
import type { ChildDesired } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
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
import { nonceLength, restartLimit } from "../constants.ts";
import type { IkeSa } from "../ike-sa.ts";
import { lowestNonce } from "../keying.ts";
import { likelyMethod, offeredMethods, otherMethod } from "../offered-methods.ts";
import { find, findError, findNotify, rekeyNotify } from "../payloads.ts";
import type { Task } from "../task.ts";
import { noteTemporaryFailure } from "../temporary-failure.ts";
import { deleteChild } from "./informational.ts";

const type = exchangeType.CREATE_CHILD_SA;

/** Asks for a Child SA over an established IKE SA. */
export function createChild(child: ChildDesired): Task {
  return new CreateChild(child, undefined);
}

/** Asks for a Child SA that takes the place of `old`; what follows depends on whether the peer asked for the same. */
export function rekeyChild(old: ChildSa): Task & OwnRekey {
  return new CreateChild(old.desired, old);
}

class CreateChild implements Task, OwnRekey {
  readonly exchangeType = type;
  readonly child: ChildDesired;
  phase: OwnRekey["phase"] = "unsent";
  crossed: ChildSa | undefined;
  /** The one whose place it takes. */
  readonly #old: ChildSa | undefined;
  /** Undefined: not chosen yet, or there is none. */
  #method: KeTransform | undefined;
  /** How often it was begun anew with another method. */
  #restarts = 0;
  #offer: ChildOffer | undefined;
  #pair: KePair | undefined;
  #nonce: Uint8Array = new Uint8Array(0);

  constructor(child: ChildDesired, old: ChildSa | undefined) {
    this.child = child;
    this.#old = old;
  }

  begin(sa: IkeSa): void {
    const { peer } = sa;
    if (peer === undefined || !this.#isWanted(sa)) return this.#skip(sa);
    sa.children.exchanges.begun(this);
    prepareChild(sa, peer, this.child, true, (offer) => {
      if (offer === undefined) return this.#skip(sa);
      this.#offer = offer;
      this.#nonce = sa.host.random(nonceLength);
      this.#method ??= likelyMethod(offeredMethods(this.child.proposals), this.#old?.suite.ke ?? sa.keying?.suite.ke);
      const method = this.#method;
      if (!this.#isWanted(sa)) return this.#skip(sa);
      if (method === undefined) return this.#send(sa, offer, undefined);
      sa.host.compute(sa, { kind: "generate", method }, (result) => {
        if (result.kind !== "generated") return;
        this.#pair = result.pair;
        if (!this.#isWanted(sa)) return this.#skip(sa);
        this.#send(sa, offer, { kind: "KE", group: method.ikev2, data: result.pair.publicValue });
      });
    });
  }

  handleResponse(sa: IkeSa, payloads: readonly Payload[]): void {
    const offer = this.#offer;
    if (offer === undefined) return;
    noteTemporaryFailure(sa, payloads);
    // The whole IKE SA is being closed: what the peer has made goes with it.
    if (sa.state.kind !== "Established") return this.abandon(sa);
    const wanted = findNotify(payloads, notifyType.INVALID_KE_PAYLOAD);
    if (wanted !== undefined) return this.#changeMethod(sa, offer, wanted.data);
    const refusal = childRefusal(offer, payloads, "CREATE_CHILD_SA");
    if (refusal !== undefined) return this.#refused(sa, offer, refusal, findError(payloads)?.type);
    const nonce = find(payloads, "Nonce");
    const accepted = acceptAnswer(offer, payloads);
    if ("reason" in accepted) return this.#undo(sa, offer, accepted.reason);
    if (sa.children.exchanges.wasDeleted(this.child.protocol, accepted.spiOut)) {
      return this.#giveUp(sa, offer, { code: "peer-deleted", what: "Child SA" });
    }
    if (nonce === undefined) {
      return this.#undo(sa, offer, {
        code: "protocol-violation",
        exchange: "CREATE_CHILD_SA",
        fault: "the nonce is missing",
      });
    }
    sa.own.worksOn(this);
    const ni = this.#nonce;
    const nr = Uint8Array.from(nonce.data);
    const complete = (shared?: Uint8Array): void => {
      const keying = shared === undefined ? { ni, nr } : { ni, nr, shared };
      const outbound = this.#loses(sa, lowestNonce(ni, nr)) ? "never" : "now";
      completeChild(sa, offer, accepted, payloads, { ...keying, outbound }, (child) => this.#completed(sa, child));
    };
    const method = accepted.suite.ke;
    if (method === undefined) return complete();
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
      complete(result.secret);
    };
    sa.host.compute(sa, job, finish, () => this.abandon(sa));
  }

  abandon(sa: IkeSa): void {
    this.#pair?.destroy();
    if (this.#offer !== undefined) releaseSpi(sa, this.#offer.child.protocol, this.#offer);
    this.#offer = undefined;
    this.#failed(sa);
  }

  /** The IKE SA stands, and what is to be replaced has not been replaced or closed meanwhile. */
  #isWanted(sa: IkeSa): boolean {
    return sa.state.kind === "Established" && (this.#old === undefined || sa.children.isRekeying(this.#old, this));
  }

  #skip(sa: IkeSa): void {
    this.abandon(sa);
    sa.own.skip(this);
  }

  #send(sa: IkeSa, offer: ChildOffer, ke: Payload | undefined): void {
    const { head, sa: proposals, tail } = childOfferPayloads(offer);
    const nonce: Payload = { kind: "Nonce", data: this.#nonce };
    const rekey = this.#old === undefined ? [] : [rekeyNotify(this.#old.desired.protocol, this.#old.spiIn)];
    this.phase = "sent";
    sa.sendRequest(this, [...rekey, ...head, proposals, nonce, ...(ke === undefined ? [] : [ke]), ...tail]);
  }

  /** RFC 7296 1.3: asks again with the method the responder wants, if we offered it. */
  #changeMethod(sa: IkeSa, offer: ChildOffer, data: Uint8Array): void {
    this.#pair?.destroy();
    this.#pair = undefined;
    const next = otherMethod(offeredMethods(this.child.proposals), data);
    if ("reason" in next) return this.#giveUp(sa, offer, next.reason);
    if (this.#restarts >= restartLimit)
      return this.#giveUp(sa, offer, { code: "too-many-restarts", restarts: this.#restarts });
    releaseSpi(sa, offer.child.protocol, offer);
    this.#offer = undefined;
    sa.children.exchanges.done(this);
    // The peer's own rekey has been answered meanwhile: ours has become needless.
    if (this.crossed !== undefined) return this.#failed(sa);
    this.#method = next.method;
    this.#restarts += 1;
    this.phase = "unsent";
    sa.request(this);
  }

  #refused(sa: IkeSa, offer: ChildOffer, reason: Reason, error: number | undefined): void {
    const old = this.#old;
    // RFC 7296 2.8.1, 2.25.1: the peer's own rekey was quicker, or it has closed what was to be rekeyed.
    if (old !== undefined && (this.crossed !== undefined || !sa.children.isRekeying(old, this)))
      return this.abandon(sa);
    this.#giveUp(sa, offer, reason);
    // RFC 7296 2.25: what the peer does not have goes here too, without a word, and is asked for anew.
    if (error === notifyType.CHILD_SA_NOT_FOUND && old !== undefined) sa.children.remove(old, reason);
    // RFC 7296 1.3, 4: a peer that knows no CREATE_CHILD_SA wants another IKE SA in the place of this one.
    if (error === notifyType.NO_ADDITIONAL_SAS && old !== undefined) sa.host.renew(sa);
  }

  #giveUp(sa: IkeSa, offer: ChildOffer, reason: Reason): void {
    failChild(sa, offer, reason);
    this.#offer = undefined;
    this.#failed(sa);
  }

  /** The peer has the Child SA by now: it is to delete it again. */
  #undo(sa: IkeSa, offer: ChildOffer, reason: Reason): void {
    this.#giveUp(sa, offer, reason);
    sa.request(deleteChild(offer.child.protocol, offer.spi));
  }

  #failed(sa: IkeSa): void {
    this.#done(sa);
    if (this.#old !== undefined) sa.children.rekeyFailed(this.#old, this);
  }

  #done(sa: IkeSa): void {
    sa.children.exchanges.done(this);
    sa.own.worked(this);
  }

  /** RFC 7296 2.8.1: of two rekeys that crossed, the pair with the lowest of the four nonces goes. */
  #loses(sa: IkeSa, lowest: bigint): boolean {
    return this.crossed !== undefined && sa.children.has(this.crossed) && lowest < this.crossed.lowestNonce;
  }

  /** The new pair stands, or could not be had. Who made the pair that stays deletes the old one; the other his own. */
  #completed(sa: IkeSa, child: ChildSa | undefined): void {
    this.#offer = undefined;
    const old = this.#old;
    if (child === undefined) return this.#failed(sa);
    this.#done(sa);
    if (old === undefined) return;
    const crossed = this.crossed !== undefined && sa.children.has(this.crossed) ? this.crossed : undefined;
    if (crossed !== undefined && this.#loses(sa, child.lowestNonce)) {
      sa.children.replaced(old, crossed);
      return sa.children.retire(child, { code: "replaced" });
    }
    if (crossed !== undefined) {
      sa.children.replaced(crossed, child, "nonces");
      sa.children.stopSending(crossed);
    }
    sa.children.retire(old, { code: "replaced" }, child);
  }
}
