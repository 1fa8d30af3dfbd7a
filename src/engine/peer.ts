/** One configured peer: keeps its IKE SA and its children what the operator wants them to be. */

import { type Address, familyOf } from "../negotiate/address.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import { authenticates, type ChildDesired, type PeerDesired } from "../sa/desired.ts";
import { ikePort, natTraversalPort, type Path } from "../sa/path.ts";
import { backoff } from "./backoff.ts";
import { ChildRecord } from "./child-record.ts";
import { Demand, type DemandContext } from "./demand.ts";
import { Handover, handoverTimers } from "./handover.ts";
import { Redundancy } from "./redundancy.ts";
import type { PeerStatus } from "./status.ts";
import type { TimerOwner } from "./timers.ts";
import { isOnDemand } from "./traps.ts";

/** How long after its last request the initiator of an IKE SA is left to ask for the next child, in ms. */
const responderPatience = 3_000;

/** Requests for children that are under way at a time: the queue of an IKE SA is bounded. */
const concurrentChildren = 16;

/** An IKE SA that ends sooner than this after it was established counts as a failed attempt, in ms. */
const shortLife = 10_000;

export interface PeerContext extends DemandContext {
  random(length: number): Uint8Array;
  disarm(owner: TimerOwner, name: string): void;
  /** Stops sending on an IKE SA's children, whose traffic another carries. */
  retire(sa: AnyIkeSa): void;
  /** Opens an IKE SA; the peer gets to know it by `adopt`. */
  initiate(peer: Peer, path: Path, redirectedFrom: Address | undefined): AnyIkeSa;
  connecting(peer: Peer, path: Path): void;
  /** Our address from which a peer is called. */
  callingFrom(peer: PeerDesired): Address | undefined;
}

export type PeerState = PeerStatus["state"];

export class Peer implements TimerOwner {
  desired: PeerDesired;
  readonly children = new Map<string, ChildRecord>();
  /** Every IKE SA with this peer that is not over: opened by us, or authenticated as this peer. */
  readonly sas = new Set<AnyIkeSa>();
  state: PeerState;
  since: number;
  reason: Reason | undefined;
  attempts = 0;
  /** Attempts since it was last up. */
  #failures = 0;
  #retryAt = 0;
  /** Since when the operator wants it up, whoever calls by the file; until everything is up, or a call made since failed. */
  #wishedAt: number | undefined;
  /** IKE SAs in a row that ended soon after they were established. */
  #shortLives = 0;
  /** How its IKE SAs give way to others. */
  readonly handover: Handover;
  readonly redundancy: Redundancy;
  readonly demand: Demand;
  readonly #context: PeerContext;

  constructor(desired: PeerDesired, reqid: (child: ChildDesired) => number, context: PeerContext) {
    this.desired = desired;
    this.#context = context;
    this.since = context.now();
    for (const child of desired.children) {
      this.children.set(child.name, new ChildRecord(child, reqid(child), this.since, isOnDemand(desired, child)));
    }
    this.demand = new Demand(this, this.sas, context);
    this.state = this.#idleState();
    const own = {
      sas: this.sas,
      children: this.children,
      now: () => context.now(),
      lookAgain: (why: string, at: number) => context.arm(this, why, at),
      retire: (sa: AnyIkeSa) => context.retire(sa),
    };
    // RFC 7619 2.3: callers that prove nothing are not each other's successors.
    const unique = desired.remote === "any" && !authenticates(desired) ? "never" : desired.unique;
    this.redundancy = new Redundancy({ ...own, unique });
    const call = (address: Address, redirectedFrom?: Address) => this.#call(address, redirectedFrom);
    this.handover = new Handover({ ...own, desired, call });
  }

  /** Begins, once its policies stand. */
  start(): void {
    this.demand.begin();
    this.tend();
  }

  // --- what the operator wants ------------------------------------------------------------------------------------

  up(): void {
    if (this.state === "down") this.#change(this.#idleState());
    this.#failures = 0;
    this.#shortLives = 0;
    this.#retryAt = 0;
    this.redundancy.beginAnew();
    for (const child of this.children.values()) child.beginAnew();
    this.demand.askForAll();
    if (!this.#isComplete) this.#wishedAt = this.#context.now();
    this.tend();
  }

  down(reason: Reason): void {
    this.#change("down");
    this.#wishedAt = undefined;
    this.reason = reason;
    for (const timer of ["tend", "redundant", "leftovers", "crossed", ...handoverTimers])
      this.#context.disarm(this, timer);
    for (const sa of [...this.sas]) sa.close(reason);
  }

  /** Replaces every Child SA, or every IKE SA, without waiting for its time. */
  rekey(what: "children" | "ike"): void {
    for (const sa of [...this.sas]) {
      if (what === "ike") sa.dialect.rekey();
      else for (const child of [...sa.children.values()]) sa.children.rekey(child);
    }
  }

  // --- what its IKE SAs ask ---------------------------------------------------------------------------------------

  /** Why a caller that has proved this identity is turned away; undefined where it is welcome. */
  unwelcome(identity: Identity, path: Path): Reason | undefined {
    const reason = this.redundancy.unwelcome(identity, path);
    if (reason !== undefined) this.reason = reason;
    return reason;
  }

  /**
   * Whether to tell the peer that this is our only IKE SA with it. Not while SAs of a former run carry traffic: some peers
   * delete theirs at once, before the new ones stand. `left` says whether such stand.
   */
  isInitialContact(sa: AnyIkeSa, left: (reqid: number) => boolean): boolean {
    if (this.desired.unique === "never") return false;
    for (const other of this.sas) if (other !== sa && other.state.kind === "Established") return false;
    for (const { reqid } of this.children.values()) if (left(reqid)) return false;
    return true;
  }

  /** The same peer with other credentials: what stands goes on, and whoever proves itself next does so with them. */
  renew(desired: PeerDesired): void {
    this.desired = desired;
    for (const sa of this.sas) sa.peer = desired;
  }

  /** The same peer, from another address of ours (RFC 4555): what stands goes there. False where some IKE SA cannot. */
  relocate(desired: PeerDesired): boolean {
    if (![...this.sas].every((sa) => sa.dialect.canMove || sa.isOver)) return false;
    this.desired = desired;
    for (const sa of this.sas) {
      sa.peer = desired;
      sa.dialect.addressesChanged();
    }
    return true;
  }

  /** The peer has lost it, while its kernel may go on: another takes its place, where one stands, or we may call. Whether one does. */
  forgotten(sa: AnyIkeSa): boolean {
    this.redundancy.forgotten(sa);
    return this.redundancy.main() !== undefined || this.handover.renew(sa);
  }

  // --- what happens to its IKE SAs --------------------------------------------------------------------------------

  established(sa: AnyIkeSa, initialContact: boolean): void {
    sa.peer = this.desired;
    this.sas.add(sa);
    if (this.state === "down") return sa.close(this.reason ?? { code: "operator", action: "down" });
    this.#failures = 0;
    this.reason = undefined;
    this.#change("up");
    // Of those who may call from anywhere there may be very many, and none is called.
    if (sa.role === "responder" && this.desired.remote !== "any") this.redundancy.giveUpOwnCalls();
    this.redundancy.established(sa, initialContact);
    this.tend();
  }

  /** `heir` has taken the place of `sa`, and carries its children. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void {
    if (!this.sas.delete(sa)) return;
    this.sas.add(heir);
    this.redundancy.rekeyed(sa, heir);
    this.handover.rekeyed(sa, heir);
    for (const { state } of this.children.values()) {
      if (state.kind === "connecting" && state.by === sa) state.by = heir;
      else if (state.kind === "up" && state.movingTo === sa) state.movingTo = heir;
    }
    this.tend();
  }

  ended(sa: AnyIkeSa, reason: Reason): void {
    const stood = sa.establishedAt > 0;
    if (!this.sas.delete(sa)) return;
    if (!stood && this.#wishedAt !== undefined && sa.createdAt >= this.#wishedAt) this.#wishedAt = undefined;
    this.redundancy.ended(sa);
    this.handover.ended(sa);
    for (const child of this.children.values()) {
      const { state } = child;
      if (state.kind === "connecting" ? state.by === sa : state.kind === "locked" && this.demand.has(child))
        this.#lock(child, reason, 0);
    }
    if (this.state === "down") return;
    if (this.desired.remote === "any" ? this.sas.size > 0 : this.redundancy.main() !== undefined) return this.tend();
    this.reason = reason;
    this.#change(this.#idleState());
    const now = this.#context.now();
    if (stood) this.#shortLives = now - sa.establishedAt < shortLife ? this.#shortLives + 1 : 0;
    this.#failures = stood ? 1 + this.#shortLives : this.#failures + 1;
    this.#retryAt = now + backoff(this.desired.timing, this.#failures, (n) => this.#context.random(n));
    this.tend();
  }

  // --- what happens to its children -------------------------------------------------------------------------------

  /** A packet of the child found no SA. Whether that was to be expected; if not, an SA was lost unheard. */
  acquired(record: ChildRecord, packet: Selector): boolean {
    // While it is wanted down, the kernel's own timer has the next packet ask again.
    if (this.state === "down" && record.state.kind === "waiting") return true;
    const found = this.demand.acquired(record, packet);
    if (found === "asked") this.tend();
    return found !== "lost";
  }

  childUp(sa: AnyIkeSa, child: ChildSa): void {
    const record = this.children.get(child.desired.name);
    if (record === undefined) return;
    record.add(child);
    record.reason = undefined;
    record.failures = 0;
    record.change({ kind: "up" }, this.#context.now());
    this.demand.up(record);
    // Whether all is there is asked only where it was wished for: a peer that calls from anywhere has very many IKE SAs to look through.
    if (this.#wishedAt !== undefined && this.#isComplete) this.#wishedAt = undefined;
    this.redundancy.closeLeftovers(sa);
    this.tend();
  }

  /** A Child SA that stood is what is sent on now. */
  outboundUp(sa: AnyIkeSa): void {
    this.redundancy.closeLeftovers(sa);
    this.tend();
  }

  /** `name` is empty where the peer asked for something that is none of its children. */
  childFailed(name: string, reason: Reason): void {
    const record = this.children.get(name);
    if (record === undefined) {
      this.reason = reason;
      return;
    }
    record.failures += 1;
    const wait = backoff(this.desired.timing, record.failures, (n) => this.#context.random(n));
    record.failed(reason, this.#context.now() + wait);
    this.#lock(record, reason, wait);
    this.tend();
  }

  childGone(child: ChildSa, reason: Reason): void {
    const record = this.children.get(child.desired.name);
    if (record === undefined) return;
    record.remove(child);
    const wait = reason.code === "peer-deleted" ? this.desired.timing.retryFirst : 0;
    if (record.sas.size === 0) this.#lock(record, reason, wait);
    // The last one was idle: nobody needs the IKE SA.
    if (reason.code === "idle" && !this.demand.isWanted) for (const sa of [...this.sas]) sa.close(reason);
    this.tend();
  }

  /** The first child that is to be asked for in IKE_AUTH; from now on this IKE SA asks for it. */
  firstChild(sa: AnyIkeSa): ChildDesired | undefined {
    for (const record of this.children.values()) {
      if (record.state.kind === "up" || record.state.kind === "waiting") continue;
      record.change({ kind: "connecting", by: sa }, this.#context.now());
      return record.desired;
    }
    // It moves there: nobody else is to ask for it on that IKE SA.
    const [record] = this.children.values();
    record?.change({ kind: "up", movingTo: sa }, this.#context.now());
    return record?.desired;
  }

  /** Those that are not up first: a peer that asks means one of them. */
  childCandidates(): ChildDesired[] {
    const records = [...this.children.values()];
    const down = records.filter((record) => record.state.kind !== "up");
    const up = records.filter((record) => record.state.kind === "up");
    return [...down, ...up].map((record) => record.desired);
  }

  // --- what is to be done next ------------------------------------------------------------------------------------

  onTimer(): void {
    this.redundancy.closeLeftovers();
    this.tend();
  }

  /** Does what brings the peer nearer to what is wanted, and arms the timer for what must wait. */
  tend(): void {
    if (this.state === "down") return;
    this.handover.tend();
    // Whoever may call from anywhere is not called, and asks for its children itself.
    if (this.desired.remote === "any") return;
    const main = this.redundancy.main();
    if (main !== undefined) {
      this.#tendChildren(main);
      this.redundancy.tend(main);
      return;
    }
    if (this.sas.size > 0 || !this.#mayAsk || !this.demand.isWanted) return;
    const now = this.#context.now();
    if (this.#retryAt > now) return this.#context.arm(this, "tend", this.#retryAt);
    this.#connect();
  }

  #connect(): void {
    const { remote, local } = this.desired;
    if (remote === "any" || local === undefined) return;
    const addresses = remote.filter((address) => familyOf(address) === familyOf(local));
    const address = addresses[this.attempts % Math.max(1, addresses.length)];
    if (address === undefined) return;
    this.#change("connecting");
    this.#call(address);
  }

  #call(address: Address, redirectedFrom?: Address): AnyIkeSa | undefined {
    const { remote, port } = this.desired;
    const local = this.#context.callingFrom(this.desired);
    if (remote === "any" || local === undefined) return undefined;
    this.attempts += 1;
    // RFC 7296 2.23: an IKE message to any other port than 500 carries the marker, and comes from our port for that.
    const ownPort = port === ikePort ? ikePort : natTraversalPort;
    const path: Path = { local: { address: local, port: ownPort }, remote: { address, port } };
    this.#context.connecting(this, path);
    const sa = this.#context.initiate(this, path, redirectedFrom);
    this.sas.add(sa);
    return sa;
  }

  #tendChildren(main: AnyIkeSa): void {
    const isCalled = !this.#mayAsk && main.origin === "responder";
    if (isCalled && !main.dialect.mayCarryOn) return;
    const now = this.#context.now();
    const patience = main.origin === "responder" ? main.lastAnswered + responderPatience : 0;
    let next = Number.POSITIVE_INFINITY;
    for (const record of this.children.values()) {
      if (record.state.kind !== "locked" || (isCalled && !this.#context.isServed(record.reqid))) continue;
      const at = Math.max(record.state.retryAt, patience);
      if (at > now) next = Math.min(next, at);
      else if (!this.#mayAskMore()) return;
      else {
        record.change({ kind: "connecting", by: main }, now);
        main.dialect.askForChild(record.desired);
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#context.arm(this, "tend", next);
  }

  /** Whether there is nothing left to be asked for. */
  get #isComplete(): boolean {
    const missing = [...this.children.values()].some(
      ({ state: { kind } }) => kind === "locked" || kind === "connecting",
    );
    return !missing && this.redundancy.main() !== undefined;
  }

  get #mayAsk(): boolean {
    return this.desired.initiate || this.#wishedAt !== undefined;
  }

  /** The others wait: each that comes up or fails has the peer tended again. */
  #mayAskMore(): boolean {
    let asked = 0;
    for (const { state } of this.children.values()) if (state.kind === "connecting") asked += 1;
    return asked < concurrentChildren;
  }

  #lock(record: ChildRecord, reason: Reason, wait: number): void {
    const now = this.#context.now();
    record.reason = reason;
    if (record.sas.size > 0) return record.state.kind === "up" ? undefined : record.change({ kind: "up" }, now);
    if (this.demand.has(record)) return this.demand.wait(record, now + wait);
    record.change({ kind: "locked", retryAt: now + wait }, now);
  }

  #change(state: PeerState): void {
    if (state === this.state) return;
    this.state = state;
    this.since = this.#context.now();
  }

  #idleState(): PeerState {
    const calls = this.desired.initiate && this.desired.remote !== "any" && this.demand.isWanted;
    return calls ? "connecting" : "waiting";
  }
}
