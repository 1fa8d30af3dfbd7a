/** How an IKE SA is replaced by another that inherits its Child SAs (RFC 7296 2.8, 2.8.2, 2.25.2). */
import type { IkeSuite } from "../negotiate/suite.ts";
import type { Role } from "../sa/any-ike-sa.ts";
import { watchKeepalive } from "../sa/keepalive.ts";
import { jittered, rekeyRetry } from "../sa/lifetime.ts";
import { watchLiveness } from "../sa/liveness.ts";
import type { Path } from "../sa/path.ts";
import { inheritCapabilities, renewCapabilities } from "./capabilities.ts";
import { replacedWait } from "./constants.ts";
import { rekeyIkeSa } from "./exchanges/rekey-ike-sa-initiator.ts";
import { IkeSa } from "./ike-sa.ts";
import { deriveSuccessorKeying, lowestNonce } from "./keying.ts";
import { inheritAuthentication } from "./reauthentication.ts";
import type { Task } from "./task.ts";

/** A rekey of ours, from the moment it is wanted until its response has been acted on. */
export interface OwnIkeRekey extends Task {
  /** Before it is sent it can still be called off. */
  readonly phase: "unsent" | "sent" | "answered";
  /** Our SPI of what it is to make; 0 before it is sent. */
  readonly localSpi: bigint;
}

/** An IKE SA that a rekey made, and the lesser of the nonces that made it. */
export interface Successor {
  readonly sa: IkeSa;
  readonly lowestNonce: bigint;
}

/** What a CREATE_CHILD_SA exchange has agreed on. */
export interface SuccessorTerms {
  /** Who asked for it. */
  readonly role: Role;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly suite: IkeSuite;
  readonly secret: Uint8Array;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
}

/**
 * The rekeys of one IKE SA, ours and the peer's. As long as only one of them is known, what it made inherits at once. Where
 * both are, the Child SAs stay where they are until it is known which of the two new IKE SAs has the lowest nonce and goes,
 * or until the peer uses or deletes one.
 */
export class Succession {
  readonly #sa: IkeSa;
  #ours: OwnIkeRekey | undefined;
  /** The peer's: being answered, or made, and not decided upon because ours is out. */
  #theirs: "answering" | Successor | undefined;
  #heir: IkeSa | undefined;
  /** The one that this may inherit from, where that is not decided. */
  #predecessor: IkeSa | undefined;
  /** The one that this has replaced, and that the peer is to delete. */
  #replaced: IkeSa | undefined;
  /** The path that this was made with: another, and it has moved since by what was said on it. */
  #madeOn: Path | undefined;
  /** Rekeys of ours in a row that failed. */
  #failures = 0;

  constructor(sa: IkeSa) {
    this.#sa = sa;
  }

  /** The IKE SA that has the Child SAs now: this one, or who inherited them. */
  get holder(): IkeSa {
    return this.#heir?.succession.holder ?? this.#sa;
  }

  /** Whether requests of ours must wait until it is known on which IKE SA they are to be sent. */
  get holdsRequests(): boolean {
    return this.#theirs !== undefined || (this.#ours !== undefined && this.#ours.phase !== "unsent");
  }

  /** Whether this rekey of ours is still wanted. */
  isOurs(rekey: OwnIkeRekey): boolean {
    return this.#ours === rekey;
  }

  /** Arms what ends the IKE SA's time: RFC 7296 2.8.1 wants jitter. */
  schedule(): void {
    const { host, peer, role } = this.#sa;
    if (peer === undefined) return;
    const { ikeRekey, ikeLifetime } = peer.timing;
    const now = host.now();
    if (ikeRekey > 0) host.arm(this.#sa, "rekey", now + ikeRekey * jittered(role, (length) => host.random(length)));
    if (ikeLifetime > 0) host.arm(this.#sa, "lifetime", now + ikeLifetime);
  }

  onTimer(name: "rekey" | "lifetime" | "replaced"): void {
    if (name === "rekey") return this.start();
    if (name === "lifetime") return this.#sa.close({ code: "lifetime-over", what: "IKE SA" });
    const heir = this.#heir;
    // Until the peer has been heard there, it may still be repeating its request here.
    const isKnown = heir === undefined || heir.isOver || heir.lastHeard > heir.createdAt;
    if (isKnown) return this.#sa.end({ code: "replaced" });
    this.#sa.host.arm(this.#sa, "replaced", this.#sa.host.now() + replacedWait);
  }

  // --- ours --------------------------------------------------------------------------------------------------------

  /** Whether a rekey of ours is to make an IKE SA with this SPI of ours: the peer may have it, and speak on it, before we do. */
  isMaking(localSpi: bigint): boolean {
    return this.#ours?.localSpi === localSpi;
  }

  /** Asks for a successor, unless one is under way. */
  start(): void {
    if (this.#sa.state.kind !== "Established" || this.#ours !== undefined || this.#theirs !== undefined) return;
    this.#ours = rekeyIkeSa();
    this.#sa.request(this.#ours);
  }

  /** Ours is to be asked for again in a moment: something else is under way. */
  postpone(wait: number): void {
    this.#ours = undefined;
    this.#sa.host.arm(this.#sa, "rekey", this.#sa.host.now() + wait);
  }

  /** Ours came to nothing: the peer's own stands in for it, or it is tried again. */
  failed(): void {
    this.#ours = undefined;
    if (this.#sa.state.kind !== "Established" || this.concede()) return;
    const { host } = this.#sa;
    this.#failures += 1;
    host.arm(this.#sa, "rekey", host.now() + rekeyRetry(this.#failures, (length) => host.random(length)));
  }

  /**
   * Ours has made a successor. Of two that crossed, the one with the lowest of the four nonces goes; who made the other
   * deletes the old one.
   */
  weMade(successor: Successor): void {
    const crossed = this.#livingTheirs();
    this.#ours = undefined;
    this.#theirs = undefined;
    if (this.#sa.state.kind !== "Established") {
      // The peer's own has inherited already, or all is being closed.
      return this.#discard(successor.sa);
    }
    if (crossed !== undefined && successor.lowestNonce < crossed.lowestNonce) {
      this.#inherit(crossed.sa);
      this.#awaitDelete(crossed.sa);
      return this.#discard(successor.sa);
    }
    this.#inherit(successor.sa);
    if (crossed !== undefined) crossed.sa.succession.#awaitDelete(successor.sa);
    this.#sa.deleteReplaced();
  }

  // --- the peer's --------------------------------------------------------------------------------------------------

  /** Whether the peer's wish for a successor can be met now; it is being answered then. A peer that never deletes has one too many at most. */
  theyAsk(): boolean {
    if (this.#replaced?.state.kind === "Rekeyed") return false;
    if (this.#theirs !== undefined || this.#ours?.phase === "answered") return false;
    this.#theirs = "answering";
    return true;
  }

  /** The peer's wish was refused. */
  theyFailed(): void {
    if (this.#theirs === "answering") this.#theirs = undefined;
  }

  /** The peer's rekey has been answered with a successor. */
  theyMade(successor: Successor): void {
    this.#theirs = successor;
    successor.sa.succession.#predecessor = this.#sa;
    // One of ours that is not out yet is called off.
    if (this.#ours === undefined || this.#ours.phase === "unsent") this.concede();
  }

  /** The peer's successor, where there is one that is not decided upon, inherits. Whether there was. */
  concede(): boolean {
    const theirs = this.#livingTheirs();
    this.#theirs = undefined;
    if (theirs === undefined) return false;
    if (this.#ours?.phase === "unsent") this.#ours = undefined;
    this.#inherit(theirs.sa);
    this.#awaitDelete(theirs.sa);
    return true;
  }

  /** The peer uses this IKE SA for Child SAs: whatever else was under way, it inherits. */
  claim(): void {
    this.#predecessor?.succession.concede();
  }

  /** The IKE SA ends or is being closed: so does what would have inherited. */
  over(): void {
    const theirs = this.#livingTheirs();
    this.#theirs = undefined;
    if (theirs !== undefined) this.#discard(theirs.sa);
  }

  #livingTheirs(): Successor | undefined {
    const theirs = this.#theirs;
    return typeof theirs === "object" && !theirs.sa.isOver ? theirs : undefined;
  }

  // --- what follows ------------------------------------------------------------------------------------------------

  /** Makes the new IKE SA: established, with the peer's identity and path, and without Child SAs as yet. */
  make(terms: SuccessorTerms): Successor | undefined {
    const old = this.#sa;
    if (old.keying === undefined) return undefined;
    const { role, localSpi, remoteSpi } = terms;
    const { host, path } = old;
    const sa = new IkeSa({ role, host, localSpi, remoteSpi, path, state: { kind: "Established" } });
    sa.succession.#madeOn = path;
    sa.keying = deriveSuccessorKeying({ ...terms, witness: host.keyWitness }, old.keying);
    sa.peer = old.peer;
    sa.remoteId = old.remoteId;
    sa.nat = old.nat;
    inheritCapabilities(sa, old);
    sa.mobike = old.mobike;
    sa.lowestNonce = old.lowestNonce;
    sa.origin = old.origin;
    sa.establishedAt = host.now();
    host.opened(sa);
    return { sa, lowestNonce: lowestNonce(terms.ni, terms.nr) };
  }

  #inherit(heir: IkeSa): void {
    const old = this.#sa;
    this.#heir = heir;
    heir.succession.#predecessor = undefined;
    // What the peer has said on the new one already is later than whatever was known on the old one (RFC 4555 3.5).
    if (heir.succession.#madeOn === heir.path) [heir.path, heir.nat] = [old.path, old.nat];
    heir.mobike = old.mobike;
    [heir.children, old.children] = [old.children, heir.children];
    heir.children.moveTo(heir);
    old.children.moveTo(old);
    heir.takeRequests(old);
    old.host.rekeyed(old, heir);
    heir.children.follow();
    heir.succession.schedule();
    watchLiveness(heir);
    watchKeepalive(heir);
    inheritAuthentication(heir, old);
    renewCapabilities(heir, old);
  }

  /** The peer made what replaced this one, and deletes it. */
  #awaitDelete(heir: IkeSa): void {
    this.#heir = heir;
    heir.succession.#replaced = this.#sa;
    this.#sa.awaitDelete();
    this.#sa.host.arm(this.#sa, "replaced", this.#sa.host.now() + replacedWait);
  }

  /** One too many: it never carried anything. */
  #discard(sa: IkeSa): void {
    sa.succession.#predecessor = undefined;
    sa.close({ code: "replaced" });
  }
}
