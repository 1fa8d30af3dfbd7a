/** The endpoint: events in, effects out (invariant 1). Finds the SA, runs its machine, keeps the desired state true. */

import { wipe } from "../crypto/secret.ts";
import type { Host, PeerClaim, TimerName } from "../ikev2/host.ts";
import type { IkeSa } from "../ikev2/ike-sa.ts";
import { initiate } from "../ikev2/initiate.ts";
import type { KernelAnswer, KernelEvent, KernelRequest, Policy, SaId, StandingSa } from "../kernel/port.ts";
import type { Reason } from "../negotiate/reason.ts";
import { type ChildSa, inboundId, outboundId } from "../sa/child-sa.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { ChildDesired, DesiredState, PeerDesired } from "../sa/desired.ts";
import type { LogRecord } from "../sa/log-record.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import { decodeHeader, flag, type Header } from "../wire/ikev2/header.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { equalData } from "./equal.ts";
import type { Effect, EngineEvent } from "./io.ts";
import { LogThrottle } from "./log-throttle.ts";
import { Outbox } from "./outbox.ts";
import { Peer, type PeerContext } from "./peer.ts";
import { PeerDirectory } from "./peer-directory.ts";
import { lockPolicies } from "./policies.ts";
import { PolicyKeeper } from "./policy-keeper.ts";
import { Repairs } from "./repairs.ts";
import { assignReqids, childKey } from "./reqid.ts";
import { Responder } from "./responder.ts";
import { Resync } from "./resync.ts";
import { RouteKeeper } from "./route-keeper.ts";
import { SaKeeper } from "./sa-keeper.ts";
import type { Status } from "./status.ts";
import { lockStatus, peerStatus } from "./status-snapshot.ts";
import { TimerHeap, type TimerOwner } from "./timers.ts";

export interface EngineOptions {
  random(length: number): Uint8Array;
}

/** How often the kernel is asked what a former run left. */
const listAttempts = 3;

/** Where the engine stands with the configuration. */
type Phase =
  | { readonly kind: "unconfigured" }
  /** The kernel is asked what a former run left; nothing is received until it has answered. */
  | { readonly kind: "adopting"; desired: DesiredState; attempts: number }
  | { readonly kind: "running"; readonly desired: DesiredState }
  | { readonly kind: "stopping"; readonly desired: DesiredState | undefined }
  | { readonly kind: "stopped" };

export class Engine implements Host, PeerContext {
  readonly #options: EngineOptions;
  readonly #outbox = new Outbox();
  readonly #timers = new TimerHeap();
  readonly #repairs = new Repairs(this.#outbox, this.#timers, () => this.#now);
  readonly #policies = new PolicyKeeper(this.#repairs, (reqid) => this.#standing.has(reqid));
  readonly #routes = new RouteKeeper(this.#outbox, this.#repairs);
  readonly #standing = new SaKeeper(
    this.#repairs,
    this.#timers,
    () => this.#now,
    (reqid) => this.#policies.unserved(reqid),
  );
  readonly #resyncs = new Resync(
    this.#timers,
    () => this.#now,
    () => this.#resync(),
  );
  readonly #throttle = new LogThrottle();
  readonly #directory = new PeerDirectory();
  readonly #responder: Responder;
  readonly #peers = new Map<string, Peer>();
  readonly #byReqid = new Map<number, Peer>();
  /** By our own SPI. */
  readonly #sas = new Map<bigint, IkeSa>();
  #phase: Phase = { kind: "unconfigured" };
  #now = 0;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#responder = new Responder(this, this.#directory, () => this.#freshSpi());
  }

  /** Takes one event at `now` (ms, never going back) and gives what is to be done, in order. */
  handle(event: EngineEvent, now: number): Effect[] {
    this.#now = Math.max(this.#now, now);
    this.#dispatch(event);
    this.#finishStopping();
    return this.#outbox.take();
  }

  /** When a `wake` is due, in ms of the engine's clock. */
  nextDeadline(): number | undefined {
    return this.#timers.nextDeadline();
  }

  status(): Status {
    const locks = "desired" in this.#phase ? (this.#phase.desired?.local.locks ?? []) : [];
    const standing = (policies: Iterable<Policy>) => this.#policies.standing(policies);
    return {
      peers: [...this.#peers.values()].map((peer) => peerStatus(peer, standing)),
      locks: locks.map((lock) => lockStatus(lock, standing)),
    };
  }

  #dispatch(event: EngineEvent): void {
    switch (event.kind) {
      case "datagram":
        return this.#receive(event.octets, event.path);
      case "computed":
        return this.#outbox.computed(event.id, event.result);
      case "answered":
        return this.#outbox.answered(event.id, event.answers);
      case "kernel":
        return this.#onKernel(event.event);
      case "send-failed":
        return this.#sendFailed(event.path, event.errno);
      case "wake":
        return this.#timers.run(this.#now);
      case "configure":
        return this.#configure(event.desired);
      case "up":
        return this.#peers.get(event.peer)?.up();
      case "down":
        return this.#peers.get(event.peer)?.down({ code: "operator", action: "down" });
      case "stop":
        return this.#stop();
    }
  }

  // --- datagrams --------------------------------------------------------------------------------------------------

  #receive(octets: Uint8Array, path: Path): void {
    if (this.#phase.kind !== "running" && this.#phase.kind !== "stopping") return;
    let header: Header;
    try {
      header = decodeHeader(octets);
    } catch (error) {
      if (error instanceof WireError) return;
      throw error;
    }
    if (header.majorVersion !== 2) return;
    const fromInitiator = (header.flags & flag.initiator) !== 0;
    const ours = fromInitiator ? header.responderSpi : header.initiatorSpi;
    if (ours !== 0n) return this.#sas.get(ours)?.receive(header, octets, path);
    const isRequest = (header.flags & flag.response) === 0;
    if (
      fromInitiator &&
      isRequest &&
      header.exchangeType === exchangeType.IKE_SA_INIT &&
      this.#phase.kind === "running"
    ) {
      this.#responder.receive(header, octets, path);
    }
  }

  #sendFailed(path: Path, errno: string): void {
    for (const peer of this.#directory.at(path)) {
      const record = this.#peers.get(peer.name);
      for (const sa of record?.sas ?? []) {
        if (sa.path.remote.address === path.remote.address && sa.establishedAt === 0)
          sa.note({ code: "send-failed", remote: formatEndpoint(path.remote), errno });
      }
    }
  }

  // --- configuration ----------------------------------------------------------------------------------------------

  #configure(desired: DesiredState): void {
    switch (this.#phase.kind) {
      case "unconfigured":
        this.#phase = { kind: "adopting", desired, attempts: 0 };
        return this.#askWhatStands();
      case "adopting":
        this.#phase.desired = desired;
        return;
      case "running":
        if (!equalData(this.#phase.desired, desired)) this.#apply(this.#phase.desired, desired);
        return;
      default:
        return;
    }
  }

  #askWhatStands(): void {
    this.#outbox.kernel([{ kind: "listPolicies" }, { kind: "listSas" }], (answers) => this.#adopt(answers));
  }

  #adopt(answers: readonly KernelAnswer[]): void {
    if (this.#phase.kind !== "adopting") return;
    const { desired } = this.#phase;
    this.#phase.attempts += 1;
    // Asked again, but not for ever: until the locks stand, packets may pass in clear.
    if (answers.at(-1)?.kind === "refused" && this.#phase.attempts < listAttempts) return this.#askWhatStands();
    for (const answer of answers) {
      if (answer.kind === "policies") this.#policies.adopt(answer.policies);
      else if (answer.kind === "sas") this.#standing.adopt(answer.sas);
      else if (answer.kind === "refused") {
        this.log({ level: "error", event: "resync", reason: { code: "kernel-refused", ...answer.refusal } });
      }
    }
    this.#apply({ local: { locks: [] }, peers: [] }, desired);
  }

  /** Brings the running state to `desired`; peers that did not change are not touched. */
  #apply(before: DesiredState, desired: DesiredState): void {
    this.#phase = { kind: "running", desired };
    const reqids = assignReqids(desired, this.#standingReqids());
    const earlier = new Map(before.peers.map((peer) => [peer.name, peer]));
    const later = new Map(desired.peers.map((peer) => [peer.name, peer]));
    const changed = desired.peers.filter((peer) => !equalData(earlier.get(peer.name), peer));
    for (const peer of [...this.#peers.values()]) {
      const next = later.get(peer.desired.name);
      if (next === undefined || changed.includes(next)) this.#removePeer(peer, next === undefined);
    }
    const wanted = new Set(reqids.values());
    // Locks first: nothing that is to be protected may pass before its policy stands.
    this.#policies.configure(lockPolicies(desired), wanted);
    this.#standing.keepOnly(wanted);
    this.#directory.configure(desired.peers);
    for (const next of changed) {
      const reqidOf = (child: ChildDesired): number => reqids.get(childKey(next.name, child.name)) ?? 0;
      const peer = new Peer(next, reqidOf, this);
      this.#peers.set(next.name, peer);
      for (const record of peer.children.values()) this.#byReqid.set(record.reqid, peer);
    }
    for (const next of changed) this.#peers.get(next.name)?.tend();
  }

  #removePeer(peer: Peer, forGood: boolean): void {
    this.#peers.delete(peer.desired.name);
    for (const record of peer.children.values()) this.#byReqid.delete(record.reqid);
    if (forGood) this.log({ level: "info", event: "peer-removed", peer: peer.desired.name });
    peer.down({ code: "operator", action: "removed" });
  }

  #standingReqids(): Map<string, number> {
    const reqids = new Map<string, number>();
    for (const peer of this.#peers.values()) {
      for (const [name, record] of peer.children) reqids.set(childKey(peer.desired.name, name), record.reqid);
    }
    return reqids;
  }

  #stop(): void {
    if (this.#phase.kind === "stopping" || this.#phase.kind === "stopped") return;
    this.#phase = {
      kind: "stopping",
      desired: this.#phase.kind === "running" ? this.#phase.desired : undefined,
    };
    for (const peer of this.#peers.values()) peer.down({ code: "operator", action: "stopped" });
    for (const sa of [...this.#sas.values()]) sa.close({ code: "operator", action: "stopped" });
  }

  #finishStopping(): void {
    if (this.#phase.kind !== "stopping" || this.#outbox.isAsking) return;
    for (const sa of this.#sas.values()) if (!sa.isOver) return;
    this.#phase = { kind: "stopped" };
    this.#outbox.stopped();
  }

  // --- the kernel's reports ---------------------------------------------------------------------------------------

  #onKernel(event: KernelEvent): void {
    switch (event.kind) {
      case "expire":
        if (event.hard) this.#expired(event.sa, event.reqid);
        return;
      case "acquire":
        // A template without an SA, though we think that one stands: something was lost.
        if (this.#byReqid.has(event.reqid)) this.#resync();
        return;
      case "overrun":
        this.log({ level: "warn", event: "resync", facts: { why: "the kernel's reports overran" } });
        return this.#resync();
      case "mapping":
        return;
    }
  }

  #expired(id: SaId, reqid: number): void {
    const key = saKey(id);
    const found = this.#findChild(reqid, (child) => halves(child).includes(key));
    if (found === undefined) return this.#standing.gone(reqid, id);
    found.sa.dropChild(found.child, { code: "lifetime-over", what: "Child SA" });
  }

  /** Compares what stands in the kernel with what should, and mends it. */
  #resync(): void {
    this.#outbox.kernel([{ kind: "listSas" }, { kind: "listPolicies" }], (answers) => {
      for (const answer of answers) {
        if (answer.kind === "sas") this.#mendSas(answer.sas);
        else if (answer.kind === "policies") this.#policies.resync(answer.policies);
        else if (answer.kind === "refused") {
          this.log({ level: "error", event: "resync", reason: { code: "kernel-refused", ...answer.refusal } });
          this.#resyncs.again();
        }
      }
    });
  }

  #mendSas(listed: readonly StandingSa[]): void {
    const there = new Set(listed.map(saKey));
    this.#standing.resync((sa) => there.has(saKey(sa)));
    for (const sa of [...this.#sas.values()]) {
      if (sa.state.kind !== "Established") continue;
      for (const child of [...sa.children.values()]) {
        const lost = wanted(sa, child).find((id) => !there.has(saKey(id)));
        if (lost !== undefined) sa.dropChild(child, { code: "sa-vanished", spi: lost.spi });
      }
    }
  }

  #findChild(reqid: number, matches: (child: ChildSa) => boolean): { sa: IkeSa; child: ChildSa } | undefined {
    for (const sa of this.#byReqid.get(reqid)?.sas ?? []) {
      for (const child of sa.children.values()) if (child.reqid === reqid && matches(child)) return { sa, child };
    }
    return undefined;
  }

  #freshSpi(): bigint {
    for (;;) {
      const octets = this.#options.random(8);
      const spi = Buffer.from(octets.buffer, octets.byteOffset, 8).readBigUInt64BE(0);
      if (spi !== 0n && !this.#sas.has(spi)) return spi;
    }
  }

  // --- what an IKE SA asks (Host) ---------------------------------------------------------------------------------

  now(): number {
    return this.#now;
  }

  random(length: number): Uint8Array {
    return this.#options.random(length);
  }

  send(octets: Uint8Array, path: Path): void {
    this.#outbox.send(octets, path);
  }

  log(record: LogRecord): void {
    this.#outbox.log(record);
  }

  dropped(tell: () => Pick<LogRecord, "peer" | "facts">): void {
    const unsaid = this.#throttle.admit(this.#now);
    if (unsaid === undefined) return;
    const { peer, facts } = tell();
    this.log({
      level: "debug",
      event: "message-dropped",
      ...(peer === undefined ? {} : { peer }),
      facts: { ...facts, ...(unsaid === 0 ? {} : { unsaid }) },
    });
  }

  inspect(sa: IkeSa): void {
    for (const child of sa.children.values()) {
      for (const id of wanted(sa, child)) {
        this.#outbox.kernel([{ kind: "querySa", sa: id }], ([answer]) => {
          if (answer?.kind !== "refused" || answer.refusal.errno !== "ESRCH") return;
          if (sa.state.kind === "Established" && sa.children.get(child.spiIn) === child)
            sa.dropChild(child, { code: "sa-vanished", spi: id.spi });
        });
      }
    }
  }

  compute(sa: IkeSa, job: ComputeJob, then: (result: ComputeResult) => void, tooLate?: () => void): void {
    this.#sas.set(sa.localSpi, sa);
    this.#outbox.compute(job, (result) => {
      if (!sa.isOver) return then(result);
      if (result.kind === "shared") wipe(result.secret);
      else if (result.kind === "generated") result.pair.destroy();
      tooLate?.();
    });
  }

  kernel(requests: readonly KernelRequest[], then: (answers: readonly KernelAnswer[]) => void): void {
    for (const request of requests) this.#repairs.supersede(request);
    this.#outbox.kernel(requests, then);
  }

  removeSa(id: SaId): void {
    this.#repairs.insist({ kind: "deleteSa", sa: id });
  }

  arm(owner: TimerOwner, name: TimerName | string, at: number): void {
    this.#timers.arm(owner, name, at);
  }

  disarm(owner: TimerOwner, name: TimerName | string): void {
    this.#timers.disarm(owner, name);
  }

  selectPeer(claim: PeerClaim): { readonly peer: PeerDesired } | { readonly reason: Reason } {
    return this.#directory.select(claim.path, claim.remoteId, claim.localId);
  }

  childCandidates(peer: PeerDesired): readonly ChildDesired[] {
    return this.#peers.get(peer.name)?.childCandidates() ?? [];
  }

  firstChild(sa: IkeSa): ChildDesired | undefined {
    return this.#peerOf(sa)?.firstChild(sa);
  }

  isInitialContact(sa: IkeSa, peer: PeerDesired): boolean {
    for (const other of this.#peers.get(peer.name)?.sas ?? []) {
      if (other !== sa && other.state.kind === "Established") return false;
    }
    return true;
  }

  reqid(peer: PeerDesired, child: ChildDesired): number {
    return this.#peers.get(peer.name)?.children.get(child.name)?.reqid ?? 0;
  }

  protectRequests(child: ChildSa): KernelRequest[] {
    return this.#policies.protect(child);
  }

  unprotect(child: ChildSa): void {
    this.#policies.release(child);
  }

  established(sa: IkeSa, initialContact: boolean): void {
    this.#responder.leave(sa);
    this.log({
      level: "info",
      event: "ike-sa-up",
      ...nameOf(sa),
      facts: { role: sa.role, remote: formatEndpoint(sa.path.remote), identity: sa.remoteId?.text ?? "" },
    });
    this.#peerOf(sa)?.established(sa, initialContact);
  }

  childUp(sa: IkeSa, child: ChildSa): void {
    this.log({ level: "info", event: "child-sa-up", ...nameOf(sa), child: child.desired.name, facts: spis(child) });
    this.#standing.replaced(child.reqid);
    this.#routes.add(child);
    this.#peerOf(sa)?.childUp(child);
  }

  isCarried(child: ChildSa): boolean {
    if (this.#standing.has(child.reqid)) return true;
    for (const other of this.#byReqid.get(child.reqid)?.children.get(child.desired.name)?.sas ?? []) {
      if (other.local === child.local && other.remote === child.remote) return true;
    }
    return false;
  }

  outboundUp(sa: IkeSa): void {
    this.#peerOf(sa)?.outboundUp();
  }

  childFailed(sa: IkeSa, child: string, reason: Reason): void {
    this.log({ level: "warn", event: "child-sa-failed", ...nameOf(sa), child, reason });
    this.#peerOf(sa)?.childFailed(child, reason);
  }

  childGone(sa: IkeSa, child: ChildSa, reason: Reason, outbound: boolean): void {
    this.log({
      level: "info",
      event: "child-sa-down",
      ...nameOf(sa),
      child: child.desired.name,
      reason,
      facts: spis(child),
    });
    // Whatever is to carry its packets now must not wait any longer.
    for (const other of this.#byReqid.get(child.reqid)?.sas ?? []) other.sendNow(child.reqid);
    // Locked before the SAs go: at no moment may the template be the only thing that holds the packets.
    this.#policies.release(child);
    this.#routes.remove(child);
    this.removeSa(inboundId(child));
    if (outbound) this.removeSa(outboundId(child));
    this.#peerOf(sa)?.childGone(child, reason);
  }

  noted(sa: IkeSa, reason: Reason): void {
    const peer = this.#peerOf(sa);
    if (peer === undefined || equalData(peer.reason, reason)) return;
    peer.reason = reason;
    this.log({ level: "warn", event: "ike-sa-failed", ...nameOf(sa), reason });
  }

  refused(peers: readonly PeerDesired[], reason: Reason): void {
    const [only, ...more] = peers;
    const peer = only === undefined || more.length > 0 ? undefined : this.#peers.get(only.name);
    if (peer !== undefined && peer.state !== "up") peer.reason = reason;
  }

  ended(sa: IkeSa, reason: Reason): void {
    const stood = sa.establishedAt > 0;
    this.log({
      level: stood ? "info" : "warn",
      event: stood ? "ike-sa-down" : "ike-sa-failed",
      ...nameOf(sa),
      reason,
      facts: { remote: formatEndpoint(sa.path.remote) },
    });
    this.#peerOf(sa)?.ended(sa, reason);
    if (sa.peer === undefined) this.refused(this.#directory.at(sa.path), reason);
  }

  forget(sa: IkeSa): void {
    // Not before: one that was refused, and lingers, costs as much as one that is half open.
    this.#responder.leave(sa);
    this.#timers.forget(sa);
    this.#sas.delete(sa.localSpi);
  }

  // --- what a peer asks (PeerContext) -----------------------------------------------------------------------------

  initiate(peer: Peer, path: Path): IkeSa {
    return initiate(this, peer.desired, path, this.#freshSpi());
  }

  /** Its children are carried elsewhere: from now on packets leave on what is newer, while it still receives. */
  retire(sa: IkeSa): void {
    for (const child of sa.children.values()) this.removeSa(outboundId(child));
  }

  connecting(peer: Peer, path: Path): void {
    this.log({
      level: "info",
      event: "peer-connecting",
      peer: peer.desired.name,
      facts: { remote: formatEndpoint(path.remote), attempt: peer.attempts },
    });
  }

  /** The peer that an IKE SA belongs to; a peer that was removed or replaced meanwhile is not asked any more. */
  #peerOf(sa: IkeSa): Peer | undefined {
    const peer = sa.peer === undefined ? undefined : this.#peers.get(sa.peer.name);
    return peer?.desired === sa.peer ? peer : undefined;
  }
}

function nameOf(sa: IkeSa): { peer?: string } {
  return sa.peer === undefined ? {} : { peer: sa.peer.name };
}

function spis(child: ChildSa): Record<string, string> {
  return { spiIn: child.spiIn.toString(16).padStart(8, "0"), spiOut: child.spiOut.toString(16).padStart(8, "0") };
}

/** What should stand of it by now. */
function wanted(sa: IkeSa, child: ChildSa): SaId[] {
  return sa.sendsOn(child) ? [inboundId(child), outboundId(child)] : [inboundId(child)];
}

function halves(child: ChildSa): string[] {
  return [saKey(inboundId(child)), saKey(outboundId(child))];
}

function saKey(id: SaId): string {
  return `${id.protocol} ${id.spi} ${id.destination}`;
}
