/** Outbound halves of Child SAs that are installed later than the rest of the pair (RFC 7296 2.8). */
import type { KernelRequest } from "../kernel/port.ts";
import { type ChildSa, outboundEnds, outboundId } from "../sa/child-sa.ts";
import type { ChildSas } from "./child-sas.ts";
import { outboundWait } from "./constants.ts";
import type { Host } from "./host.ts";

/** The installation of an outbound SA, and what wipes its keys. */
export interface OutboundLater {
  readonly request: KernelRequest;
  wipe(): void;
}

interface Waiting extends OutboundLater {
  request: KernelRequest;
  /** The kernel has been asked, and has not answered yet. */
  asked: boolean;
}

/** The outbound halves, among an IKE SA's children, that wait for a sign that the peer can receive. */
export class WaitingOutbound {
  readonly #children: ChildSas;
  readonly #host: Host;
  /** Made when it is needed: most IKE SAs never have an entry, and an empty map takes 180 octets. */
  #waiting: Map<ChildSa, Waiting> | undefined;

  constructor(children: ChildSas, host: Host) {
    this.#children = children;
    this.#host = host;
  }

  /** Has a Child SA's outbound half wait for the sign, or for the timer that stands in for it. */
  add(child: ChildSa, outbound: OutboundLater): void {
    this.#waiting ??= new Map();
    this.#waiting.set(child, { ...outbound, asked: false });
    this.#host.outboundWaits(this.#children, true);
    this.#host.arm(this.#children, "outbound", this.#host.now() + outboundWait);
  }

  has(child: ChildSa): boolean {
    return this.#waiting?.has(child) === true;
  }

  /** Whether it waits and the kernel has not been asked yet. */
  isHeld(child: ChildSa): boolean {
    return this.#waiting?.get(child)?.asked === false;
  }

  /** The Child SA has other ends now: what is to be installed goes there. */
  redirect(child: ChildSa): void {
    const held = this.#waiting?.get(child);
    if (held === undefined || held.asked || held.request.kind !== "installSa") return;
    held.request = { kind: "installSa", sa: { ...held.request.sa, ...outboundEnds(child) } };
  }

  /** Installs those that wait: all, or those of one reqid. A refusal drops the Child SA. */
  install(reqid?: number): void {
    for (const [child, outbound] of [...(this.#waiting ?? [])]) {
      if (outbound.asked || (reqid !== undefined && child.reqid !== reqid)) continue;
      outbound.asked = true;
      this.#host.kernel([outbound.request], ([answer]) => {
        outbound.wipe();
        outbound.asked = false;
        // It is not to be sent on any more: what was installed all the same was asked to be removed.
        if (this.#waiting?.get(child) !== outbound) return;
        const refusal = answer?.kind === "refused" ? answer.refusal : undefined;
        this.#remove(child);
        if (refusal === undefined) return this.#children.outboundUp(child);
        // Anything else may have been carried out all the same, and is to be removed.
        if (refusal.errno !== "EEXIST") this.#host.removeSa(outboundId(child));
        this.#children.drop(child, { code: "kernel-refused", ...refusal });
      });
    }
  }

  /** Has a Child SA wait no more; whether its outbound half may stand in the kernel all the same. Undefined where it did not wait. */
  forget(child: ChildSa): boolean | undefined {
    const outbound = this.#waiting?.get(child);
    this.#remove(child);
    // Keys that the kernel is about to read are wiped when it has answered.
    if (outbound?.asked === false) outbound.wipe();
    // Where it was refused, the peer's SPI may name another SA that stands.
    return outbound?.asked;
  }

  #remove(child: ChildSa): void {
    if (this.#waiting?.delete(child) && this.#waiting.size === 0) this.#host.outboundWaits(this.#children, false);
  }
}
