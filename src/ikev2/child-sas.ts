/** The Child SAs of one IKE SA: which stand, which outbound halves wait, and when the kernel ends them. */
import type { Reason } from "../negotiate/reason.ts";
import { type ChildSa, isBetween, outboundId, protocolOf } from "../sa/child-sa.ts";
import { formatEndpoint } from "../sa/path.ts";
import { encapsulationOf } from "./child-nat.ts";
import { hardLimitGrace } from "./constants.ts";
import { deleteChild } from "./exchanges/informational.ts";
import type { IkeSa } from "./ike-sa.ts";
import { type OutboundLater, WaitingOutbound } from "./waiting-outbound.ts";

/** By inbound SPI, in the order in which they came to stand. Owns its timers, and has each Child SA's end carried out. */
export class ChildSas {
  readonly #sa: IkeSa;
  readonly #standing = new Map<number, ChildSa>();
  readonly #outbound: WaitingOutbound;

  constructor(sa: IkeSa) {
    this.#sa = sa;
    this.#outbound = new WaitingOutbound(this, sa.host);
  }

  get size(): number {
    return this.#standing.size;
  }

  values(): IterableIterator<ChildSa> {
    return this.#standing.values();
  }

  /** The one with this SPI of ours. */
  get(spiIn: number): ChildSa | undefined {
    return this.#standing.get(spiIn);
  }

  /** A Child SA that stands in the kernel, but for an outbound half that waits. */
  add(child: ChildSa): void {
    const { host } = this.#sa;
    this.#standing.set(child.spiIn, child);
    // The kernel ends it at that time by itself; its report may be lost.
    host.arm(this, `hard-limit ${child.spiIn}`, child.since + child.desired.hard.seconds * 1000 + hardLimitGrace);
    host.childUp(this.#sa, child);
    // The way may have changed while the kernel was busy with it.
    this.follow();
  }

  /** Takes a Child SA out of the record and has it removed from the kernel. */
  remove(child: ChildSa, reason: Reason): void {
    if (!this.#standing.delete(child.spiIn)) return;
    const outboundStands = this.#outbound.forget(child);
    this.#sa.host.disarm(this, `hard-limit ${child.spiIn}`);
    this.#sa.host.childGone(this.#sa, child, reason, outboundStands);
  }

  /** Removes all: the IKE SA is over. */
  removeAll(reason: Reason): void {
    for (const child of [...this.#standing.values()]) this.remove(child, reason);
    this.#sa.host.disarm(this, "outbound");
  }

  /**
   * Has the peer drop a Child SA that is one too many. From now on nothing is sent on it, and it receives until the peer
   * has answered, so that nothing is lost.
   */
  retire(child: ChildSa, reason: Reason): void {
    this.#sa.host.removeSa(outboundId(child));
    this.#sa.request(deleteChild(protocolOf(child), child.spiIn, () => this.remove(child, reason)));
  }

  /** A Child SA of ours ended in the kernel: the rest of the pair goes, and the peer is told to drop its half. */
  drop(child: ChildSa, reason: Reason): void {
    if (this.#sa.state.kind === "Established") this.#sa.request(deleteChild(protocolOf(child), child.spiIn));
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
    for (const child of [...this.#standing.values()]) {
      if (this.#standing.get(child.spiIn) !== child || isBetween(child, ends)) continue;
      const bound = child.mode === "transport" && (child.local !== ends.local || child.remote !== ends.remote);
      if (bound) this.strand(child, "transport mode is bound to its addresses");
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

  /** Has a Child SA's outbound half wait for a sign that the peer can receive. */
  sendLater(child: ChildSa, outbound: OutboundLater): void {
    this.#outbound.add(child, outbound);
  }

  /** Whether its outbound half stands. */
  sendsOn(child: ChildSa): boolean {
    return !this.#outbound.has(child);
  }

  /** Whether its outbound half stands, or the kernel has been asked for it. */
  hasOutbound(child: ChildSa): boolean {
    return !this.#outbound.isHeld(child);
  }

  /** A Child SA whose outbound half may wait has other ends now. */
  redirect(child: ChildSa): void {
    this.#outbound.redirect(child);
  }

  /** Installs the outbound halves that wait: all, or those of one reqid. */
  sendNow(reqid?: number): void {
    this.#outbound.install(reqid);
  }

  /** An outbound half that waited stands now. */
  outboundUp(): void {
    this.#sa.host.outboundUp(this.#sa);
  }

  onTimer(name: string): void {
    if (name === "outbound") return this.sendNow();
    for (const child of this.#standing.values()) {
      if (name === `hard-limit ${child.spiIn}`) return this.drop(child, { code: "lifetime-over", what: "Child SA" });
    }
  }
}
