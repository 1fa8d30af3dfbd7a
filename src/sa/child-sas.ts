/** The Child SAs of one IKE SA: which stand, which are being replaced, which outbound halves wait, and when each ends. */
import type { SaLimits, SaProtocol, SaUsage } from "../kernel/port.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "./any-ike-sa.ts";
import type { Outbound } from "./child-install.ts";
import { encapsulationOf } from "./child-nat.ts";
import { type ChildSa, isBetween, outboundId, protocolOf } from "./child-sa.ts";
import type { ChildState, OwnRekey, Through } from "./child-state.ts";
import { hardLimitGrace, outboundWait, replacedPatience } from "./constants.ts";
import type { ChildDesired } from "./desired.ts";
import { rekeyRetry } from "./lifetime.ts";
import { formatEndpoint } from "./path.ts";
import { UnderWay } from "./under-way.ts";
import { type OutboundLater, WaitingOutbound } from "./waiting-outbound.ts";

interface Entry {
  readonly child: ChildSa;
  state: ChildState;
  /** Its outbound half is in the kernel. */
  sends: boolean;
  /** Rekeys in a row that failed. */
  failures: number;
  /** Another of the same rekey, which goes with it. */
  twin?: ChildSa;
  /** Packets that its two halves had carried when the kernel was last asked. */
  received: bigint;
  sent: bigint;
}

const standing: ChildState = { kind: "Standing" };

/**
 * By inbound SPI, in the order in which they came to stand. Owns its timers, and has each Child SA's end carried out. The
 * whole changes hands when the IKE SA is rekeyed.
 */
export class ChildSas {
  #sa: AnyIkeSa;
  readonly #entries = new Map<number, Entry>();
  readonly outbound: WaitingOutbound;
  readonly exchanges: UnderWay = new UnderWay();

  constructor(sa: AnyIkeSa) {
    this.#sa = sa;
    this.outbound = new WaitingOutbound(this, sa.host);
  }

  /** Another IKE SA has inherited them (RFC 7296 2.8). */
  moveTo(sa: AnyIkeSa): void {
    this.#sa = sa;
  }

  /** Takes over all that another has, whose IKE SA is gone or is going. What waits there to be sent on is sent on. */
  absorb(other: ChildSas): void {
    const waiting = [...other.values()].filter((child) => other.outbound.has(child));
    other.sendNow();
    for (const [spiIn, entry] of [...other.#entries]) {
      if (waiting.includes(entry.child)) entry.sends = true;
      other.#entries.delete(spiIn);
      for (const timer of ["hard-limit", "rekey"]) this.#sa.host.disarm(other, `${timer} ${spiIn}`);
      this.#entries.set(spiIn, entry);
      this.#armLimits(entry);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  *values(): Generator<ChildSa> {
    for (const { child } of this.#entries.values()) yield child;
  }

  /** The one with this SPI of ours. */
  get(spiIn: number): ChildSa | undefined {
    return this.#entries.get(spiIn)?.child;
  }

  /** The one that the peer names by its own SPI. */
  named(protocol: SaProtocol, spiOut: number): ChildSa | undefined {
    for (const { child } of this.#entries.values()) {
      if (child.spiOut === spiOut && protocolOf(child) === protocol) return child;
      if (protocol === "ah" && child.ah?.spiOut === spiOut) return child;
    }
    return undefined;
  }

  /** Pairs of SAs that there are of one child. */
  countOf(desired: ChildDesired): number {
    let count = 0;
    for (const { child } of this.#entries.values()) if (child.desired.name === desired.name) count += 1;
    return count;
  }

  has(child: ChildSa): boolean {
    return this.get(child.spiIn) === child;
  }

  /** How it is to be replaced or closed; undefined once it is gone. */
  state(child: ChildSa): ChildState | undefined {
    const entry = this.#entries.get(child.spiIn);
    return entry?.child === child ? entry.state : undefined;
  }

  // --- their coming and going --------------------------------------------------------------------------------------

  /** A Child SA that stands in the kernel, but for an outbound half that waits or never comes. */
  add(child: ChildSa, outbound: Outbound = "now"): void {
    const { host } = this.#sa;
    const sends = outbound === "now" && !this.outbound.has(child);
    const entry: Entry = { child, state: standing, sends, failures: 0, received: 0n, sent: 0n };
    this.#entries.set(child.spiIn, entry);
    this.#armLimits(entry);
    host.childUp(this.#sa, child);
    // The way may have changed while the kernel was busy with it.
    this.follow();
  }

  /** Other soft limits than it came with. */
  limit(child: ChildSa, soft: SaLimits): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry?.child !== child || entry.state.kind !== "Standing") return;
    child.soft = soft;
    this.#armLimits(entry);
  }

  #armLimits({ child, state }: Entry): void {
    const { host } = this.#sa;
    // The kernel ends it at that time by itself; its report may be lost.
    host.arm(this, `hard-limit ${child.spiIn}`, child.since + child.desired.hard.seconds * 1000 + hardLimitGrace);
    const { soft } = child;
    if (state.kind === "Replaced") host.arm(this, `rekey ${child.spiIn}`, host.now() + replacedPatience);
    else if (soft !== undefined && soft.seconds > 0)
      host.arm(this, `rekey ${child.spiIn}`, child.since + soft.seconds * 1000);
  }

  /** Takes a Child SA out of the record and has it removed from the kernel. */
  remove(child: ChildSa, reason: Reason): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry?.child !== child) return;
    this.#entries.delete(child.spiIn);
    const outboundStands = this.outbound.forget(child) ?? entry.sends;
    const outbound = outboundStands ? (this.#sendsOnSuccessor(entry) ? "succeeded" : "last") : "none";
    this.#sa.host.disarm(this, `hard-limit ${child.spiIn}`);
    this.#sa.host.disarm(this, `rekey ${child.spiIn}`);
    const by = successorOf(entry);
    this.#succeeded(child, by !== undefined && this.has(by) ? by : undefined);
    this.#sa.host.childGone(this.#sa, child, reason, outbound);
  }

  /** What came in the place of others is gone, and `by` carries on in its own place; if nothing does, they are to be rekeyed after all. */
  #succeeded(gone: ChildSa, by: ChildSa | undefined): void {
    for (const other of this.#entries.values()) {
      const { state } = other;
      if (state.kind === "Deleting" && state.by === gone) other.state = { kind: "Deleting", by };
      if (state.kind !== "Replaced" || state.by !== gone) continue;
      // Newer than both: whatever the peer took for the one that counts, it has that.
      if (by !== undefined) other.state = { kind: "Replaced", by, through: "rekey" };
      else {
        other.state = standing;
        this.#rekeyLater(other);
      }
    }
  }

  /**
   * The peer has what it put in its place, or it would not delete this one. Whether it has what came after that already, as
   * requests that wait for no other arrive in any order, nothing tells yet.
   */
  #sendsOnSuccessor(entry: Entry): boolean {
    const by = entry.state.kind === "Deleting" ? undefined : successorOf(entry);
    if (by === undefined || !this.has(by)) return false;
    return this.outbound.installOne(by) || this.sendsOn(by);
  }

  /** Removes all: the IKE SA is over. */
  removeAll(reason: Reason): void {
    // First those on which nothing is sent yet: they are not to take over from the others, and go with them.
    const all = [...this.values()];
    for (const child of all) if (this.outbound.isHeld(child)) this.remove(child, reason);
    for (const child of all) this.remove(child, reason);
    this.#sa.host.disarm(this, "outbound");
  }

  /**
   * Has the peer drop a Child SA that is one too many, or whose place `by` has taken. From now on nothing is sent on it, and it
   * receives until the peer has answered, so that nothing is lost.
   */
  retire(child: ChildSa, reason: Reason, by?: ChildSa): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry?.child !== child || entry.state.kind === "Deleting") return;
    entry.state = { kind: "Deleting", by: by ?? successorOf(entry) };
    this.stopSending(child);
    this.#sa.dialect.deleteChild(child, () => this.#sa.holder.children.remove(child, reason));
    if (entry.twin !== undefined) this.retire(entry.twin, reason, by);
  }

  /** A Child SA of ours ended in the kernel: the rest of the pair goes, and the peer is told to drop its half. */
  drop(child: ChildSa, reason: Reason): void {
    if (!this.has(child)) return;
    const isTold = this.state(child)?.kind === "Deleting";
    if (this.#sa.state.kind === "Established" && !isTold) this.#sa.dialect.deleteChild(child);
    this.remove(child, reason);
  }

  /**
   * The IKE SA takes another way: its Child SAs go with it. In transport mode the selectors hold the addresses, and so do
   * the overlay's own devices: what other addresses are to carry is negotiated anew. The same where a NAT is on the way no
   * more: the kernel cannot take the UDP header off a standing SA.
   */
  follow(): void {
    const { host, path } = this.#sa;
    const ends = { local: path.local.address, remote: path.remote.address, encapsulation: encapsulationOf(this.#sa) };
    for (const child of [...this.values()]) {
      if (!this.has(child) || isBetween(child, ends)) continue;
      const elsewhere = child.local !== ends.local || child.remote !== ends.remote;
      if (elsewhere && child.mode === "transport") this.strand(child, "transport mode is bound to its addresses");
      else if (elsewhere && child.compression !== undefined) this.strand(child, "IPComp is bound to its addresses");
      else if (elsewhere && child.ah !== undefined) this.strand(child, "AH around ESP is bound to its addresses");
      else if (child.encapsulation !== undefined && ends.encapsulation === undefined)
        this.strand(child, "ESP cannot leave its UDP header behind");
      else host.moveChild(this.#sa, child, ends);
    }
  }

  /** A Child SA could not go where its IKE SA went. */
  strand(child: ChildSa, obstacle: string): void {
    const to = formatEndpoint(this.#sa.path.remote);
    this.drop(child, { code: "address-changed", child: child.desired.name, to, obstacle });
  }

  // --- what is sent on them ----------------------------------------------------------------------------------------

  /** Has a Child SA's outbound half wait for a sign that the peer can receive. */
  sendLater(child: ChildSa, outbound: OutboundLater): void {
    this.outbound.add(child, outbound);
  }

  /** Whether its outbound half stands. */
  sendsOn(child: ChildSa): boolean {
    const entry = this.#entries.get(child.spiIn);
    return entry?.child === child && entry.sends;
  }

  /** Whether its outbound half stands, or the kernel has been asked for it. */
  hasOutbound(child: ChildSa): boolean {
    return this.outbound.has(child) ? !this.outbound.isHeld(child) : this.sendsOn(child);
  }

  /** A Child SA whose outbound half may wait has other ends now. */
  redirect(child: ChildSa): void {
    this.outbound.redirect(child);
  }

  /** Installs the outbound halves that wait: all, or that of `child`. */
  sendNow(child?: ChildSa): void {
    this.outbound.install(child);
  }

  /** Takes a Child SA's outbound half away; it receives as before. */
  stopSending(child: ChildSa): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry?.child !== child) return;
    const stands = this.outbound.forget(child) ?? entry.sends;
    entry.sends = false;
    if (!stands) return;
    this.#sa.host.policies.sendNoMore(child);
    this.#sa.host.removeSa(outboundId(child));
  }

  /** An outbound half that waited stands now. */
  outboundUp(child: ChildSa): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry !== undefined) entry.sends = true;
    this.#sa.host.outboundUp(this.#sa, child);
  }

  /**
   * The kernel says what one half has carried: where a soft limit is reached, whose report may have been lost, the Child
   * SA is rekeyed. Whether it has carried anything since it was last asked.
   */
  counted(child: ChildSa, direction: "in" | "out", { bytes, packets }: SaUsage): boolean {
    const entry = this.#entries.get(child.spiIn);
    if (entry?.child !== child) return false;
    const before = direction === "in" ? entry.received : entry.sent;
    if (direction === "in") entry.received = packets;
    else entry.sent = packets;
    const { soft } = child;
    const isSpent =
      (soft?.bytes !== undefined && bytes >= soft.bytes) || (soft?.packets !== undefined && packets >= soft.packets);
    // Where a rekey has failed, the next try has its time.
    if (isSpent && entry.failures === 0) this.rekey(child);
    return packets > before;
  }

  // --- their replacement -------------------------------------------------------------------------------------------

  /** Asks for a pair that takes its place, unless that is under way or done (RFC 7296 1.3.3). */
  rekey(child: ChildSa): void {
    const entry = this.#entries.get(child.spiIn);
    if (this.#sa.state.kind !== "Established" || entry?.child !== child || entry.state.kind !== "Standing") return;
    // The peer may not have our response yet, and would not know what is meant.
    if (this.outbound.has(child))
      return this.#sa.host.arm(this, `rekey ${child.spiIn}`, this.#sa.host.now() + outboundWait);
    this.#sa.dialect.rekeyChild(child, (rekey) => {
      entry.state = { kind: "Rekeying", rekey };
    });
  }

  /** Whether our rekey of it is still wanted. */
  isRekeying(child: ChildSa, rekey: OwnRekey): boolean {
    const state = this.state(child);
    return state?.kind === "Rekeying" && state.rekey === rekey;
  }

  /** Our rekey of it came to nothing; unless the peer's own has replaced it, it is tried again. */
  rekeyFailed(child: ChildSa, rekey: OwnRekey): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry === undefined || !this.isRekeying(child, rekey)) return;
    const { crossed } = rekey;
    if (crossed !== undefined && this.has(crossed)) return this.replaced(child, crossed);
    entry.state = standing;
    this.#rekeyLater(entry);
  }

  /** `by` has taken its place, and the peer is to delete it. */
  replaced(child: ChildSa, by: ChildSa, through: Through = "rekey"): void {
    const entry = this.#entries.get(child.spiIn);
    if (entry?.child !== child || entry.state.kind === "Deleting") return;
    entry.state = { kind: "Replaced", by, through };
    this.#armLimits(entry);
  }

  /** Whether it goes with another, as soon as what is to take the place of both stands. */
  isTwin(child: ChildSa): boolean {
    for (const { twin } of this.#entries.values()) if (twin === child) return true;
    return false;
  }

  /**
   * The peer has had its time to delete it; it has what took its place where that does not wait to be sent on. Where rekeys
   * crossed and ours won, a peer that does not compare nonces may take its own for the one that counts, and stop to protect
   * anything when that is deleted: one that is newer than both takes the place of both.
   */
  #deleteReplaced(entry: Entry, { by, through }: Extract<ChildState, { kind: "Replaced" }>): void {
    const { child } = entry;
    if (this.outbound.has(by)) return this.#armLimits(entry);
    if (through === "rekey") return this.retire(child, { code: "replaced" });
    entry.state = standing;
    entry.twin = by;
    this.rekey(child);
  }

  #rekeyLater(entry: Entry): void {
    const { host } = this.#sa;
    entry.failures += 1;
    const wait = rekeyRetry(entry.failures, (length) => host.random(length));
    host.arm(this, `rekey ${entry.child.spiIn}`, host.now() + wait);
  }

  /** The peer repeats a request that has been answered. */
  requestRepeated(): void {
    this.outbound.extend();
  }

  /** Whether another Child SA stands in whose place it comes, and which the peer is to delete. */
  #isReplacing(child: ChildSa): boolean {
    for (const { state } of this.#entries.values()) {
      if (state.kind === "Replaced" && state.by === child) return true;
      if (state.kind === "Rekeying" && state.rekey.crossed === child) return true;
    }
    return false;
  }

  onTimer(name: string): void {
    if (name === "outbound") return this.outbound.tick((child) => this.#isReplacing(child));
    const [what, spi] = name.split(" ");
    const child = this.get(Number(spi));
    if (child === undefined) return;
    const entry = this.#entries.get(child.spiIn);
    if (what === "rekey" && entry?.state.kind === "Replaced") return this.#deleteReplaced(entry, entry.state);
    if (what === "rekey") return this.rekey(child);
    this.drop(child, { code: "lifetime-over", what: "Child SA" });
  }
}

/** What has taken its place, or is about to. */
function successorOf({ state }: Entry): ChildSa | undefined {
  switch (state.kind) {
    case "Standing":
      return undefined;
    case "Rekeying":
      return state.rekey.crossed;
    case "Replaced":
    case "Deleting":
      return state.by;
  }
}
