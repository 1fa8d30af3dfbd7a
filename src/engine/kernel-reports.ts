/** What the kernel reports unasked: SAs that ended, packets that found none, reports that were lost. */

import type { KernelEvent, SaId } from "../kernel/port.ts";
import type { Endpoint } from "../negotiate/address.ts";
import type { Selector } from "../negotiate/selector.ts";
import { espHeardFrom } from "../sa/path-change.ts";
import type { Parts } from "./parts.ts";
import type { Resync } from "./resync.ts";
import type { TimerOwner } from "./timers.ts";

/** How long after it is heard that reports were lost more may be lost that nothing tells of, in ms. */
const drained = 5_000;

/** Finds what a report is about; where something seems lost, the whole is compared. */
export class KernelReports implements TimerOwner {
  readonly #parts: Parts;
  readonly #resync: Resync;

  constructor(parts: Parts, resync: Resync) {
    this.#parts = parts;
    this.#resync = resync;
  }

  /** Takes one report. */
  receive(event: KernelEvent): void {
    switch (event.kind) {
      case "expire":
        if (event.hard) return this.#expired(event.sa, event.reqid);
        return this.#ages(event.sa, event.reqid);
      case "acquire":
        return this.#acquired(event.reqid, event.packet);
      case "overrun":
        this.#parts.outbox.log({ level: "warn", event: "resync", facts: { why: "the kernel's reports overran" } });
        this.#parts.timers.arm(this, "acquires", this.#parts.now + drained);
        this.#askForAcquires();
        return this.#resync.run();
      case "mapping":
        return this.#mapped(event.sa, event.reqid, event.from);
    }
  }

  onTimer(): void {
    this.#askForAcquires();
  }

  /** An acquire may be among what was lost, and the kernel raises no other for a while. */
  #askForAcquires(): void {
    for (const peer of this.#parts.running.peers) peer.demand.reportsLost();
  }

  /** Without replay protection, a packet that was sent long ago would bring an old address back (RFC 7296 2.23). */
  #mapped(id: SaId, reqid: number, from: Endpoint): void {
    const found = this.#parts.running.findChild(reqid, id);
    if (found !== undefined && found.child.desired.replayWindow > 0) espHeardFrom(found.sa, from);
  }

  /** A soft limit: it is to be replaced before it ends. */
  #ages(id: SaId, reqid: number): void {
    const found = this.#parts.running.findChild(reqid, id);
    found?.sa.children.rekey(found.child);
  }

  #acquired(reqid: number, packet: Selector): void {
    const peer = this.#parts.running.peerByReqid(reqid);
    if (peer === undefined) return;
    for (const record of peer.children.values()) {
      // A template without an SA, though we think that one stands: something was lost.
      if (record.reqid === reqid && !peer.acquired(record, packet)) this.#resync.run();
    }
  }

  #expired(id: SaId, reqid: number): void {
    const found = this.#parts.running.findChild(reqid, id);
    if (found === undefined) return this.#parts.standing.gone(reqid, id);
    found.sa.children.drop(found.child, { code: "lifetime-over", what: "Child SA" });
  }
}
