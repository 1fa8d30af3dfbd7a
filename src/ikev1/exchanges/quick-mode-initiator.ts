/** Quick mode as initiator (RFC 2409 5.5): a new pair of IPsec SAs, or one that takes another's place. */
import { hash1, hash2, hash3 } from "../../crypto/ikev1-keys.ts";
import type { KePair } from "../../crypto/key-exchange.ts";
import { constantTimeEqual, wipe } from "../../crypto/secret.ts";
import { identitySelector, selectorIdentity } from "../../negotiate/ipsec-identities.ts";
import {
  formatIpsecOffer,
  type IpsecPolicy,
  type IpsecTerms,
  offeredGroup,
  offerIpsec,
  verifyIpsec,
} from "../../negotiate/ipsec-proposals.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { type ChildSelectors, childSelectors } from "../../negotiate/traffic-selector.ts";
import { formatSelectorOffer, verifySelectors } from "../../negotiate/traffic-selectors.ts";
import { install, type ReservedSpis, releaseSpi, reserveSpi } from "../../sa/child-install.ts";
import { asSeenHere, natReason } from "../../sa/child-nat.ts";
import { type ChildSa, inboundId } from "../../sa/child-sa.ts";
import type { OwnRekey } from "../../sa/child-state.ts";
import type { ComputeResult } from "../../sa/compute.ts";
import type { ChildDesired } from "../../sa/desired.ts";
import type { Protected } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { exchangeType } from "../../wire/ikev1/registry/message.ts";
import { nameOf } from "../../wire/ikev1/registry/names.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { keysOf, originalAddresses, policyOf, recordOf } from "../child-terms.ts";
import { activationLook, activationWait, nonceLength, usualSeconds } from "../constants.ts";
import type { OwnExchange } from "../exchange.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { noInnerAddress, withInnerAddress } from "../inner-address.ts";
import { all, find, findError, protocolNumber } from "../payloads.ts";
import { shortest } from "../responder-lifetime.ts";
import { sayDeletion } from "./informational.ts";

/** What has been asked for: its inbound SPIs are reserved. */
interface Asked {
  readonly reqid: number;
  readonly begun: number;
  readonly spis: ReservedSpis;
  readonly policy: IpsecPolicy;
  readonly selectors: ChildSelectors;
  readonly ni: Uint8Array;
  readonly pair: KePair | undefined;
}

export class QuickModeInitiator implements OwnExchange, OwnRekey {
  readonly exchangeType: number = exchangeType.QUICK_MODE;
  messageId = 0;
  phase: OwnRekey["phase"] = "unsent";
  crossed: ChildSa | undefined;
  readonly #child: ChildDesired;
  /** The one whose place it takes. */
  readonly #old: ChildSa | undefined;
  #asked: Asked | undefined;
  /** What came of it. */
  #made: ChildSa | undefined;

  constructor(child: ChildDesired, old: ChildSa | undefined) {
    this.#child = child;
    this.#old = old;
  }

  /** Whether an answer is awaited. */
  get isWaiting(): boolean {
    return this.#asked !== undefined;
  }

  /** Whether it proposes this SPI. */
  proposes(spi: number): boolean {
    return this.#asked !== undefined && (this.#asked.spis.spi === spi || this.#asked.spis.ahSpi === spi);
  }

  /** Reserves an SPI, makes a key pair where there is to be perfect forward secrecy, and asks. */
  begin(sa: IkeV1Sa): void {
    const { peer, host, path } = sa;
    const child = this.#child;
    if (peer === undefined || !this.#isWanted(sa) || !sa.exchanges.begin(this)) {
      sa.exchanges.done(this);
      return this.#failed(sa);
    }
    this.phase = "sent";
    const narrowed = withInnerAddress(sa, child);
    const obstacle = natReason(sa, child);
    if (obstacle !== undefined) return this.#giveUp(sa, obstacle);
    if (narrowed === undefined) return this.#giveUp(sa, noInnerAddress(sa, child));
    const reqid = host.reqid(peer, child);
    reserveSpi(sa, child, reqid, child.compress === true, (result) => {
      if ("reason" in result) return sa.isOver ? this.#failed(sa) : this.#giveUp(sa, result.reason);
      if (sa.isOver) return releaseSpi(sa, child.protocol, result);
      const selectors = childSelectors(narrowed, { local: path.local.address, remote: path.remote.address });
      const policy = policyOf(sa, child);
      const ni = host.random(nonceLength);
      const asked = { reqid, begun: host.now(), spis: result, policy, selectors, ni, pair: undefined };
      this.#asked = asked;
      const method = offeredGroup(policy);
      if (method === undefined) return this.#ask(sa, asked);
      host.compute(sa, { kind: "generate", method }, (made) => {
        if (made.kind !== "generated") return;
        this.#asked = { ...asked, pair: made.pair };
        this.#ask(sa, this.#asked);
      });
    });
  }

  /**
   * What is to be replaced has not been replaced or closed meanwhile, and the peer is not about to replace it: only so do both
   * ends agree on which two crossed.
   */
  #isWanted(sa: IkeV1Sa): boolean {
    if (this.#old === undefined) return true;
    const { holder } = sa;
    const isAnswered = [holder, ...sa.host.ikev1Peers.twins(holder)].some((one) =>
      one.exchanges.isAnswering(this.#child),
    );
    return !isAnswered && holder.children.isRekeying(this.#old, this);
  }

  /** Message 1: HASH(1), SA, Ni [, KE], IDci, IDcr. */
  #ask(sa: IkeV1Sa, { policy, spis, ni, pair, selectors }: Asked): void {
    const { keying } = sa;
    const [local] = selectors.local.map(selectorIdentity);
    const [remote] = selectors.remote.map(selectorIdentity);
    if (keying === undefined) return;
    if (local === undefined || remote === undefined) {
      const difference = "IKEv1's identities cannot say it";
      const ours = [formatSelectorOffer(selectors)];
      return this.#giveUp(sa, { code: "selectors-do-not-fit", ours, theirs: [], difference });
    }
    const seconds = this.#child.hard.seconds || usualSeconds;
    const payloads: Payload[] = [
      { isakmp: "SA", proposals: offerIpsec(policy, spis, seconds) },
      { isakmp: "NONCE", data: ni },
      ...(pair === undefined ? [] : [{ isakmp: "KE", data: pair.publicValue } as const]),
      local,
      remote,
      ...originalAddresses(sa, this.#child, "initiator"),
    ];
    const { messageId } = this;
    sa.exchanges.send(this, payloads, (rest) => hash1(keying.skeyidA, messageId, rest), true);
  }

  isAuthentic({ keying }: IkeV1Sa, { payloads, afterFirst }: Protected): boolean {
    const [first] = payloads;
    const asked = this.#asked;
    if (keying === undefined || asked === undefined || first?.isakmp !== "HASH") return false;
    return constantTimeEqual(first.data, hash2(keying.skeyidA, this.messageId, asked.ni, afterFirst));
  }

  /** Message 2: what the peer chose. */
  handle(sa: IkeV1Sa, { payloads }: Protected): void {
    const asked = this.#asked;
    if (asked === undefined) return;
    const answer = find(payloads, "SA");
    const nonce = find(payloads, "NONCE");
    if (answer === undefined || nonce === undefined) {
      const error = findError(payloads);
      if (error !== undefined) return this.refused(sa, error.type);
      return this.#giveUp(sa, violation("SA or nonce is missing"));
    }
    const verdict = verifyIpsec(asked.policy, answer.proposals);
    if (!verdict.ok) return this.#undo(sa, asked, verdict.reason);
    const terms = shortest(verdict.terms, payloads, protocolNumber(asked.policy.protocol));
    const begun = sa.exchanges.lastSent(this);
    const agreed = { ...asked, begun, terms, nr: Uint8Array.from(nonce.data) };
    const ids = all(payloads, "ID").map((id) => ({ ...id, data: Uint8Array.from(id.data) }));
    const { ke: method } = verdict.terms.suite;
    if (method === undefined) return this.#complete(sa, agreed, ids, undefined);
    const ke = find(payloads, "KE");
    if (ke === undefined || asked.pair === undefined) return this.#undo(sa, asked, violation("KE is missing"));
    const finish = (result: ComputeResult): void => {
      if (result.kind === "shared") return this.#complete(sa, agreed, ids, result.secret);
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      this.#undo(sa, asked, { code: "invalid-public-value", method: method.keyword, fault });
    };
    const job = { kind: "finish", pair: asked.pair, peerPublic: Uint8Array.from(ke.data) } as const;
    sa.host.compute(sa, job, finish);
  }

  /** The peer takes none of it, and says why in an exchange of its own. */
  refused(sa: IkeV1Sa, type: number): void {
    const { selectors, policy } = this.#asked ?? {};
    if (type === notifyType.NO_PROPOSAL_CHOSEN && policy !== undefined) {
      const sent = formatIpsecOffer(policy);
      return this.#giveUp(sa, { code: "peer-refused-proposal", protocol: policy.protocol, sent });
    }
    if (type === notifyType.INVALID_ID_INFORMATION && selectors !== undefined)
      return this.#giveUp(sa, { code: "peer-refused-selectors", sent: [formatSelectorOffer(selectors)] });
    this.#giveUp(sa, { code: "peer-error", exchange: "quick mode", notify: nameOf.notify(type) });
  }

  timedOut(sa: IkeV1Sa, attempts: number, seconds: number): void {
    const remote = sa.path.remote.address;
    const reason: Reason = { code: "no-answer", exchange: "quick mode", remote, attempts, seconds };
    // Whoever speaks under the ISAKMP SA has it still: this one thing it does not answer, and what stands goes on.
    if (this.#asked !== undefined && sa.lastHeard > this.#asked.begun) return this.#giveUp(sa, reason);
    this.abandon(sa);
    // RFC 2408 2.8: a peer that answers nothing under an ISAKMP SA has lost it, or is gone.
    sa.end(reason);
  }

  /** Whoever has the IPsec SAs now goes on with it. */
  abandon(sa: IkeV1Sa): void {
    if (this.#made !== undefined) return this.#takeOver(sa, this.#made);
    this.#release(sa);
    this.#failed(sa);
    const { holder } = sa;
    if (this.#old === undefined && holder !== sa && holder.state.kind === "Established")
      holder.dialect.askForChild(this.#child);
  }

  /** Both SAs first, so that whatever the peer sends once it has message 3 is received. */
  #complete(
    sa: IkeV1Sa,
    agreed: Asked & { readonly terms: IpsecTerms; readonly nr: Uint8Array },
    ids: readonly IdPayload[],
    shared: Uint8Array | undefined,
  ): void {
    const { terms, spis, ni, nr, reqid, begun, selectors: wanted } = agreed;
    const child = this.#child;
    const verified = verifySelectors(wanted, asSeenHere(sa, child, answeredSelectors(wanted, ids)));
    if (!verified.ok) return this.#undo(sa, agreed, verified.reason);
    const { selectors } = verified;
    const overlap = sa.peer === undefined ? undefined : sa.host.overlap(sa.peer, child, selectors);
    const obstacle = overlap ?? sa.host.ambiguity(sa, child, selectors);
    if (obstacle !== undefined) return this.#undo(sa, agreed, obstacle);
    const keying = { ni, nr, shared };
    const record = recordOf(sa, "initiator", child, { reqid, begun, spis, terms, selectors, keying });
    const keys = keysOf(sa, record, keying);
    wipe(shared);
    if (keys === undefined) return this.#undo(sa, agreed, violation("no keys"));
    this.#asked = undefined;
    // Nothing says that the peer has message 3, and some receive only then: as long as another pair carries the packets, it does.
    const outbound = sa.host.isCarried(record) ? "waits" : "now";
    install(sa.holder, record, { ...keys, outbound }, (reason) => {
      const { holder } = sa;
      if (reason !== undefined) {
        sa.exchanges.done(this);
        sayDeletion(sa, { protocol: child.protocol, ...spis });
        holder.host.childFailed(holder, child.name, reason);
        return this.#failed(sa);
      }
      const { keying: own } = sa;
      const { messageId } = this;
      if (own !== undefined) sa.exchanges.send(this, [], () => hash3(own.skeyidA, messageId, ni, nr), false);
      sa.exchanges.doneSoon(this);
      holder.children.add(record, outbound);
      this.#made = record;
      if (outbound === "now") return this.#retireOld(sa, record);
      sa.host.arm(sa, `activate ${messageId}`, sa.host.now() + activationLook);
    });
  }

  /** The new pair is sent on when the peer sends on it, or has had the time. */
  onTimer(sa: IkeV1Sa): void {
    const made = this.#made;
    if (made === undefined || !sa.holder.children.has(made)) return this.#failed(sa);
    const { host } = sa;
    host.kernel([{ kind: "querySa", sa: inboundId(made) }], ([answer]) => {
      const isUsed = answer?.kind === "usage" && answer.usage.packets > 0n;
      if (!isUsed && host.now() < made.since + activationWait)
        return host.arm(sa, `activate ${this.messageId}`, host.now() + activationLook);
      this.#takeOver(sa, made);
    });
  }

  /** What came of it carries the packets from now on. */
  #takeOver(sa: IkeV1Sa, made: ChildSa): void {
    const { children } = sa.holder;
    if (!children.has(made)) return this.#failed(sa);
    if (!children.hasOutbound(made)) children.sendNow(made);
    this.#retireOld(sa, made);
  }

  #retireOld(sa: IkeV1Sa, by: ChildSa): void {
    if (this.#old !== undefined) sa.holder.children.retire(this.#old, { code: "replaced" }, by);
  }

  /** The peer may have it by now: it is to delete it again. */
  #undo(sa: IkeV1Sa, { spis }: Asked, reason: Reason): void {
    sayDeletion(sa, { protocol: this.#child.protocol, ...spis });
    this.#giveUp(sa, reason);
  }

  #giveUp(sa: IkeV1Sa, reason: Reason): void {
    sa.exchanges.done(this);
    this.#release(sa);
    sa.host.childFailed(sa.holder, this.#child.name, reason);
    this.#failed(sa);
  }

  #release(sa: IkeV1Sa): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.pair?.destroy();
    if (asked !== undefined) releaseSpi(sa, this.#child.protocol, asked.spis);
  }

  #failed(sa: IkeV1Sa): void {
    if (this.#old !== undefined) sa.holder.children.rekeyFailed(this.#old, this);
  }
}

/** RFC 2409 5.5: the answer repeats the identities; where it has none, they are as they were asked for. */
function answeredSelectors({ local, remote }: ChildSelectors, [idci, idcr]: readonly IdPayload[]) {
  const tsi = idci === undefined ? local[0] : identitySelector(idci);
  const tsr = idcr === undefined ? remote[0] : identitySelector(idcr);
  return { tsi: tsi === undefined ? [] : [tsi], tsr: tsr === undefined ? [] : [tsr] };
}

function violation(fault: string): Reason {
  return { code: "protocol-violation", exchange: "quick mode", fault };
}
