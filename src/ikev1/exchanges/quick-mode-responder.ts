/** Quick mode as responder (RFC 2409 5.5): receives on the new pair before it answers, sends on it when message 3 has come. */
import { hash2, hash3 } from "../../crypto/ikev1-keys.ts";
import { constantTimeEqual, wipe } from "../../crypto/secret.ts";
import type { KernelRequest, SaProtocol } from "../../kernel/port.ts";
import { hostSelector, identitySelector, sameSelector } from "../../negotiate/ipsec-identities.ts";
import { chooseIpsec, type IpsecAnswer, modeOf } from "../../negotiate/ipsec-proposals.ts";
import { matchChild } from "../../negotiate/match-child.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { childSelectors, type TrafficSelector } from "../../negotiate/traffic-selector.ts";
import { type NarrowedSelectors, refuseSelectors } from "../../negotiate/traffic-selectors.ts";
import { type ReservedSpis, refusalOf, releaseSpi, reserveSpi } from "../../sa/child-install.ts";
import { natReason } from "../../sa/child-nat.ts";
import {
  type ChildSa,
  crossed,
  crossingTime,
  inboundId,
  installRequests,
  outboundId,
  wipeKeys,
} from "../../sa/child-sa.ts";
import type { ChildState } from "../../sa/child-state.ts";
import { pairLimit } from "../../sa/constants.ts";
import type { ChildDesired } from "../../sa/desired.ts";
import type { Protected } from "../../wire/ikev1/message.ts";
import type { IdPayload } from "../../wire/ikev1/payloads/identity.ts";
import type { SaPayload } from "../../wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { exchangeType } from "../../wire/ikev1/registry/message.ts";
import { notifyType } from "../../wire/ikev1/registry/notify.ts";
import { keysOf, originalAddresses, policyOf, recordOf } from "../child-terms.ts";
import { nonceLength } from "../constants.ts";
import type { Exchange } from "../exchange.ts";
import type { IkeV1Sa } from "../ike-v1-sa.ts";
import { noInnerAddress, withInnerAddress } from "../inner-address.ts";
import { all, find, protocolNumber, saProtocol, spiOctets } from "../payloads.ts";
import { shorterLifetime } from "../responder-lifetime.ts";
import { isHash1, sayQuickModeError } from "./informational.ts";

/** How far it has come; each step owns what only it needs. */
type Step =
  | { readonly kind: "ExpectRequest" }
  /** The kernel, or the key exchange, is at work. */
  | { readonly kind: "ExpectInbound" }
  /** Message 2 is out, and the inbound SA stands. */
  | {
      readonly kind: "ExpectConfirmation";
      readonly child: ChildSa;
      readonly outbound: KernelRequest;
      readonly ni: Uint8Array;
      readonly nr: Uint8Array;
      wipe(): void;
    }
  | { readonly kind: "Over" };

/** What was asked for and will be had. */
interface Accepted {
  readonly begun: number;
  readonly child: ChildDesired;
  readonly narrowed: NarrowedSelectors;
  readonly choice: Extract<IpsecAnswer, { readonly ok: true }>;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly ids: readonly IdPayload[];
}

interface OwnKe {
  readonly publicValue: Uint8Array;
  readonly secret: Uint8Array;
}

export class QuickModeResponder implements Exchange {
  readonly exchangeType: number = exchangeType.QUICK_MODE;
  messageId: number;
  #step: Step = { kind: "ExpectRequest" };
  #child: ChildDesired | undefined;

  constructor(messageId: number) {
    this.messageId = messageId;
  }

  /** The child that the peer is about to have another pair for. */
  get underWay(): ChildDesired | undefined {
    return this.#step.kind === "Over" ? undefined : this.#child;
  }

  isAuthentic(sa: IkeV1Sa, message: Protected): boolean {
    if (this.#step.kind === "ExpectRequest") return isHash1(sa, this.messageId, message);
    const [first] = message.payloads;
    if (this.#step.kind !== "ExpectConfirmation" || first?.isakmp !== "HASH" || sa.keying === undefined) return false;
    const { ni, nr } = this.#step;
    return constantTimeEqual(first.data, hash3(sa.keying.skeyidA, this.messageId, ni, nr));
  }

  handle(sa: IkeV1Sa, { payloads }: Protected): void {
    if (this.#step.kind === "ExpectRequest") return this.#answer(sa, payloads);
    if (this.#step.kind === "ExpectConfirmation") this.#activate(sa, this.#step);
  }

  /** Message 3 never came: what stands of the pair goes, and the peer is not believed to have it. */
  timedOut(sa: IkeV1Sa): void {
    this.abandon(sa);
  }

  abandon(sa: IkeV1Sa): void {
    const step = this.#step;
    this.#step = { kind: "Over" };
    if (step.kind !== "ExpectConfirmation") return;
    step.wipe();
    sa.host.policies.release(step.child);
    sa.host.removeSa(inboundId(step.child));
  }

  /** Message 1: HASH(1), SA, Ni [, KE] [, IDci, IDcr]. */
  #answer(sa: IkeV1Sa, payloads: readonly Payload[]): void {
    const { peer, host, path } = sa;
    const offered = find(payloads, "SA");
    const nonce = find(payloads, "NONCE");
    if (peer === undefined || offered === undefined || nonce === undefined)
      return this.#refuse(sa, "", undefined, violation("SA or nonce is missing"));
    this.#step = { kind: "ExpectInbound" };
    const ids = all(payloads, "ID").map((id) => ({ ...id, data: Uint8Array.from(id.data) }));
    const asked = askedSelectors(sa, ids);
    if (asked === undefined) {
      const reason: Reason = {
        code: "selectors-do-not-fit",
        ours: [],
        theirs: [],
        difference: "no addresses are named",
      };
      return this.#refuse(sa, "", offered, reason);
    }
    const protocols = offered.proposals.flatMap(({ protocolId }) => saProtocol(protocolId) ?? []);
    const request = { tsi: [asked.tsi], tsr: [asked.tsr], mode: modeOf(offered.proposals), protocols };
    const hosts = { local: path.local.address, remote: path.remote.address };
    const candidates = host.childCandidates(peer);
    const possible = candidates.flatMap((one) => withInnerAddress(sa, one) ?? []);
    const [first] = candidates;
    if (possible.length === 0 && first !== undefined) return this.#refuse(sa, "", offered, noInnerAddress(sa, first));
    const match = matchChild(possible, request, { ...hosts, nat: sa.nat });
    if (!match.ok) return this.#refuse(sa, "", offered, match.reason);
    const { narrowed } = match;
    const child = candidates.find(({ name }) => name === match.child.name) ?? match.child;
    this.#child = child;
    const obstacle =
      natReason(sa, child) ??
      widening(sa, match.child, narrowed, asked) ??
      host.overlap(peer, child, narrowed.selectors) ??
      host.ambiguity(sa, child, narrowed.selectors);
    if (obstacle !== undefined) return this.#refuse(sa, child.name, offered, obstacle);
    if (sa.holder.children.countOf(child) >= pairLimit)
      return this.#refuse(sa, child.name, offered, violation("too many pairs of one child stand"));
    const ke = find(payloads, "KE");
    const choice = chooseIpsec(policyOf(sa, child), offered.proposals, ke === undefined ? "absent" : "sent");
    if (!choice.ok) return this.#refuse(sa, child.name, offered, choice.reason);
    const ni = Uint8Array.from(nonce.data);
    const accepted = { begun: host.now(), child, narrowed, choice, ni, nr: host.random(nonceLength), ids };
    const { ke: method } = choice.terms.suite;
    if (method === undefined || ke === undefined) return this.#receive(sa, accepted, undefined);
    host.compute(sa, { kind: "respond", method, peerPublic: Uint8Array.from(ke.data) }, (result) => {
      if (result.kind === "shared") return this.#receive(sa, accepted, result);
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      this.#refuse(sa, child.name, undefined, { code: "invalid-public-value", method: method.keyword, fault });
    });
  }

  /** The inbound half, before the peer can have an answer to send on it. */
  #receive(sa: IkeV1Sa, accepted: Accepted, ke: OwnKe | undefined): void {
    const { begun, child, choice, narrowed, ni, nr } = accepted;
    const { host, peer } = sa;
    if (peer === undefined) return;
    const reqid = host.reqid(peer, child);
    const { terms } = choice;
    reserveSpi(sa, child, reqid, terms.spis.cpi !== undefined, (result) => {
      if ("reason" in result) return this.#refuse(sa, child.name, undefined, result.reason);
      if (sa.isOver || this.#step.kind !== "ExpectInbound") return releaseSpi(sa, child.protocol, result);
      const keying = { ni, nr, shared: ke?.secret };
      const { selectors } = narrowed;
      const record = recordOf(sa, "responder", child, { reqid, begun, spis: result, terms, selectors, keying });
      const keys = keysOf(sa, record, keying);
      wipe(ke?.secret);
      if (keys === undefined) return releaseSpi(sa, child.protocol, result);
      const { inbound, outbound } = installRequests(record, keys.own, keys.peer);
      const wipeOwn = () => wipeKeys(keys.own);
      host.kernel([inbound, ...host.policies.protect(record, false)], (answers) => {
        wipeKeys(keys.peer);
        const reason = refusalOf(answers);
        if (reason === undefined && !sa.isOver && this.#step.kind === "ExpectInbound") {
          this.#step = { kind: "ExpectConfirmation", child: record, outbound, ni, nr, wipe: wipeOwn };
          return this.#say(sa, accepted, { child: record, spis: result }, ke);
        }
        wipeOwn();
        host.policies.release(record);
        host.removeSa(inboundId(record));
        if (reason !== undefined) this.#refuse(sa, child.name, undefined, reason);
      });
    });
  }

  /** Message 2. Who asked has proved where it is: it is repeated until message 3 comes. */
  #say(
    sa: IkeV1Sa,
    accepted: Accepted,
    ours: { readonly child: ChildSa; readonly spis: ReservedSpis },
    ke: OwnKe | undefined,
  ): void {
    const { keying } = sa;
    if (keying === undefined) return;
    const { choice, ni, nr, ids } = accepted;
    const { protocol, hard } = accepted.child;
    const spi = spiOctets(ours.spis.spi);
    const payloads: Payload[] = [
      { isakmp: "SA", proposals: choice.answer(ours.spis) },
      { isakmp: "NONCE", data: nr },
      ...(ke === undefined ? [] : [{ isakmp: "KE", data: ke.publicValue } as const]),
      ...ids,
      ...originalAddresses(sa, ours.child.desired, "responder"),
      ...shorterLifetime(protocolNumber(protocol), spi, choice.terms.seconds, hard.seconds),
    ];
    const { messageId } = this;
    sa.lastAnswered = sa.host.now();
    sa.exchanges.send(this, payloads, (rest) => hash2(keying.skeyidA, messageId, ni, rest), true);
  }

  /** Message 3: the peer has its inbound half, and is sent to on it. */
  #activate(sa: IkeV1Sa, step: Extract<Step, { readonly kind: "ExpectConfirmation" }>): void {
    this.#step = { kind: "Over" };
    sa.exchanges.doneSoon(this);
    const { child, outbound } = step;
    const { host } = sa;
    host.kernel([outbound, ...host.policies.send(child)], (answers) => {
      step.wipe();
      const { holder } = sa;
      const [answer] = answers;
      const reason = refusalOf(answers);
      if (reason === undefined && holder.state.kind === "Established") {
        const replaced = olderPairs(holder, child);
        holder.children.add(child);
        for (const old of replaced) holder.children.replaced(old, child);
        return;
      }
      host.policies.release(child);
      host.removeSa(inboundId(child));
      // The peer chooses that SPI, and may choose one that stands.
      if (answer?.kind !== "refused" || answer.refusal.errno !== "EEXIST") host.removeSa(outboundId(child));
      if (reason !== undefined && !holder.isOver) {
        holder.dialect.deleteChild(child);
        host.childFailed(holder, child.desired.name, reason);
      }
    });
  }

  #refuse(sa: IkeV1Sa, child: string, offered: SaPayload | undefined, reason: Reason): void {
    this.#step = { kind: "Over" };
    sa.exchanges.doneSoon(this);
    if (sa.isOver) return;
    const [first] = offered?.proposals ?? [];
    const protocol: SaProtocol = (first && saProtocol(first.protocolId)) ?? "esp";
    sayQuickModeError(sa, this, { protocol, spi: first?.spi ?? new Uint8Array(0) }, notifyOf(reason));
    sa.host.childFailed(sa.holder, child, reason);
  }
}

/**
 * Pairs of the same child that a new one comes in the place of. Those that crossed with it are the engine's to choose among,
 * and so are those that may have, as far as the peer can see, and outdo it: where it knew of them it deletes them itself. Our
 * own quick mode for one of them that has not had its turn yet is needless.
 */
function olderPairs({ children }: IkeV1Sa, child: ChildSa): ChildSa[] {
  return [...children.values()].filter(
    (one) =>
      one.desired.name === child.desired.name &&
      isReplaceable(children.state(one)) &&
      one.since <= child.since &&
      !crossed(one, child) &&
      !mayHaveCrossed(one, child),
  );
}

function isReplaceable(state: ChildState | undefined): boolean {
  return state?.kind === "Standing" || (state?.kind === "Rekeying" && state.rekey.phase === "unsent");
}

/** The request may have been sent before our own pair stood, and have come late: only the peer knows. */
function mayHaveCrossed(own: ChildSa, child: ChildSa): boolean {
  return own.role === "initiator" && own.lowestNonce > child.lowestNonce && child.since - own.since < crossingTime;
}

/** What the initiator asks for: IDci and IDcr, or both ends' own addresses. */
function askedSelectors(
  { path }: IkeV1Sa,
  [idci, idcr]: readonly IdPayload[],
): { readonly tsi: TrafficSelector; readonly tsr: TrafficSelector } | undefined {
  const tsi = idci === undefined ? hostSelector(path.remote.address) : identitySelector(idci);
  const tsr = idcr === undefined ? hostSelector(path.local.address) : identitySelector(idcr);
  return tsi === undefined || tsr === undefined ? undefined : { tsi, tsr };
}

/** RFC 2409 5.5: nothing can be narrowed; who asks for more than its child protects gets none of it. */
function widening(
  sa: IkeV1Sa,
  child: ChildDesired,
  { tsi, tsr, fit }: NarrowedSelectors,
  asked: { readonly tsi: TrafficSelector; readonly tsr: TrafficSelector },
): Reason | undefined {
  const [initiator] = tsi;
  const [responder] = tsr;
  if (fit === "same" && initiator !== undefined && responder !== undefined) return undefined;
  if (initiator !== undefined && responder !== undefined && tsi.length === 1 && tsr.length === 1) {
    if (sameSelector(initiator, asked.tsi) && sameSelector(responder, asked.tsr)) return undefined;
  }
  const hosts = { local: sa.path.local.address, remote: sa.path.remote.address };
  const difference = "IKEv1 cannot narrow what is asked for: both ends must name the same";
  return refuseSelectors([childSelectors(child, hosts)], { local: [asked.tsr], remote: [asked.tsi] }, { difference })
    .reason;
}

function notifyOf(reason: Reason): number {
  switch (reason.code) {
    case "selectors-do-not-fit":
    case "unauthenticated-overlap":
    case "nat-forbids-transport":
      return notifyType.INVALID_ID_INFORMATION;
    case "invalid-public-value":
      return notifyType.INVALID_KEY_INFORMATION;
    default:
      return notifyType.NO_PROPOSAL_CHOSEN;
  }
}

function violation(fault: string): Reason {
  return { code: "protocol-violation", exchange: "quick mode", fault };
}
