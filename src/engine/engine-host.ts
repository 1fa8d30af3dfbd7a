/** What IKE SAs and peers ask of the engine, turned into effects and into news for the peers. */

import { wipe } from "../crypto/secret.ts";
import type { Host as Ikev1Host } from "../ikev1/host.ts";
import { beginPhase1 } from "../ikev1/initiate.ts";
import { LoginLimiter } from "../ikev1/login-limiter.ts";
import type { CrashTokens } from "../ikev2/crash-token.ts";
import { resume } from "../ikev2/exchanges/ike-session-resume-initiator.ts";
import type { Host, PayloadRewrite, TimerName } from "../ikev2/host.ts";
import type { IkeSa } from "../ikev2/ike-sa.ts";
import { initiate } from "../ikev2/initiate.ts";
import type { Resumable } from "../ikev2/resumption/resumable.ts";
import { Tickets } from "../ikev2/resumption/tickets.ts";
import type { KernelAnswer, KernelRequest, SaId, SaUsage } from "../kernel/port.ts";
import type { Address } from "../negotiate/address.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import { AddressPools } from "../sa/address-pool.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { type ChildEnds, type ChildSa, inboundId, outboundId } from "../sa/child-sa.ts";
import type { ChildSas } from "../sa/child-sas.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import { type Datagrams, datagramsOf } from "../sa/datagrams.ts";
import type { ChildDesired, Gateway, PeerDesired } from "../sa/desired.ts";
import type { PeerClaim } from "../sa/host.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import type { Traffic } from "../sa/liveness.ts";
import type { LogRecord } from "../sa/log-record.ts";
import type { Path } from "../sa/path.ts";
import { findAmbiguity } from "./ambiguity.ts";
import { isCarried, sendInItsPlace } from "./carried.ts";
import { moveChild } from "./child-mover.ts";
import { equalData } from "./equal.ts";
import { Ikev1Listener } from "./ikev1-listener.ts";
import { callsWithIkev1, KnownPeers } from "./ikev1-peers.ts";
import { LearnedAbilities } from "./learned-abilities.ts";
import { LogThrottle } from "./log-throttle.ts";
import {
  childSaDown,
  childSaUp,
  failed,
  ikeSaEnded,
  ikeSaRekeyed,
  ikeSaUp,
  messageDropped,
  peerConnecting,
  redirected,
} from "./news.ts";
import type { Parts } from "./parts.ts";
import type { Peer, PeerContext } from "./peer.ts";
import type { PolicyKeeper } from "./policy-keeper.ts";
import { Responder } from "./responder.ts";
import { Resumables } from "./resumables.ts";
import type { Resync } from "./resync.ts";
import type { TimerOwner } from "./timers.ts";
import { admitUnauthenticated, findOverlap } from "./unauthenticated.ts";
import { UnprovenOctets } from "./unproven-octets.ts";

/** The one implementation of `Host` and `PeerContext`; holds nothing of its own but the limit on what is logged. */
export class EngineHost implements Host, Ikev1Host, PeerContext {
  /** Takes new IKE SAs from outside; told here when they are half open no more. */
  readonly responder: Responder;
  /** The same for IKEv1. */
  readonly ikev1: Ikev1Listener;
  readonly ikev1Peers: KnownPeers;
  readonly #parts: Parts;
  readonly #resync: Resync;
  /** Where outbound halves wait: few IKE SAs, of the many that a peer may have. */
  readonly #waiting = new Set<ChildSas>();
  readonly #abilities: LearnedAbilities;
  readonly #throttle = new LogThrottle();
  readonly #tokens = new LogThrottle();
  readonly tickets: Tickets;
  readonly rewrite: PayloadRewrite | undefined;
  readonly rewriteReceived: PayloadRewrite | undefined;
  readonly keyWitness: KeyWitness | undefined;
  readonly #resumables = new Resumables();
  readonly fragments: UnprovenOctets = new UnprovenOctets();
  readonly addressPools: AddressPools = new AddressPools();
  readonly logins: LoginLimiter = new LoginLimiter();

  constructor(parts: Parts, resync: Resync) {
    this.#parts = parts;
    this.#resync = resync;
    this.rewrite = parts.rewrite;
    this.rewriteReceived = parts.rewriteReceived;
    this.keyWitness = parts.keyWitness;
    this.#abilities = new LearnedAbilities(parts.outbox);
    this.tickets = new Tickets((length) => parts.random(length));
    this.ikev1Peers = new KnownPeers(parts);
    this.ikev1 = new Ikev1Listener(parts, this);
    this.responder = new Responder(this, parts.directory, parts.admission, () => this.freshSpi());
  }

  // --- what an IKE SA asks (Host) ---------------------------------------------------------------------------------

  now(): number {
    return this.#parts.now;
  }

  random(length: number): Uint8Array {
    return this.#parts.random(length);
  }

  send(message: Datagrams, path: Path): void {
    for (const octets of datagramsOf(message)) this.#parts.outbox.send(octets, path);
  }

  mayKeep(sa: AnyIkeSa, octets: number): boolean {
    return this.fragments.mayKeep(sa, octets);
  }

  keepsNoMore(sa: AnyIkeSa, octets: number): void {
    this.fragments.keepsNoMore(sa, octets);
  }

  log(record: LogRecord): void {
    this.#parts.outbox.log(record);
  }

  dropped(tell: () => Pick<LogRecord, "peer" | "facts">): void {
    const unsaid = this.#throttle.admit(this.#parts.now);
    if (unsaid === undefined) return;
    this.log(messageDropped(tell(), unsaid));
  }

  inspect(sa: AnyIkeSa, then: (traffic: Traffic) => void): void {
    this.#resync.inspect(sa, then);
  }

  compute(sa: AnyIkeSa, job: ComputeJob, then: (result: ComputeResult) => void, tooLate?: () => void): void {
    this.#parts.running.addSa(sa);
    this.#parts.outbox.compute(job, (result) => {
      if (!sa.isOver) return then(result);
      if (result.kind === "shared") wipe(result.secret);
      else if (result.kind === "generated") result.pair.destroy();
      tooLate?.();
    });
  }

  kernel(requests: readonly KernelRequest[], then: (answers: readonly KernelAnswer[]) => void): void {
    for (const request of requests) this.#parts.repairs.supersede(request);
    this.#parts.outbox.kernel(requests, then);
  }

  removeSa(id: SaId): void {
    this.#parts.repairs.insist({ kind: "deleteSa", sa: id });
  }

  arm(owner: TimerOwner, name: TimerName | string, at: number): void {
    this.#parts.timers.arm(owner, name, at);
  }

  disarm(owner: TimerOwner, name: TimerName | string): void {
    this.#parts.timers.disarm(owner, name);
  }

  selectPeer(claim: PeerClaim): { readonly peer: PeerDesired } | { readonly reason: Reason } {
    return this.#parts.directory.select(claim);
  }

  overlap(peer: PeerDesired, child: ChildDesired, selectors: readonly Selector[]): Reason | undefined {
    return findOverlap(this.#parts.running, peer, child, selectors);
  }

  childCandidates(peer: PeerDesired): readonly ChildDesired[] {
    return this.#parts.running.peer(peer.name)?.childCandidates() ?? [];
  }

  firstChild(sa: AnyIkeSa): ChildDesired | undefined {
    return this.#parts.running.peerOf(sa)?.firstChild(sa);
  }

  unwelcome(peer: PeerDesired, identity: Identity, path: Path): Reason | undefined {
    // Its section was taken out of the file, or changed, while it proved itself: what it has proved may count no more.
    const record = this.#parts.running.peerWith(peer);
    if (record === undefined) return { code: "operator", action: "removed" };
    return record.unwelcome(identity, path) ?? admitUnauthenticated(record.sas, peer, path);
  }

  isInitialContact(sa: AnyIkeSa, peer: PeerDesired): boolean {
    return (
      this.#parts.running.peer(peer.name)?.isInitialContact(sa, (reqid) => this.#parts.standing.has(reqid)) === true
    );
  }

  reqid(peer: PeerDesired, child: ChildDesired): number {
    return this.#parts.running.peer(peer.name)?.children.get(child.name)?.reqid ?? 0;
  }

  askingPacket(peer: PeerDesired, child: ChildDesired): Selector | undefined {
    return this.#parts.running.peer(peer.name)?.children.get(child.name)?.packet;
  }

  get policies(): PolicyKeeper {
    return this.#parts.policies;
  }

  established(sa: AnyIkeSa, initialContact: boolean): void {
    this.#leave(sa);
    this.log(ikeSaUp(sa));
    this.#parts.running.peerOf(sa)?.established(sa, initialContact);
  }

  keep(resumable: Resumable): void {
    this.#resumables.keep(resumable);
  }

  get crashTokens(): CrashTokens | undefined {
    return this.#parts.crashTokens;
  }

  mayVerifyToken(): boolean {
    return this.#tokens.admit(this.#parts.now) !== undefined;
  }

  forgotten(sa: AnyIkeSa): void {
    const peer = this.#parts.running.peerOf(sa);
    if (peer?.forgotten(sa) !== true) sa.end({ code: "peer-lost-state" });
  }

  unanswered(sa: IkeSa, reason: Reason): boolean {
    // With a ticket the next one comes of what is left of this one.
    if (sa.state.kind !== "Established" || sa.children.size === 0 || sa.ticket !== undefined) return false;
    if (this.#parts.running.peerOf(sa)?.forgotten(sa) !== true) return false;
    this.noted(sa, reason);
    return true;
  }

  renew(sa: AnyIkeSa): void {
    this.#parts.running.peerOf(sa)?.handover.renew(sa);
  }

  opened(sa: AnyIkeSa): void {
    this.#parts.running.addSa(sa);
  }

  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    this.log(ikeSaRekeyed(heir));
    this.#parts.running.peerOf(heir)?.rekeyed(sa, heir);
  }

  rekeyFailed(sa: AnyIkeSa, reason: Reason): void {
    this.log(failed("rekey-failed", sa, reason));
  }

  redirected(sa: AnyIkeSa, to: Gateway): Reason | undefined {
    const refusal = this.#parts.running.peerOf(sa)?.handover.redirected(sa, to);
    if (refusal === undefined) this.log(redirected(sa.peer, to, sa.path));
    return refusal;
  }

  elsewhere(sa: AnyIkeSa, peer: PeerDesired): Gateway | undefined {
    const to = this.#parts.running.peer(peer.name)?.handover.elsewhere(sa);
    if (to !== undefined) this.log(redirected(peer, to, sa.path));
    return to;
  }

  redirectTo(peer: PeerDesired): Gateway | undefined {
    return this.#parts.running.peer(peer.name)?.handover.redirectTo;
  }

  childUp(sa: AnyIkeSa, child: ChildSa): void {
    this.log(childSaUp(sa, child));
    if (sa.children.sendsOn(child)) this.#parts.standing.replaced(child.reqid, sa.peer?.timing.linger ?? 0);
    this.#parts.routes.add(child);
    this.#parts.running.peerOf(sa)?.childUp(sa, child);
  }

  isCarried(child: ChildSa): boolean {
    return isCarried(this.#parts, child);
  }

  ambiguity(sa: AnyIkeSa, child: ChildDesired, selectors: readonly Selector[]): Reason | undefined {
    return findAmbiguity(this.#parts.running.sas, sa, child, selectors);
  }

  kernelKeepsAlive(): boolean {
    return this.#abilities.keepsAlive;
  }

  learnAbilities(): void {
    this.#abilities.learn();
  }

  ownAddresses(sa: AnyIkeSa): readonly Address[] {
    return this.#parts.ownAddresses.towards(sa.peer, sa.path.local.address);
  }

  callingFrom(peer: PeerDesired): Address | undefined {
    return this.#parts.ownAddresses.callingFrom(peer);
  }

  moveChild(sa: AnyIkeSa, child: ChildSa, ends: ChildEnds): void {
    moveChild(this.#parts, sa, child, ends);
  }

  outboundWaits(children: ChildSas, waits: boolean): void {
    if (waits) this.#waiting.add(children);
    else this.#waiting.delete(children);
  }

  outboundUp(sa: AnyIkeSa, child: ChildSa): void {
    this.#parts.standing.replaced(child.reqid, sa.peer?.timing.linger ?? 0);
    this.#parts.running.peerOf(sa)?.outboundUp(sa);
  }

  childFailed(sa: AnyIkeSa, child: string, reason: Reason): void {
    this.log({ ...failed("child-sa-failed", sa, reason), child });
    this.#parts.running.peerOf(sa)?.childFailed(child, reason);
  }

  childGone(sa: AnyIkeSa, child: ChildSa, reason: Reason, outbound: "none" | "succeeded" | "last"): void {
    this.log(childSaDown(sa, child, reason));
    // Whatever is to carry its packets now must not wait any longer. What was not sent on leaves nothing to carry.
    if (outbound === "last") sendInItsPlace(child, this.#waiting, this.policies);
    const linger = sa.peer?.timing.linger ?? 0;
    const lingers = linger > 0 && this.isCarried(child);
    // Locked before the SAs go: at no moment may the template be the only thing that holds the packets.
    this.#parts.policies.release(child, lingers);
    this.#parts.routes.remove(child);
    if (outbound !== "none") this.removeSa(outboundId(child));
    // What the peer sent before it knew may come later than its DELETE.
    if (lingers) this.#parts.lingering.add(child, this.now() + linger);
    else this.removeSa(inboundId(child));
    this.#parts.running.peerOf(sa)?.childGone(child, reason);
  }

  noted(sa: AnyIkeSa, reason: Reason): void {
    const peer = this.#parts.running.peerOf(sa);
    if (peer === undefined || equalData(peer.reason, reason)) return;
    peer.reason = reason;
    this.log(failed("ike-sa-failed", sa, reason));
  }

  refused(peers: readonly PeerDesired[], reason: Reason): void {
    const [only, ...more] = peers;
    const peer = only === undefined || more.length > 0 ? undefined : this.#parts.running.peerWith(only);
    // Where many may call, some being up says nothing about the one that was refused.
    if (peer !== undefined && (peer.state !== "up" || peer.desired.remote === "any")) peer.reason = reason;
  }

  ended(sa: AnyIkeSa, reason: Reason): void {
    this.log(ikeSaEnded(sa, reason));
    this.#parts.running.peerOf(sa)?.ended(sa, reason);
    if (sa.peer === undefined) this.refused(this.#parts.directory.at(sa.path), reason);
  }

  #leave(sa: AnyIkeSa): void {
    this.responder.leave(sa);
    this.ikev1.leave(sa);
  }

  forget(sa: AnyIkeSa): void {
    // Not before: one that lingers costs as much as one that is half open.
    this.#leave(sa);
    this.#waiting.delete(sa.children);
    this.#parts.timers.forget(sa);
    this.#parts.timers.forget(sa.children);
    this.#parts.running.removeSa(sa);
  }

  // --- what a peer asks (PeerContext) -----------------------------------------------------------------------------

  initiate(peer: Peer, path: Path, redirectedFrom: Address | undefined): AnyIkeSa {
    if (callsWithIkev1(peer.desired)) return beginPhase1(this, peer.desired, path, this.freshSpi());
    // A ticket is of the gateway that gave it.
    const kept = redirectedFrom === undefined ? this.#resumables.take(peer.desired, this.now()) : undefined;
    if (kept !== undefined) return resume(this, peer.desired, path, this.freshSpi(), kept);
    return initiate(this, peer.desired, path, this.freshSpi(), redirectedFrom);
  }

  /**
   * It is to be closed, and its children are carried elsewhere: from now on packets leave on what is newer, while it still
   * receives. Where they go on under another, the peer may choose any of them.
   */
  retire(sa: AnyIkeSa): void {
    if (sa.dialect.bequeaths) return;
    for (const child of sa.children.values()) sa.children.stopSending(child);
  }

  usages(sas: readonly SaId[], then: (usages: readonly (SaUsage | undefined)[]) => void): void {
    this.#parts.outbox.kernel([{ kind: "querySas", sas }], ([answer]) =>
      then(answer?.kind === "usages" ? answer.usages : []),
    );
  }

  isServed(reqid: number): boolean {
    return this.#parts.standing.has(reqid);
  }

  clearAcquires(requests: readonly KernelRequest[]): void {
    // A refusal leaves the kernel's own timer, after which the next packet asks again.
    for (const request of requests) this.#parts.outbox.kernel([request], () => {});
  }

  connecting(peer: Peer, path: Path): void {
    this.log(peerConnecting(peer, path));
  }

  freshSpi(): bigint {
    return this.#parts.running.freshSpi((length) => this.#parts.random(length));
  }
}
