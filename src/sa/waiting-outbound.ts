/** Outbound halves of Child SAs that are installed later than the rest of the pair (RFC 7296 2.8). */
import type { KernelRequest } from "../kernel/port.ts";
import { formatSelector } from "../negotiate/selector.ts";
import { refusalOf } from "./child-install.ts";
import { type ChildSa, inboundId, outboundEnds, outboundId } from "./child-sa.ts";
import type { ChildSas } from "./child-sas.ts";
import { longestOutboundWait, outboundWait } from "./constants.ts";
import type { SaHost } from "./host.ts";

/** The installation of an outbound SA, and what wipes its keys. */
export interface OutboundLater {
  readonly request: KernelRequest;
  wipe(): void;
}

interface Waiting extends OutboundLater {
  request: KernelRequest;
  /** The kernel has been asked, and has not answered yet. */
  asked: boolean;
  /** Since when it waits, and until when at most where nothing tells that it is too early, in ms of the engine's clock. */
  readonly since: number;
  until: number;
}

/** The outbound halves, among an IKE SA's children, that wait for a sign that the peer can receive. */
export class WaitingOutbound {
  readonly #children: ChildSas;
  readonly #host: SaHost;
  /** Made when it is needed: most IKE SAs never have an entry, and an empty map takes 180 octets. */
  #waiting: Map<ChildSa, Waiting> | undefined;

  constructor(children: ChildSas, host: SaHost) {
    this.#children = children;
    this.#host = host;
  }

  /** Has a Child SA's outbound half wait for the sign, or for the timer that stands in for it. */
  add(child: ChildSa, outbound: OutboundLater): void {
    this.#waiting ??= new Map();
    const since = this.#host.now();
    this.#waiting.set(child, { ...outbound, asked: false, since, until: since + outboundWait });
    this.#host.outboundWaits(this.#children, true);
    this.#host.arm(this.#children, "outbound", since + outboundWait);
  }

  /** The peer repeats a request: it may not have our response yet, and repeats again after a growing wait. */
  extend(): void {
    const now = this.#host.now();
    for (const held of this.#waiting?.values() ?? []) held.until = now + Math.max(outboundWait, 2 * (now - held.since));
  }

  /**
   * The time is over. Where the peer is still to delete the old one, there is no haste: what it sends on the new one, or
   * its DELETE, tells that it has our response. It is not waited for without end.
   */
  tick(isReplacing: (child: ChildSa) => boolean): void {
    const now = this.#host.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [child, held] of [...(this.#waiting ?? [])]) {
      if (held.asked) continue;
      if (isReplacing(child) && now < held.since + longestOutboundWait) {
        this.#look(child, held);
        next = Math.min(next, now + outboundWait);
      } else if (held.until > now) next = Math.min(next, held.until);
      else this.#install(child, held);
    }
    if (next < Number.POSITIVE_INFINITY) this.#host.arm(this.#children, "outbound", next);
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

  /** Installs those that wait, or `only` one of them. A refusal drops the Child SA. */
  install(only?: ChildSa): void {
    for (const [child, held] of [...(this.#waiting ?? [])])
      if (!held.asked && (only === undefined || child === only)) this.#install(child, held);
  }

  /** The first that came of those that wait and carry what `gone` carried. */
  first(gone: ChildSa): ChildSa | undefined {
    for (const [child, { asked }] of this.#waiting ?? []) if (!asked && isTwin(child, gone)) return child;
    return undefined;
  }

  /** Installs this one; false where it does not wait. */
  installOne(child: ChildSa): boolean {
    const held = this.#waiting?.get(child);
    if (held?.asked === false) this.#install(child, held);
    return held !== undefined;
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

  /** Whether the peer sends on the new one: then it also receives on it. */
  #look(child: ChildSa, held: Waiting): void {
    this.#host.kernel([{ kind: "querySa", sa: inboundId(child) }], ([answer]) => {
      if (this.#waiting?.get(child) !== held || held.asked) return;
      if (answer?.kind === "usage" && answer.usage.packets > 0n) this.#install(child, held);
    });
  }

  #install(child: ChildSa, held: Waiting): void {
    held.asked = true;
    this.#host.kernel([held.request, ...this.#host.policies.send(child)], (answers) => {
      held.wipe();
      held.asked = false;
      // It is not to be sent on any more: what was installed all the same was asked to be removed.
      if (this.#waiting?.get(child) !== held) return;
      const reason = refusalOf(answers);
      this.#remove(child);
      if (reason === undefined) return this.#children.outboundUp(child);
      // Anything else may have been carried out all the same, and is to be removed.
      const [answer] = answers;
      if (answer?.kind !== "refused" || answer.refusal.errno !== "EEXIST") this.#host.removeSa(outboundId(child));
      this.#children.drop(child, reason);
    });
  }

  #remove(child: ChildSa): void {
    if (this.#waiting?.delete(child) && this.#waiting.size === 0) this.#host.outboundWaits(this.#children, false);
  }
}

/**
 * Of one child of the configuration a peer that calls from anywhere may have very many, each between addresses of its own. In
 * tunnel mode the same packets may be carried to other addresses, when a peer has moved.
 */
function isTwin(one: ChildSa, other: ChildSa): boolean {
  if (one.reqid !== other.reqid) return false;
  if (one.local === other.local && one.remote === other.remote) return true;
  return one.selectors.some((own) => other.selectors.some((theirs) => formatSelector(own) === formatSelector(theirs)));
}
