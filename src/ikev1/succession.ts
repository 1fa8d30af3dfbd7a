/** How one ISAKMP SA takes the place of another: its IPsec SAs go on under the new one (continuous-channel). */
import type { Address } from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { PeerDesired } from "../sa/desired.ts";
import { watchKeepalive } from "../sa/keepalive.ts";
import { jittered, rekeyRetry } from "../sa/lifetime.ts";
import { watchLiveness } from "../sa/liveness.ts";
import { deletePause, lifetimeShare, usualSeconds } from "./constants.ts";
import { sayIsakmpDeletion } from "./exchanges/informational.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import { beginPhase1 } from "./initiate.ts";

/** The lifetime that we offer a peer for its ISAKMP SA, in seconds. */
export function offeredSeconds({ timing }: PeerDesired): number {
  return timing.ikeLifetime === 0 ? usualSeconds : Math.max(1, Math.ceil(timing.ikeLifetime / 1000));
}

export class Succession {
  readonly #sa: IkeV1Sa;
  /** Who has the IPsec SAs now. */
  #heir: IkeV1Sa | undefined;
  /** The one that we open to take this one's place. */
  #candidate: IkeV1Sa | undefined;
  /** The one whose place this is to take. */
  #predecessor: IkeV1Sa | undefined;
  /** The latest whose place this one has taken. */
  #former: IkeV1Sa | undefined;
  #failures = 0;

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  /** This one, or who has its IPsec SAs now. */
  get holder(): IkeV1Sa {
    const heir = this.#heir?.succession.holder;
    return heir === undefined || heir.isOver ? this.#sa : heir;
  }

  /** Phase 1 is over. Where it repeats that of another, it inherits; a peer that says it has no other has lost them. */
  established(initialContact: boolean): void {
    const sa = this.#sa;
    this.#schedule();
    const predecessor = this.#predecessor ?? (initialContact ? undefined : sa.host.ikev1Peers.predecessor(sa));
    if (predecessor?.state.kind === "Established" && hasAnotherAddress(predecessor, sa))
      return this.#beginAnew(predecessor);
    if (predecessor?.state.kind !== "Established") {
      if (!initialContact) this.#collect();
      return sa.host.established(sa, initialContact);
    }
    predecessor.succession.#handOver(sa);
  }

  /** Its IPsec SAs carry an address that is not ours, or not the peer's, any more: all is negotiated anew. */
  #beginAnew(predecessor: IkeV1Sa): void {
    this.#sa.host.established(this.#sa, false);
    predecessor.close({ code: "replaced" });
  }

  /** The address inside that the one before this has of the peer: what is wished for again. */
  get formerAddress(): Address | undefined {
    const inner = this.#predecessor?.innerAddress;
    return inner?.of === "us" ? inner.address : undefined;
  }

  /**
   * Of two that were begun at once one is to go, and the nonces name it. The other has the IPsec SAs from now on, whichever
   * the peer speaks of them under.
   */
  #collect(): void {
    const sa = this.#sa;
    const twin = this.twins.at(-1)?.holder;
    if (twin === undefined) return;
    const [keeper, other] = sa.lowestNonce > twin.lowestNonce ? [sa, twin] : [twin, sa];
    keeper.children.absorb(other.children);
    keeper.dialect.inherit(other.dialect);
    other.succession.#heir = keeper;
  }

  /**
   * The ISAKMP SA goes, and not what was negotiated under it (continuous-channel): where another stands with the peer, that
   * has the IPsec SAs from now on. Whether one does.
   */
  bequeath(): boolean {
    const heir = this.heirToBe;
    if (heir === undefined) return false;
    this.#handOver(heir);
    return true;
  }

  /**
   * The peer deletes it, and does not count as replaced what we took it for the successor of: that stands again, and has the
   * IPsec SAs.
   */
  giveBack(): void {
    const former = this.#former;
    if (this.#sa.state.kind !== "Established" || former?.state.kind !== "Replaced") return;
    former.state = { kind: "Established" };
    former.host.disarm(former, "replaced");
    this.#handOver(former);
    former.succession.#schedule();
    watchLiveness(former);
  }

  /** Who would have its IPsec SAs, and what is still to be asked for, if it ended now. */
  get heirToBe(): IkeV1Sa | undefined {
    const sa = this.#sa;
    if (sa.state.kind !== "Established") return undefined;
    const twin = this.twins.at(-1);
    return twin === undefined || twin.holder === sa ? twin : twin.holder;
  }

  /** Those that stand beside this one with the same peer, oldest first, and under which no other address is inside. */
  get twins(): IkeV1Sa[] {
    return this.#sa.host.ikev1Peers.twins(this.#sa).filter((one) => !hasAnotherAddress(one, this.#sa));
  }

  /**
   * INITIAL-CONTACT came after phase 1, in a message of its own: what stood with the peer before is lost there, and so are the
   * IPsec SAs that went on under this one (RFC 2407 4.6.3.3).
   */
  initialContact(): void {
    const { host, peer, state, children, createdAt, establishedAt } = this.#sa;
    if (state.kind !== "Established" || peer?.unique === "never") return;
    for (const other of this.twins) if (other.establishedAt < createdAt) host.forgotten(other);
    for (const child of [...children.values()])
      if (child.since < establishedAt) children.remove(child, { code: "peer-lost-state" });
  }

  /**
   * Asks for a successor, unless one is under way. In the mode in which this one came to stand: the peer may have called in
   * another than we call in, and take no other.
   */
  start(): void {
    const { host, peer, path, state, mode } = this.#sa;
    if (state.kind !== "Established" || peer === undefined || this.#candidate !== undefined) return;
    // Who logs in opens the next one too: whoever it is, it must be asked. Where nobody does, who asks for its address.
    if ((peer.xauth ?? peer.innerAddress)?.kind === "server") return;
    const candidate = beginPhase1(host, peer, path, host.freshSpi(), mode);
    candidate.succession.#predecessor = this.#sa;
    this.#candidate = candidate;
  }

  /** This one came to nothing, or has ended: whom it was to replace tries again. */
  failed(reason: Reason): void {
    const old = this.#predecessor;
    if (old === undefined || old.succession.#candidate !== this.#sa) return;
    old.succession.#candidate = undefined;
    if (old.state.kind === "Established") old.succession.#retry(reason);
  }

  /** The peer keeps it for so many seconds, and no longer. */
  shorten(seconds: number | undefined): void {
    const { agreedSeconds, state } = this.#sa;
    if (seconds === undefined || seconds >= (agreedSeconds ?? seconds + 1)) return;
    this.#sa.agreedSeconds = seconds;
    if (state.kind === "Established") this.#schedule();
  }

  onTimer(name: "rekey" | "lifetime" | "replaced"): void {
    if (name === "rekey") return this.start();
    if (name === "lifetime") return this.#sa.close({ code: "lifetime-over", what: "IKE SA" });
    sayIsakmpDeletion(this.#sa);
    this.#sa.end({ code: "replaced" });
  }

  #retry(reason: Reason): void {
    const { host } = this.#sa;
    this.#failures += 1;
    host.rekeyFailed(this.#sa, reason);
    host.arm(this.#sa, "rekey", host.now() + rekeyRetry(this.#failures, (length) => host.random(length)));
  }

  #handOver(heir: IkeV1Sa): void {
    const old = this.#sa;
    this.#heir = heir;
    heir.succession.#heir = undefined;
    heir.succession.#former = old;
    this.#candidate = undefined;
    if (old.innerAddress?.of === "peer" && heir.innerAddress === undefined) {
      heir.innerAddress = old.innerAddress;
      old.host.addressPools.share(old, heir);
    }
    if (heir.children.size > 0) heir.children.absorb(old.children);
    else {
      [heir.children, old.children] = [old.children, heir.children];
      heir.children.moveTo(heir);
      old.children.moveTo(old);
    }
    heir.dialect.inherit(old.dialect);
    old.state = { kind: "Replaced", reason: { code: "replaced" } };
    for (const timer of ["rekey", "lifetime", "liveness", "keepalive"]) old.host.disarm(old, timer);
    // Who began the new one says when the old one goes; where it does not, the other does.
    const wait = heir.role === "initiator" ? 2 * deletePause : 3 * deletePause;
    old.host.arm(old, "replaced", old.host.now() + wait);
    old.host.rekeyed(old, heir);
    for (const exchange of old.exchanges.handOver()) heir.exchanges.add(exchange);
    heir.children.follow();
    watchKeepalive(heir);
  }

  /** RFC 2409 5: a lifetime was agreed on; it is replaced before that is over, at a moment of its own. */
  #schedule(): void {
    const { host, peer, role, agreedSeconds, establishedAt } = this.#sa;
    if (peer === undefined) return;
    const { ikeRekey, ikeLifetime } = peer.timing;
    const agreed = (agreedSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    const own = ikeRekey === 0 ? Number.POSITIVE_INFINITY : ikeRekey;
    const rekey = Math.min(own, agreed * lifetimeShare);
    if (rekey < Number.POSITIVE_INFINITY)
      host.arm(this.#sa, "rekey", establishedAt + rekey * jittered(role, (length) => host.random(length)));
    const lifetime = Math.min(ikeLifetime === 0 ? Number.POSITIVE_INFINITY : ikeLifetime, agreed);
    if (lifetime < Number.POSITIVE_INFINITY) host.arm(this.#sa, "lifetime", establishedAt + lifetime);
  }
}

/** Whether the address inside that one end has is another under the one than under the other. */
function hasAnotherAddress({ innerAddress: one }: IkeV1Sa, { innerAddress: other }: IkeV1Sa): boolean {
  return one !== undefined && other !== undefined && one.address !== other.address;
}
