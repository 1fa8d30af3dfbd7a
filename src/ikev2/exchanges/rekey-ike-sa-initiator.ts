/** CREATE_CHILD_SA as initiator, for a new IKE SA in place of the one it runs on (RFC 7296 1.3.2, 2.18). */
import type { KePair } from "../../crypto/key-exchange.ts";
import type { KeTransform } from "../../crypto/transforms/ke.ts";
import type { PrfTransform } from "../../crypto/transforms/prf.ts";
import type { DesiredProposal } from "../../negotiate/alternatives.ts";
import { formatOffer, offerProposals, type ProposalPolicy, verifyAnswer } from "../../negotiate/proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../wire/ikev2/registry/message.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { nonceLength, rekeyPause, restartLimit } from "../constants.ts";
import type { IkeSa } from "../ike-sa.ts";
import { likelyMethod, offeredMethods, otherMethod } from "../offered-methods.ts";
import { find, findError, findNotify, ikeSpiNumber, ikeSpiOctets } from "../payloads.ts";
import type { OwnIkeRekey } from "../succession.ts";
import { withPrf } from "../successor-proposals.ts";
import { noteTemporaryFailure } from "../temporary-failure.ts";

const exchange = "CREATE_CHILD_SA";

/** Asks for the successor of the IKE SA that it is sent on. */
export function rekeyIkeSa(): OwnIkeRekey {
  return new RekeyIkeSa();
}

class RekeyIkeSa implements OwnIkeRekey {
  readonly exchangeType = exchangeType.CREATE_CHILD_SA;
  /** RFC 7296 2.25.1: a peer refuses it while a Child SA is being made, replaced or closed. */
  readonly alone = true;
  phase: OwnIkeRekey["phase"] = "unsent";
  localSpi = 0n;
  /** Ours, but with the old one's PRF alone, unless the peer has turned that down. */
  #proposals: readonly DesiredProposal[] = [];
  #method: KeTransform | undefined;
  #restarts = 0;
  #pair: KePair | undefined;
  #nonce: Uint8Array = new Uint8Array(0);

  begin(sa: IkeSa): void {
    const { peer, succession } = sa;
    if (peer === undefined || !this.#isWanted(sa)) return sa.own.skip(this);
    if (sa.children.exchanges.isBusy || sa.isAnswering) {
      succession.postpone(rekeyPause);
      return sa.own.skip(this);
    }
    if (this.#proposals.length === 0) this.#proposals = proposalsOf(peer, sa.keying?.suite.prf);
    const method = this.#method ?? likelyMethod(offeredMethods(this.#proposals), sa.keying?.suite.ke);
    if (method === undefined) return this.#skip(sa);
    this.#method = method;
    this.#nonce = sa.host.random(nonceLength);
    this.localSpi = sa.host.freshSpi();
    sa.host.compute(sa, { kind: "generate", method }, (result) => {
      if (result.kind !== "generated") return;
      this.#pair = result.pair;
      if (!this.#isWanted(sa)) return this.#skip(sa);
      this.phase = "sent";
      sa.sendRequest(this, [
        { kind: "SA", proposals: offerProposals(policyOf(this.#proposals), ikeSpiOctets(this.localSpi)) },
        { kind: "Nonce", data: this.#nonce },
        { kind: "KE", group: method.ikev2, data: result.pair.publicValue },
      ]);
    });
  }

  handleResponse(sa: IkeSa, payloads: readonly Payload[]): void {
    const { peer } = sa;
    const pair = this.#pair;
    const method = this.#method;
    if (peer === undefined || pair === undefined || method === undefined) return;
    noteTemporaryFailure(sa, payloads);
    const wanted = findNotify(payloads, notifyType.INVALID_KE_PAYLOAD);
    if (wanted !== undefined) return this.#changeMethod(sa, wanted.data);
    const offered = find(payloads, "SA");
    if (offered === undefined) {
      const error = findError(payloads)?.type;
      if (error === notifyType.NO_PROPOSAL_CHOSEN && this.#proposals !== peer.ike) return this.#again(sa, peer.ike);
      this.#refused(sa, refusal(this.#proposals, error));
      // RFC 7296 1.3, 4: a peer that knows no CREATE_CHILD_SA wants another IKE SA in its place.
      if (error === notifyType.NO_ADDITIONAL_SAS && sa.state.kind === "Established") sa.host.renew(sa);
      return;
    }
    const sent = offerProposals(policyOf(this.#proposals), ikeSpiOctets(this.localSpi));
    const answer = verifyAnswer("ike", sent, offered.proposals);
    if (!answer.ok) return this.#unusable(sa, answer.reason);
    const ke = find(payloads, "KE");
    const nonce = find(payloads, "Nonce");
    const remoteSpi = ikeSpiNumber(answer.peerSpi);
    if (remoteSpi === undefined || nonce === undefined || answer.suite.ke !== method || ke?.group !== method.ikev2) {
      const fault = "SPI, nonce or KE payload is missing or does not fit";
      return this.#unusable(sa, { code: "protocol-violation", exchange, fault });
    }
    this.phase = "answered";
    const { suite } = answer;
    const ni = this.#nonce;
    const nr = Uint8Array.from(nonce.data);
    const job = { kind: "finish", pair, peerPublic: Uint8Array.from(ke.data) } as const;
    sa.host.compute(sa, job, (result) => {
      if (result.kind !== "shared") {
        const fault = result.kind === "invalid" ? result.fault : "no shared secret";
        return this.#unusable(sa, { code: "invalid-public-value", method: method.keyword, fault });
      }
      const { secret } = result;
      const terms = { role: "initiator", localSpi: this.localSpi, remoteSpi, suite, secret, ni, nr } as const;
      const successor = sa.succession.make(terms);
      if (successor !== undefined) sa.succession.weMade(successor);
      sa.own.skip(this);
    });
  }

  abandon(): void {
    this.#pair?.destroy();
    this.#pair = undefined;
  }

  /** Nothing has taken its place meanwhile. */
  #isWanted(sa: IkeSa): boolean {
    return sa.state.kind === "Established" && sa.succession.isOurs(this);
  }

  #skip(sa: IkeSa): void {
    this.abandon();
    if (sa.succession.isOurs(this)) sa.succession.failed();
    sa.own.skip(this);
  }

  /** RFC 7296 1.3: asks again with the method the responder wants, if we offered it. */
  #changeMethod(sa: IkeSa, data: Uint8Array): void {
    const next = otherMethod(offeredMethods(this.#proposals), data);
    if ("reason" in next) return this.#refused(sa, next.reason);
    this.#again(sa, this.#proposals, next.method);
  }

  #again(sa: IkeSa, proposals: readonly DesiredProposal[], method?: KeTransform): void {
    if (this.#restarts >= restartLimit) {
      return this.#refused(sa, { code: "too-many-restarts", restarts: this.#restarts });
    }
    this.abandon();
    this.phase = "unsent";
    // The peer's own rekey has been answered meanwhile: ours has become needless.
    if (sa.state.kind !== "Established" || sa.succession.concede()) return;
    this.#proposals = proposals;
    this.#method = method;
    this.#restarts += 1;
    sa.request(this);
  }

  #refused(sa: IkeSa, reason: Reason): void {
    this.abandon();
    // RFC 7296 2.8.2: where the peer's own rekey was quicker, it is closing this one.
    sa.succession.failed();
    if (sa.state.kind === "Established") sa.host.rekeyFailed(sa, reason);
  }

  /** The peer has a successor that we cannot have: it is to give up both. */
  #unusable(sa: IkeSa, reason: Reason): void {
    this.abandon();
    sa.succession.failed();
    sa.close(reason);
  }
}

function refusal(proposals: readonly DesiredProposal[], error: number | undefined): Reason {
  if (error === undefined)
    return { code: "protocol-violation", exchange, fault: "the answer has neither SA nor error" };
  if (error === notifyType.NO_PROPOSAL_CHOSEN) {
    return { code: "peer-refused-proposal", protocol: "ike", sent: formatOffer(policyOf(proposals)) };
  }
  return { code: "peer-error", exchange, notify: nameOf.notify(error) };
}

function policyOf(ours: readonly DesiredProposal[]): ProposalPolicy<"ike"> {
  return { protocol: "ike", ours, withKe: true };
}

/** What has the old IKE SA's PRF, where there is any. */
function proposalsOf(peer: PeerDesired, before: PrfTransform | undefined): readonly DesiredProposal[] {
  const same = before === undefined ? [] : withPrf(peer.ike, before);
  return same.length > 0 ? same : peer.ike;
}
