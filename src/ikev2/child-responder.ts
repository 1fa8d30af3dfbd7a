/** A Child SA that the peer asks for, in IKE_AUTH or CREATE_CHILD_SA (RFC 7296 1.2, 1.3.1). */
import { deriveChildKeys } from "../crypto/ikev2-keys.ts";
import { matchChild } from "../negotiate/match-child.ts";
import { chooseProposal } from "../negotiate/proposals.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { NarrowedSelectors } from "../negotiate/traffic-selectors.ts";
import { install, releaseSpi, reserveSpi } from "../sa/child-install.ts";
import { encapsulationOf, kernelKeepalive } from "../sa/child-nat.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { ChildDesired, PeerDesired } from "../sa/desired.ts";
import { softLimits } from "../sa/lifetime.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { protocolId } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { compressionNotify, peerCpi } from "./child-compression.ts";
import { childObstacle } from "./child-obstacle.ts";
import type { IkeSa } from "./ike-sa.ts";
import { lowestNonce } from "./keying.ts";
import { find, findNotify, notify, selectorPayload, spiNumber, spiOctets } from "./payloads.ts";
import { notifyOf } from "./reason-notify.ts";

/** What a peer's request for a Child SA is answered from. */
export interface ChildRequest {
  readonly peer: PeerDesired;
  readonly candidates: readonly ChildDesired[];
  readonly payloads: readonly Payload[];
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  /** CREATE_CHILD_SA can carry a key exchange of its own, IKE_AUTH cannot. */
  readonly withKe: boolean;
}

/** `payloads` answer the request; `child` is set where a Child SA stands now. */
export interface ChildAnswer {
  readonly payloads: readonly Payload[];
  readonly child?: ChildSa;
}

/** Chooses, computes, installs; `done` gets the payloads for the answer, KE included. A refusal is reported to the host. */
export function answerChild(sa: IkeSa, request: ChildRequest, done: (answer: ChildAnswer) => void): void {
  const refuse = (child: string, reason: Reason): void => {
    sa.host.childFailed(sa, child, reason);
    done({ payloads: [notify(notifyOf(reason))] });
  };
  const { payloads } = request;
  const offered = find(payloads, "SA");
  const tsi = find(payloads, "TSi");
  const tsr = find(payloads, "TSr");
  if (offered === undefined || tsi === undefined || tsr === undefined) {
    return refuse("", { code: "protocol-violation", exchange: "Child SA", fault: "SA, TSi or TSr is missing" });
  }
  const mode = findNotify(payloads, notifyType.USE_TRANSPORT_MODE) === undefined ? "tunnel" : "transport";
  const protocols = offered.proposals.map((proposal) => (proposal.protocolId === protocolId.AH ? "ah" : "esp"));
  const match = matchChild(
    request.candidates,
    { tsi: tsi.selectors, tsr: tsr.selectors, mode, protocols },
    { local: sa.path.local.address, remote: sa.path.remote.address, nat: sa.nat },
  );
  if (!match.ok) return refuse("", match.reason);
  const { child, narrowed } = match;
  const obstacle =
    childObstacle(sa, child) ??
    sa.host.overlap(request.peer, child, narrowed.selectors) ??
    sa.host.ambiguity(sa, child, narrowed.selectors);
  if (obstacle !== undefined) return refuse(child.name, obstacle);
  const ke = find(payloads, "KE");
  const policy = { protocol: child.protocol, ours: child.proposals, withKe: request.withKe };
  const choice = chooseProposal(policy, offered.proposals, { keReceived: ke?.group });
  if (!choice.ok) return refuse(child.name, choice.reason);
  const spiOut = spiNumber(choice.peerSpi);
  if (spiOut === undefined || spiOut < 256) {
    return refuse(child.name, {
      code: "protocol-violation",
      exchange: "Child SA",
      fault: "the peer's SPI is reserved",
    });
  }
  const accepted: Accepted = { child, narrowed, suite: choice.suite, answer: choice.answer, spiOut };
  const method = request.withKe ? choice.suite.ke : undefined;
  if (method === undefined) return installAnswered(sa, request, accepted, undefined, refuse, done);
  if (ke?.group !== method.ikev2) {
    // RFC 7296 1.3: the initiator asks again with the method chosen.
    const group = Uint8Array.of(method.ikev2 >> 8, method.ikev2 & 0xff);
    return done({ payloads: [notify(notifyType.INVALID_KE_PAYLOAD, group)] });
  }
  sa.host.compute(sa, { kind: "respond", method, peerPublic: Uint8Array.from(ke.data) }, (result) => {
    if (result.kind !== "shared") {
      const fault = result.kind === "invalid" ? result.fault : "no shared secret";
      return refuse(child.name, { code: "invalid-public-value", method: method.keyword, fault });
    }
    const ours = { group: method.ikev2, data: result.publicValue, secret: result.secret };
    installAnswered(sa, request, accepted, ours, refuse, done);
  });
}

interface Accepted {
  readonly child: ChildDesired;
  readonly narrowed: NarrowedSelectors;
  readonly suite: ChildSa["suite"];
  readonly answer: Parameters<typeof withSpi>[0];
  readonly spiOut: number;
}

interface OwnKe {
  readonly group: number;
  readonly data: Uint8Array;
  readonly secret: Uint8Array;
}

function installAnswered(
  sa: IkeSa,
  request: ChildRequest,
  accepted: Accepted,
  ke: OwnKe | undefined,
  refuse: (child: string, reason: Reason) => void,
  done: (answer: ChildAnswer) => void,
): void {
  const { child, narrowed, suite } = accepted;
  const reqid = sa.host.reqid(request.peer, child);
  const cpiOut = child.compress === true ? peerCpi(request.payloads) : undefined;
  reserveSpi(sa, child, reqid, cpiOut !== undefined, (result) => {
    if (sa.isOver || sa.keying === undefined)
      return "spi" in result ? releaseSpi(sa, child.protocol, result) : undefined;
    if ("reason" in result) return refuse(child.name, result.reason);
    const { spi, cpi } = result;
    const record: ChildSa = {
      desired: child,
      reqid,
      spiIn: spi,
      spiOut: accepted.spiOut,
      local: sa.path.local.address,
      remote: sa.path.remote.address,
      compression: cpiOut === undefined || cpi === undefined ? undefined : { cpiIn: cpi, cpiOut },
      mode: child.mode,
      suite,
      selectors: narrowed.selectors,
      encapsulation: encapsulationOf(sa),
      keepalive: kernelKeepalive(sa),
      role: "responder",
      lowestNonce: lowestNonce(request.ni, request.nr),
      soft: softLimits(child, suite, "responder", (length) => sa.host.random(length)),
      since: sa.host.now(),
    };
    const { suite: ike, skD } = sa.keying;
    const keys = deriveChildKeys(ike.prf, skD, suite, request.ni, request.nr, ke?.secret);
    // Who asked for the pair cannot receive on it before it has our answer.
    const outbound = sa.host.isCarried(record) ? "waits" : "now";
    install(sa, record, { own: keys.responder, peer: keys.initiator, outbound }, (reason) => {
      if (reason !== undefined) return refuse(child.name, reason);
      const payloads: Payload[] = [];
      if (child.mode === "transport") payloads.push(notify(notifyType.USE_TRANSPORT_MODE));
      if (child.protocol === "esp") payloads.push(notify(notifyType.ESP_TFC_PADDING_NOT_SUPPORTED));
      if (record.compression !== undefined) payloads.push(compressionNotify(record.compression.cpiIn));
      if (narrowed.additional) payloads.push(notify(notifyType.ADDITIONAL_TS_POSSIBLE));
      payloads.push({ kind: "SA", proposals: [withSpi(accepted.answer, spi)] });
      if (request.withKe) payloads.push({ kind: "Nonce", data: request.nr });
      if (ke !== undefined) payloads.push({ kind: "KE", group: ke.group, data: ke.data });
      payloads.push(selectorPayload("TSi", narrowed.tsi), selectorPayload("TSr", narrowed.tsr));
      done({ payloads, child: record });
    });
  });
}

type WireProposal = Extract<Payload, { kind: "SA" }>["proposals"][number];

function withSpi(answer: WireProposal, spi: number): WireProposal {
  return { ...answer, spi: spiOctets(spi) };
}
