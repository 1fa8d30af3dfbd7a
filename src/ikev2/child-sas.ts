/** The Child SAs of one IKE SA: which stand, which outbound halves wait, and when the kernel ends them. */
import type { Reason } from "../negotiate/reason.ts";
import { type ChildSa, isOnPath, outboundId, protocolOf } from "../sa/child-sa.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
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

  /** The IKE SA takes another way: what is bound to the old one cannot carry packets any more, and is negotiated anew. */
  follow(path: Path): void {
    for (const child of [...this.#standing.values()]) {
      if (isOnPath(child, path)) continue;
      this.drop(child, { code: "address-changed", child: child.desired.name, to: formatEndpoint(path.remote) });
    }
  }

  /** Has a Child SA's outbound half wait for a sign that the peer can receive. */
  sendLater(child: ChildSa, outbound: OutboundLater): void {
    this.#outbound.add(child, outbound);
  }

  /** Whether its outbound half stands. */
  sendsOn(child: ChildSa): boolean {
    return !this.#outbound.has(child);
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
