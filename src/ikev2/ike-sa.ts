/** One IKE SA (RFC 7296): its keys, its two message-ID counters, its Child SAs, and the way messages take through it. */
import type { KeyedPrf } from "../crypto/prf.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa, Dialect, Role } from "../sa/any-ike-sa.ts";
import { ChildSas } from "../sa/child-sas.ts";
import type { PeerDesired } from "../sa/desired.ts";
import { checkKeepalive, type Outgoing, watchKeepalive } from "../sa/keepalive.ts";
import { checkLiveness, watchLiveness } from "../sa/liveness.ts";
import { type NatFinding, noNat } from "../sa/nat.ts";
import type { Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import { unsupportedCritical } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { heardOver } from "./address-update.ts";
import { closeWait, lingerTime } from "./constants.ts";
import { mayShowCrash, receiveCrash } from "./crash-token.ts";
import { Ikev2Dialect } from "./dialect.ts";
import { deleteIkeSa } from "./exchanges/informational.ts";
import { answeredOver } from "./exchanges/mobike.ts";
import { exchanges } from "./exchanges/table.ts";
import type { Host, TimerName } from "./host.ts";
import type { IkeKeying } from "./keying.ts";
import { MessageCoder } from "./message-coder.ts";
import { maySync, receiveSync } from "./message-id-sync.ts";
import type { Mobike, MobikeOrder } from "./mobike.ts";
import { OwnRequests } from "./own-requests.ts";
import { PeerRequests } from "./peer-requests.ts";
import { type Authentication, checkAuthentication } from "./reauthentication.ts";
import { endedBySyntax, refuseCritical, refuseResponse, refuseSyntax } from "./refuse-request.ts";
import { type HeldTicket, resumableOf } from "./resumption/resumable.ts";
import { type IkeSaOptions, type State, wipeHandshake } from "./state.ts";
import { Succession } from "./succession.ts";
import type { Task } from "./task.ts";
import { endClosing, endHalfOpen } from "./time-out.ts";

/** Finds its way through the exchanges by its state; what waits for an answer, in either direction, is kept by its parts. */
export class IkeSa implements AnyIkeSa {
  readonly role: Role;
  readonly host: Host;
  readonly dialect: Dialect = new Ikev2Dialect(this);
  /** Our SPI; the peer's is 0 until it has said it. */
  readonly localSpi: bigint;
  remoteSpi: bigint;
  path: Path;
  peer: PeerDesired | undefined;
  remoteId: Identity | undefined;
  state: State;
  keying: IkeKeying | undefined;
  nat: NatFinding = noNat;
  /** Where both ends speak MOBIKE: what they know of each other's addresses. */
  mobike: Mobike | undefined;
  readonly mobikeOrder: MobikeOrder = { updatedBy: -1, listedBy: -1 };
  /** Octets of an IP datagram beyond which messages are fragmented (RFC 7383); 0 where the peer takes no fragments. */
  fragmentSize = 0;
  /** Undefined until both ends have proved who they are. */
  authentication: Authentication | undefined;
  /** Both ends have said that they bring their message IDs together where one was taken over (RFC 6311). */
  syncsMessageIds = false;
  /** Of the token by which the peer can show that it lost the IKE SA (RFC 6290). */
  crashDigest: string | undefined;
  /** From which the peer lets it be resumed (RFC 5723). */
  ticket: HeldTicket | undefined;
  /** When it came to be, and when it was established, in ms of the engine's clock. */
  readonly createdAt: number;
  establishedAt = 0;
  /** The lesser of the two nonces' first 8 octets: of two IKE SAs that crossed, the one with the least goes (RFC 7296 2.8.1). */
  lowestNonce = 0n;
  /** When an authenticated message last came. */
  lastHeard: number;
  /** When the kernel was last asked what its Child SAs have carried, and not before when they last received. */
  lastLooked = 0;
  lastReceived = 0;
  /** When a protected message was last made, to be sent at once. */
  lastSent = 0;
  /** What leaves, where a NAT's mapping must be kept alive. */
  outgoing: Outgoing | undefined;
  /** Since when the peer has answered CREATE_CHILD_SA with nothing but TEMPORARY_FAILURE. */
  refusedSince: number | undefined;
  /** When a request of the peer was last answered. */
  lastAnswered = 0;
  children: ChildSas;
  readonly succession: Succession;
  /** Our role in the IKE_SA_INIT that it descends from; every rekey may change `role`. */
  origin: Role;

  readonly #coder = new MessageCoder(this);
  readonly own = new OwnRequests(this, this.#coder);
  readonly #theirs = new PeerRequests(this, this.#coder);

  constructor(options: IkeSaOptions) {
    this.role = options.role;
    this.origin = options.role;
    this.succession = new Succession(this);
    this.host = options.host;
    this.localSpi = options.localSpi;
    this.remoteSpi = options.remoteSpi;
    this.path = options.path;
    this.peer = options.peer;
    this.state = options.state;
    this.children = new ChildSas(this);
    this.createdAt = options.host.now();
    this.lastHeard = this.createdAt;
  }

  get initiatorSpi(): bigint {
    return this.role === "initiator" ? this.localSpi : this.remoteSpi;
  }

  get responderSpi(): bigint {
    return this.role === "initiator" ? this.remoteSpi : this.localSpi;
  }

  get isOver(): boolean {
    return this.state.kind === "Lingering" || this.state.kind === "Gone";
  }

  get holder(): IkeSa {
    return this.succession.holder;
  }

  /** Whether a request of the peer is being worked on. */
  get isAnswering(): boolean {
    return this.#theirs.isWorking;
  }

  /** Whether a request of ours is being prepared, or unanswered. */
  get isRequesting(): boolean {
    return !this.own.isIdle;
  }

  // --- what comes in -------------------------------------------------------------------------------------------

  /** A datagram whose header names this SA; `header` is that of `octets`. */
  receive(header: Header, octets: Uint8Array, path: Path): void {
    if (this.state.kind === "Gone") return;
    const fromInitiator = (header.flags & flag.initiator) !== 0;
    if (fromInitiator !== (this.role === "responder")) return;
    try {
      if ((header.flags & flag.response) === 0) this.#receiveRequest(header, octets, path);
      else this.#receiveResponse(header, octets, path);
    } catch (error) {
      // Unauthenticated octets: what was authenticated is caught where it was opened.
      if (!(error instanceof WireError)) throw error;
      this.drop(error.message, header);
    }
  }

  onTimer(name: string): void {
    switch (name as TimerName) {
      case "retransmit":
        return this.own.retransmit();
      case "half-open":
        return endHalfOpen(this);
      case "reauthenticate":
        return checkAuthentication(this);
      case "liveness":
        return checkLiveness(this);
      case "keepalive":
        return checkKeepalive(this);
      case "next-request":
        return this.#workOnRequests();
      case "reassembly":
        return this.#coder.expireFragments();
      case "rekey":
      case "lifetime":
      case "replaced":
        return this.succession.onTimer(name as "rekey" | "lifetime" | "replaced");
      case "linger":
        return this.#goAway();
      case "close":
        return endClosing(this);
    }
  }

  #receiveRequest(header: Header, octets: Uint8Array, path: Path): void {
    const counters = { coder: this.#coder, own: this.own, theirs: this.#theirs };
    if (maySync(this, header) && receiveSync(this, counters, header, octets, path)) return;
    if (this.#theirs.repeat(header, octets, path) || !this.#theirs.expects(header.messageId)) return;
    const exchange = exchanges.get(header.exchangeType);
    if (exchange === undefined || !exchange.requestIn.includes(this.state.kind)) return;
    const opened = this.#coder.open(header, octets);
    if (opened === undefined) return;
    heardOver(this, path);
    const { children } = this;
    const showsArrival = this.#theirs.showsArrival(header.messageId);
    const mayDelete = header.exchangeType === exchangeType.INFORMATIONAL;
    if (showsArrival && !mayDelete) children.sendNow();
    this.#theirs.take(header, opened, path);
    this.#workOnRequests();
    // On what the peer has received, and deletes with this very request, nothing is sent.
    if (showsArrival && mayDelete) children.sendNow();
  }

  /** Works on the requests that were taken, one after the other, up to one that is answered later. */
  #workOnRequests(): void {
    for (let next = this.#theirs.next(); next !== undefined; next = this.#theirs.next()) {
      const { header, opened, path } = next;
      const exchange = exchanges.get(header.exchangeType);
      // The state may have changed since it came.
      if (exchange?.requestIn.includes(this.state.kind) !== true) return this.#theirs.abandon();
      if ("fault" in opened) return refuseSyntax(this, header.exchangeType, opened.fault);
      const critical = unsupportedCritical(opened.payloads);
      if (critical !== undefined) refuseCritical(this, header.exchangeType, critical.type);
      else exchange.handleRequest(this, opened.payloads, path, header.messageId);
    }
  }

  #receiveResponse(header: Header, octets: Uint8Array, path: Path): void {
    if (mayShowCrash(this, octets)) return receiveCrash(this, header, octets);
    const task = this.own.awaiting(header);
    if (task === undefined) return;
    const exchange = exchanges.get(header.exchangeType);
    if (exchange === undefined || !exchange.responseIn.includes(this.state.kind)) return;
    if (exchange.handleClearResponse !== undefined) return exchange.handleClearResponse(this, header, octets, path);
    const opened = this.#coder.open(header, octets);
    if (opened === undefined) return;
    heardOver(this, path);
    if (this.own.triedWays(header.messageId)) answeredOver(this, path);
    this.own.settle(header.messageId);
    if ("fault" in opened) return refuseResponse(this, task, opened.fault);
    task.handleResponse(this, opened.payloads);
    if (endedBySyntax(this, "theirs", header.exchangeType, opened.payloads)) return;
    this.own.pump();
  }

  /** So many requests may be under way: ours, where the peer promised to keep its responses, or the peer's, where we did. */
  widen(whose: "ours" | "theirs", requests: number): void {
    if (whose === "ours") this.own.widen(requests);
    else this.#theirs.widen(requests);
  }

  /** Requests of ours that the peer takes at a time. */
  get peerWindow(): number {
    return this.own.window;
  }

  // --- what goes out -------------------------------------------------------------------------------------------

  /** Queues a request of ours; it goes out when those before it have been answered. */
  request(task: Task): void {
    this.own.add(task);
  }

  /** Sends a protected request for `task` and waits for its response. */
  sendRequest(task: Task, payloads: readonly Payload[]): void {
    this.own.send(task, payloads);
  }

  /** Sends a request in clear: IKE_SA_INIT, whose message ID is 0 however often it is begun anew. */
  sendClearRequest(task: Task, payloads: readonly Payload[]): Buffer {
    return this.own.sendClear(task, payloads);
  }

  /** Answers the peer's request that is being worked on. */
  respond(type: number, payloads: readonly Payload[]): void {
    this.#theirs.respond(type, payloads);
  }

  /** Answers IKE_SA_INIT, in clear. */
  respondClear(header: Header, request: Uint8Array, path: Path, payloads: readonly Payload[]): Buffer {
    return this.#theirs.respondClear(header, request, path, payloads);
  }

  /** The response to IKE_SA_INIT is in hand: nothing is to be repeated any more. */
  settle(): void {
    this.own.settle(0);
  }

  /** Stops repeating IKE_SA_INIT, which is about to be begun anew with the same message ID. */
  settleForRestart(): void {
    this.own.restart();
  }

  /** Something that explains why it takes so long; the request goes on being repeated (RFC 7296 2.21.1). */
  note(reason: Reason): void {
    this.own.note(reason);
    this.host.noted(this, reason);
  }

  /** A message that named this IKE SA is not taken, which the log is told where it has room. */
  drop(why: string, header: Header): void {
    this.host.dropped(() => ({
      ...(this.peer === undefined ? {} : { peer: this.peer.name }),
      facts: { why, exchange: nameOf.exchange(header.exchangeType), messageId: header.messageId },
    }));
  }

  // --- its life ------------------------------------------------------------------------------------------------

  /** The peer is authenticated, and the SA stands. */
  establish(): void {
    const now = this.host.now();
    this.#coder.forgetFragments();
    this.state = { kind: "Established" };
    this.establishedAt = now;
    this.lastHeard = now;
    this.host.disarm(this, "half-open");
    watchLiveness(this);
    watchKeepalive(this);
    this.succession.schedule();
  }

  /** Takes over the requests that wait for their turn on an IKE SA that it replaces. */
  takeRequests(old: IkeSa): void {
    for (const task of old.own.handOver()) this.request(task);
  }

  /** It has been replaced, and the peer deletes it. */
  awaitDelete(): void {
    this.state = { kind: "Rekeyed" };
    this.#stopWatching();
  }

  /** It has been replaced, and we delete it: the last request on it (RFC 7296 2.8). */
  deleteReplaced(): void {
    this.state = { kind: "ExpectDeleteResponse", reason: { code: "replaced" } };
    this.#stopWatching();
    this.request(deleteIkeSa);
  }

  // --- its end -------------------------------------------------------------------------------------------------

  /**
   * Ends it politely: the peer is told (by a DELETE, or by `farewell`), and what stands stays until it has answered or
   * the wait is over.
   */
  close(reason: Reason, farewell: Task = deleteIkeSa): void {
    if (this.isOver) return;
    if (this.state.kind === "ExpectDeleteResponse") {
      // One that has been replaced goes on asking until it is answered, as long as there is time.
      if (this.succession.holder !== this) this.host.arm(this, "close", this.host.now() + closeWait);
      return;
    }
    this.succession.over();
    if (this.state.kind === "ExpectAuthResponse" && this.own.isOutstanding) {
      // The peer may have established it by now: a DELETE must wait for its response.
      this.state = { ...this.state, closing: this.state.closing ?? reason };
      return this.host.arm(this, "close", this.host.now() + closeWait);
    }
    if (!this.#canSayFarewell()) return this.end(reason);
    this.state = { kind: "ExpectDeleteResponse", reason };
    this.own.abandonQueue();
    this.host.arm(this, "close", this.host.now() + closeWait);
    this.request(farewell);
  }

  /** Ends it now, without a word. A response that may have to be repeated is kept for a while. */
  end(reason: Reason): void {
    if (this.isOver) return;
    this.succession.over();
    const why = this.state.kind === "ExpectDeleteResponse" ? this.state.reason : reason;
    const lingers = this.role === "initiator" ? this.#theirs.keepsResponse : this.#theirs.hasAnswered;
    const resumable = resumableOf(this, why);
    if (resumable !== undefined) this.host.keep(resumable);
    if ("handshake" in this.state) wipeHandshake(this.state.handshake);
    // First of all: what follows from its Child SAs' end must not ask anything of it any more.
    this.state = { kind: "Lingering" };
    this.children.removeAll(why);
    this.own.abandonAll();
    this.#theirs.abandon();
    this.#coder.forgetFragments();
    this.#stopWatching();
    for (const timer of ["half-open", "close", "replaced", "next-request"] as const) this.host.disarm(this, timer);
    this.#wipe(resumable?.skD);
    this.host.ended(this, why);
    if (lingers) this.host.arm(this, "linger", this.host.now() + lingerTime);
    else this.#goAway();
  }

  /** The peer has this SA, as far as we know, and we have keys to tell it. */
  #canSayFarewell(): boolean {
    return this.state.kind === "Established" || this.state.kind === "ExpectAuthResponse";
  }

  #stopWatching(): void {
    for (const timer of ["liveness", "keepalive", "rekey", "lifetime", "reauthenticate"] as const)
      this.host.disarm(this, timer);
  }

  #goAway(): void {
    this.state = { kind: "Gone" };
    this.#theirs.forget();
    this.host.forget(this);
  }

  #wipe(kept?: KeyedPrf): void {
    this.keying?.sending.destroy();
    this.keying?.receiving.destroy();
    if (kept === undefined) this.keying?.skD.destroy();
    this.keying = undefined;
  }
}
