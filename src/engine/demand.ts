/** Of one peer's children those on demand: which of them a packet has asked for, and which wait for one. */

import type { KernelRequest, SaId, SaUsage } from "../kernel/port.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { ChildRecord } from "./child-record.ts";
import { IdleWatch } from "./idle-watch.ts";
import type { TimerOwner } from "./timers.ts";
import { acquireClearances, isOnDemand } from "./traps.ts";

/** What is asked of what surrounds the peer. */
export interface DemandContext {
  now(): number;
  arm(owner: TimerOwner, name: string, at: number): void;
  /** The counters of SAs in the kernel; undefined for those that do not stand. */
  usages(sas: readonly SaId[], then: (usages: readonly (SaUsage | undefined)[]) => void): void;
  /** Has the kernel forget acquires of a child, so that the next packet raises one. */
  clearAcquires(requests: readonly KernelRequest[]): void;
  /** Whether SAs of a former run carry the traffic of that reqid. */
  isServed(reqid: number): boolean;
}

/** Moves children between `waiting` and `locked`; asking for those that are locked is the peer's. */
export class Demand {
  readonly #desired: PeerDesired;
  readonly #children: ReadonlyMap<string, ChildRecord>;
  readonly #context: DemandContext;
  readonly #idle: IdleWatch;

  constructor(
    peer: { readonly desired: PeerDesired; readonly children: ReadonlyMap<string, ChildRecord> },
    sas: ReadonlySet<AnyIkeSa>,
    context: DemandContext,
  ) {
    this.#desired = peer.desired;
    this.#children = peer.children;
    this.#context = context;
    this.#idle = new IdleWatch({
      sas,
      children: peer.children,
      now: () => context.now(),
      arm: (...armed) => context.arm(...armed),
      usages: (...asked) => context.usages(...asked),
    });
  }

  /**
   * Begins: what a former run left unanswered silences no packet. What its SAs still carry is asked for at once: no packet
   * would, and the peer gives them up when nobody answers for them.
   */
  begin(): void {
    for (const record of this.#children.values()) {
      if (record.state.kind !== "waiting") continue;
      if (this.#context.isServed(record.reqid)) this.#ask(record);
      else this.#clear(record);
    }
  }

  /** Reports of the kernel were lost: the next packet of a child that waits is to raise another acquire. */
  reportsLost(): void {
    for (const record of this.#children.values()) if (record.state.kind === "waiting") this.#clear(record);
  }

  /** The operator wants them all. */
  askForAll(): void {
    for (const record of this.#children.values()) if (record.state.kind === "waiting") this.#ask(record);
  }

  /** Whether there is a child to call for now. */
  get isWanted(): boolean {
    for (const { state } of this.#children.values()) if (state.kind !== "waiting") return true;
    return this.#children.size === 0;
  }

  /** A packet found no SA: `asked` where that was awaited, `lost` where an SA should have stood. */
  acquired(record: ChildRecord, packet: Selector): "asked" | "under way" | "lost" {
    if (!this.has(record) || record.state.kind === "up") return "lost";
    if (record.state.kind !== "waiting") return "under way";
    record.packet = packet;
    this.#ask(record);
    return "asked";
  }

  /** It came to nothing or has ended: the next packet asks again, but not before `retryAt`. */
  wait(record: ChildRecord, retryAt: number): void {
    record.change({ kind: "waiting", retryAt }, this.#context.now());
    this.#clear(record);
  }

  /** It stands. */
  up(record: ChildRecord): void {
    record.packet = undefined;
    this.#idle.up(record);
  }

  /** Whether it is negotiated on demand. */
  has(record: ChildRecord): boolean {
    return isOnDemand(this.#desired, record.desired);
  }

  #ask(record: ChildRecord): void {
    const retryAt = record.state.kind === "waiting" ? record.state.retryAt : 0;
    record.change({ kind: "locked", retryAt }, this.#context.now());
  }

  #clear(record: ChildRecord): void {
    this.#context.clearAcquires(acquireClearances(this.#desired, record.desired, record.reqid));
  }
}
