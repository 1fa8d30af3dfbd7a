/** One IKE SA (RFC 7296): its keys, its two message-ID counters, its Child SAs, and the way messages take through it. */
import type { KeyedPrf } from "../crypto/prf.ts";
import type { SkCipher } from "../crypto/sk-cipher.ts";
import type { KernelRequest } from "../kernel/port.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { IkeSuite } from "../negotiate/suite.ts";
import { type ChildSa, outboundId, protocolOf } from "../sa/child-sa.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";
import { WireError } from "../wire/error.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import { decodeMessage, encodeMessage, unsupportedCritical } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { closeWait, hardLimitGrace, lingerTime, outboundWait, queueLimit } from "./constants.ts";
import { askForLife, deleteChild, deleteIkeSa } from "./exchanges/informational.ts";
import { exchanges } from "./exchanges/table.ts";
import type { Host, TimerName } from "./host.ts";
import { type NatFinding, noNat } from "./nat-detection.ts";
import { find, notify } from "./payloads.ts";
import { openMessage, sealMessage } from "./protected-message.ts";
import type { State } from "./state.ts";
import type { Task } from "./task.ts";

export type Role = "initiator" | "responder";

/** What stands once IKE_SA_INIT has run. */
export interface IkeKeying {
  readonly suite: IkeSuite;
  /** Protects what we send. */
  readonly sending: SkCipher;
  /** Opens what the peer sends. */
  readonly receiving: SkCipher;
  readonly skD: KeyedPrf;
}

/** A request of ours that waits for its response (window 1: there is at most one). */
interface Outstanding {
  readonly task: Task;
  readonly messageId: number;
  readonly octets: Uint8Array;
  readonly firstSent: number;
  attempts: number;
}

/** The installation of an outbound SA, and what wipes its keys. */
export interface OutboundLater {
  readonly request: KernelRequest;
  /** The kernel has been asked, and has not answered yet. */
  asked: boolean;
  wipe(): void;
}

/** The peer's last request, by what makes its repeats recognisable, and our response to it. */
interface Answered {
  readonly messageId: number;
  /** The last octets of the request: the ICV of a protected one, which no forger can hit. */
  readonly tail: Uint8Array;
  readonly length: number;
  readonly response: Uint8Array;
}

const tailLength = 32;

export class IkeSa {
  readonly role: Role;
  readonly host: Host;
  /** Our SPI; the peer's is 0 until it has said it. */
  readonly localSpi: bigint;
  remoteSpi: bigint;
  path: Path;
  peer: PeerDesired | undefined;
  remoteId: Identity | undefined;
  state: State;
  keying: IkeKeying | undefined;
  nat: NatFinding = noNat;
  /** When it came to be, and when it was established, in ms of the engine's clock. */
  readonly createdAt: number;
  establishedAt = 0;
  /** The lesser of the two nonces' first 8 octets: of two IKE SAs that crossed, the one with the least goes (RFC 7296 2.8.1). */
  lowestNonce = 0n;
  /** When an authenticated message last came. */
  lastHeard: number;
  /** When a request of the peer was last answered. */
  lastAnswered = 0;
  readonly children = new Map<number, ChildSa>();

  #nextMessageId = 0;
  #expectedMessageId = 0;
  /** The request of ours whose turn it is: being prepared, or outstanding. */
  #task: Task | undefined;
  #outstanding: Outstanding | undefined;
  #answered: Answered | undefined;
  /** The message ID of the peer's request that is being worked on; its repeats are dropped meanwhile. */
  #working: { readonly messageId: number; readonly request: Uint8Array; readonly path: Path } | undefined;
  readonly #queue: Task[] = [];
  /** Child SAs whose outbound half is not installed yet. */
  readonly #later = new Map<ChildSa, OutboundLater>();
  #pumping = false;
  /** Why the outstanding request may be going unanswered, as far as is known. */
  #noted: Reason | undefined;
  #ivCounter = 0n;

  constructor(options: {
    readonly role: Role;
    readonly host: Host;
    readonly localSpi: bigint;
    readonly remoteSpi: bigint;
    readonly path: Path;
    readonly peer?: PeerDesired;
    readonly state: State;
  }) {
    this.role = options.role;
    this.host = options.host;
    this.localSpi = options.localSpi;
    this.remoteSpi = options.remoteSpi;
    this.path = options.path;
    this.peer = options.peer;
    this.state = options.state;
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
      this.#drop(error.message, header);
    }
  }

  onTimer(name: string): void {
    switch (name as TimerName) {
      case "retransmit":
        return this.#retransmit();
      case "half-open":
        return this.end({
          code: "no-answer",
          exchange: "IKE_AUTH",
          remote: this.path.remote.address,
          attempts: 0,
          seconds: this.#age(),
        });
      case "liveness":
        return this.#checkLiveness();
      case "outbound":
        return this.sendNow();
      case "linger":
        return this.#goAway();
      case "close":
        if (this.state.kind === "ExpectDeleteResponse") this.end(this.state.reason);
        else if (this.state.kind === "ExpectAuthResponse" && this.state.closing !== undefined)
          this.end(this.state.closing);
        return;
      default:
        return this.#hardLimit(name);
    }
  }

  #receiveRequest(header: Header, octets: Uint8Array, path: Path): void {
    const answered = this.#answered;
    if (answered !== undefined && header.messageId === answered.messageId) {
      if (isRepeat(answered, octets)) this.host.send(answered.response, path);
      return;
    }
    if (this.#working !== undefined || header.messageId !== this.#expectedMessageId) return;
    const exchange = exchanges.get(header.exchangeType);
    if (exchange === undefined || !exchange.requestIn.includes(this.state.kind)) return;
    const opened = this.#open(header, octets);
    if (opened === undefined) return;
    this.lastHeard = this.host.now();
    // With one request at a time, a new one says that our answer to the last has arrived.
    this.sendNow();
    this.#working = { messageId: header.messageId, request: octets, path };
    this.#expectedMessageId += 1;
    if ("fault" in opened) return this.#refuseSyntax(header.exchangeType, opened.fault);
    const critical = unsupportedCritical(opened.payloads);
    if (critical !== undefined) return this.#refuseCritical(header.exchangeType, critical.type);
    exchange.handleRequest(this, opened.payloads, path);
  }

  #receiveResponse(header: Header, octets: Uint8Array, path: Path): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined || header.messageId !== outstanding.messageId) return;
    const { task } = outstanding;
    if (task.exchangeType !== header.exchangeType) return;
    const exchange = exchanges.get(header.exchangeType);
    if (exchange === undefined || !exchange.responseIn.includes(this.state.kind)) return;
    if (exchange.handleClearResponse !== undefined) return exchange.handleClearResponse(this, header, octets, path);
    const opened = this.#open(header, octets);
    if (opened === undefined) return;
    this.lastHeard = this.host.now();
    this.settle();
    if ("fault" in opened) {
      const fault = {
        code: "invalid-syntax",
        exchange: nameOf.exchange(header.exchangeType),
        fault: opened.fault,
      } as const;
      task.abandon?.(this);
      return this.close(fault);
    }
    task.handleResponse(this, opened.payloads);
    this.pump();
  }

  /** Decrypts; undefined where the message is not authentic, `fault` where it is and yet is malformed. */
  #open(header: Header, octets: Uint8Array): { payloads: Payload[] } | { fault: string } | undefined {
    const { keying } = this;
    if (keying === undefined) return undefined;
    const sk = find(decodeMessage(octets, header).payloads, "SK");
    if (sk === undefined) return undefined;
    try {
      const payloads = openMessage(octets, sk, keying.receiving);
      if (payloads === undefined) this.#drop("integrity check failed", header);
      return payloads === undefined ? undefined : { payloads };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { fault: error.message };
    }
  }

  // --- what goes out -------------------------------------------------------------------------------------------

  /** Queues a request of ours; it goes out when those before it have been answered. */
  request(task: Task): void {
    if (this.#queue.length >= queueLimit) return task.abandon?.(this);
    this.#queue.push(task);
    this.pump();
  }

  /** Begins the next queued request, where none is under way. A loop: of requests that are skipped there may be many. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (this.#task === undefined && this.#maySend()) {
      this.#task = this.#queue.shift();
      if (this.#task === undefined) break;
      this.#task.begin(this);
    }
    this.#pumping = false;
  }

  /** The request whose turn it is has become needless. */
  skip(): void {
    this.#task = undefined;
    this.pump();
  }

  /** Sends a protected request for `task` and waits for its response. */
  sendRequest(task: Task, payloads: readonly Payload[]): void {
    this.#transmit(task, this.#seal(task.exchangeType, this.#nextMessageId, payloads, 0));
  }

  /** Sends a request in clear: IKE_SA_INIT, whose message ID is 0 however often it is begun anew. */
  sendClearRequest(task: Task, payloads: readonly Payload[]): Buffer {
    const octets = encodeMessage(this.#header(task.exchangeType, 0, 0), payloads);
    this.#transmit(task, octets);
    return octets;
  }

  /** Answers the peer's request that is being worked on. */
  respond(type: number, payloads: readonly Payload[]): void {
    const working = this.#working;
    if (working === undefined) return;
    this.#answer(this.#seal(type, working.messageId, payloads, flag.response));
  }

  /** Answers IKE_SA_INIT, in clear. */
  respondClear(request: Uint8Array, path: Path, payloads: readonly Payload[]): Buffer {
    const octets = encodeMessage(this.#header(exchangeType.IKE_SA_INIT, 0, flag.response), payloads);
    this.#working = { messageId: 0, request, path };
    this.#expectedMessageId = 1;
    this.#answer(octets);
    return octets;
  }

  /** The response to the outstanding request is in hand: nothing is to be repeated any more. */
  settle(): void {
    this.#outstanding = undefined;
    this.#task = undefined;
    this.#nextMessageId += 1;
    this.host.disarm(this, "retransmit");
  }

  /** Stops repeating IKE_SA_INIT, which is about to be begun anew with the same message ID. */
  settleForRestart(): void {
    this.#outstanding = undefined;
    this.host.disarm(this, "retransmit");
  }

  #maySend(): boolean {
    return this.state.kind === "Established" || this.state.kind === "ExpectDeleteResponse";
  }

  #transmit(task: Task, octets: Uint8Array): void {
    const now = this.host.now();
    this.#task = task;
    this.#outstanding = { task, messageId: this.#nextMessageId, octets, firstSent: now, attempts: 1 };
    this.host.send(octets, this.path);
    this.#armRetransmit(this.#outstanding, now);
  }

  #answer(response: Buffer): void {
    const working = this.#working;
    if (working === undefined) return;
    this.#working = undefined;
    this.lastAnswered = this.host.now();
    this.#answered = {
      messageId: working.messageId,
      tail: Uint8Array.from(working.request.subarray(-tailLength)),
      length: working.request.length,
      response,
    };
    this.host.send(response, working.path);
  }

  #seal(type: number, messageId: number, payloads: readonly Payload[], flags: number): Buffer {
    const { keying } = this;
    if (keying === undefined) throw new RangeError("an IKE SA without keys cannot seal");
    return sealMessage(this.#header(type, messageId, flags), payloads, keying.sending, this.#nextIv(keying.sending));
  }

  /** CBC wants unpredictable IVs; for counter modes a counter is all that is needed, and never repeats (RFC 5282 3.1). */
  #nextIv(cipher: SkCipher): Uint8Array {
    if (cipher.randomIv) return this.host.random(cipher.ivLength);
    const iv = Buffer.alloc(cipher.ivLength);
    this.#ivCounter += 1n;
    iv.writeBigUInt64BE(this.#ivCounter, cipher.ivLength - 8);
    return iv;
  }

  #header(type: number, messageId: number, flags: number) {
    return {
      initiatorSpi: this.initiatorSpi,
      responderSpi: this.responderSpi,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: type,
      flags: flags | (this.role === "initiator" ? flag.initiator : 0),
      messageId,
    };
  }

  // --- retransmission and liveness --------------------------------------------------------------------------------

  #armRetransmit(outstanding: Outstanding, now: number): void {
    const timing = this.peer?.timing;
    if (timing === undefined) return;
    const wait = timing.retransmitFirst * timing.retransmitFactor ** (outstanding.attempts - 1);
    this.host.arm(this, "retransmit", now + wait);
  }

  #retransmit(): void {
    const outstanding = this.#outstanding;
    const timing = this.peer?.timing;
    if (outstanding === undefined || timing === undefined) return;
    const now = this.host.now();
    if (outstanding.attempts > timing.retransmitTries) {
      return this.end(
        this.#noted ?? {
          code: "no-answer",
          exchange: nameOf.exchange(outstanding.task.exchangeType),
          remote: this.path.remote.address,
          attempts: outstanding.attempts,
          seconds: Math.round((now - outstanding.firstSent) / 1000),
        },
      );
    }
    // Whether the host still refuses to send is about to be seen.
    if (this.#noted?.code === "send-failed") this.#noted = undefined;
    outstanding.attempts += 1;
    this.host.log({
      level: "debug",
      event: "retransmit",
      ...(this.peer === undefined ? {} : { peer: this.peer.name }),
      facts: { exchange: nameOf.exchange(outstanding.task.exchangeType), attempt: outstanding.attempts },
    });
    this.host.send(outstanding.octets, this.path);
    this.#armRetransmit(outstanding, now);
  }

  /** Something that explains why it takes so long; the request goes on being repeated (RFC 7296 2.21.1). */
  note(reason: Reason): void {
    this.#noted = reason;
    this.host.noted(this, reason);
  }

  /** Asks for a sign of life after silence (RFC 7296 2.4), and the kernel whether the Child SAs still stand. */
  #checkLiveness(): void {
    const liveness = this.peer?.timing.liveness ?? 0;
    if (this.state.kind !== "Established" || liveness === 0) return;
    const now = this.host.now();
    this.host.inspect(this);
    if (this.lastHeard + liveness > now) {
      this.host.arm(this, "liveness", this.lastHeard + liveness);
      return;
    }
    this.host.arm(this, "liveness", now + liveness);
    if (this.#task === undefined) this.request(askForLife);
  }

  // --- life and death ---------------------------------------------------------------------------------------------

  establish(): void {
    const now = this.host.now();
    this.state = { kind: "Established" };
    this.establishedAt = now;
    this.lastHeard = now;
    this.host.disarm(this, "half-open");
    const liveness = this.peer?.timing.liveness ?? 0;
    if (liveness > 0) this.host.arm(this, "liveness", now + liveness);
  }

  addChild(child: ChildSa): void {
    this.children.set(child.spiIn, child);
    // The kernel ends it at that time by itself; its report may be lost.
    this.host.arm(this, `hard-limit ${child.spiIn}`, child.since + child.desired.hard.seconds * 1000 + hardLimitGrace);
    this.host.childUp(this, child);
  }

  /** Takes a Child SA out of the record and has it removed from the kernel. */
  removeChild(child: ChildSa, reason: Reason): void {
    if (!this.children.delete(child.spiIn)) return;
    const outbound = this.#later.get(child);
    this.#later.delete(child);
    // Keys that the kernel is about to read are wiped when it has answered.
    if (outbound?.asked === false) outbound.wipe();
    this.host.disarm(this, `hard-limit ${child.spiIn}`);
    // Where it was refused, the peer's SPI may name another SA that stands.
    this.host.childGone(this, child, reason, outbound === undefined || outbound.asked === true);
  }

  /** Has a Child SA's outbound half wait for a sign that the peer can receive. */
  sendLater(child: ChildSa, outbound: OutboundLater): void {
    this.#later.set(child, outbound);
    this.host.arm(this, "outbound", this.host.now() + outboundWait);
  }

  /** Whether its outbound half stands. */
  sendsOn(child: ChildSa): boolean {
    return !this.#later.has(child);
  }

  /** Installs the outbound halves that wait: all, or those of one reqid. */
  sendNow(reqid?: number): void {
    for (const [child, outbound] of [...this.#later]) {
      if (outbound.asked === true || (reqid !== undefined && child.reqid !== reqid)) continue;
      outbound.asked = true;
      this.host.kernel([outbound.request], ([answer]) => {
        outbound.wipe();
        outbound.asked = false;
        if (this.children.get(child.spiIn) !== child) return;
        const refusal = answer?.kind === "refused" ? answer.refusal : undefined;
        // Anything else may have been carried out all the same, and is to be removed.
        if (refusal?.errno !== "EEXIST") this.#later.delete(child);
        if (refusal === undefined) this.host.outboundUp(this);
        else this.dropChild(child, { code: "kernel-refused", ...refusal });
      });
    }
  }

  #hardLimit(timer: string): void {
    for (const child of this.children.values()) {
      if (timer === `hard-limit ${child.spiIn}`)
        return this.dropChild(child, { code: "lifetime-over", what: "Child SA" });
    }
  }

  /**
   * Has the peer drop a Child SA that is one too many. From now on nothing is sent on it, and it receives until the peer
   * has answered, so that nothing is lost.
   */
  retireChild(child: ChildSa, reason: Reason): void {
    this.host.removeSa(outboundId(child));
    this.request(deleteChild(protocolOf(child), child.spiIn, () => this.removeChild(child, reason)));
  }

  /** A Child SA of ours ended in the kernel: the rest of the pair goes, and the peer is told to drop its half. */
  dropChild(child: ChildSa, reason: Reason): void {
    if (this.state.kind === "Established") this.request(deleteChild(protocolOf(child), child.spiIn));
    this.removeChild(child, reason);
  }

  /**
   * Ends it politely: the peer is told (by a DELETE, or by `farewell`), and what stands stays until it has answered or
   * the wait is over.
   */
  close(reason: Reason, farewell: Task = deleteIkeSa): void {
    if (this.isOver || this.state.kind === "ExpectDeleteResponse") return;
    if (this.state.kind === "ExpectAuthResponse" && this.#outstanding !== undefined) {
      // The peer may have established it by now: a DELETE must wait for its response.
      this.state = { ...this.state, closing: this.state.closing ?? reason };
      return this.host.arm(this, "close", this.host.now() + closeWait);
    }
    if (!this.#canSayFarewell()) return this.end(reason);
    this.state = { kind: "ExpectDeleteResponse", reason };
    this.#abandonQueue();
    this.host.arm(this, "close", this.host.now() + closeWait);
    this.request(farewell);
  }

  /** Ends it now, without a word. A response that may have to be repeated is kept for a while. */
  end(reason: Reason): void {
    if (this.isOver) return;
    const answered = this.#answered;
    const lingers = answered !== undefined && (this.role === "initiator" || answered.messageId > 0);
    // First of all: what follows from its Child SAs' end must not ask anything of it any more.
    this.state = { kind: "Lingering" };
    for (const child of [...this.children.values()]) this.removeChild(child, reason);
    this.#outstanding = undefined;
    this.#task?.abandon?.(this);
    this.#task = undefined;
    this.#abandonQueue();
    for (const timer of ["retransmit", "half-open", "liveness", "close", "outbound"] as const)
      this.host.disarm(this, timer);
    this.#wipe();
    this.host.ended(this, reason);
    if (lingers) this.host.arm(this, "linger", this.host.now() + lingerTime);
    else this.#goAway();
  }

  /** The peer has this SA, as far as we know, and we have keys to tell it. */
  #canSayFarewell(): boolean {
    return this.state.kind === "Established" || this.state.kind === "ExpectAuthResponse";
  }

  #abandonQueue(): void {
    for (const task of this.#queue) task.abandon?.(this);
    this.#queue.length = 0;
  }

  #goAway(): void {
    this.state = { kind: "Gone" };
    this.#answered = undefined;
    this.host.forget(this);
  }

  #wipe(): void {
    this.keying?.sending.destroy();
    this.keying?.receiving.destroy();
    this.keying?.skD.destroy();
    this.keying = undefined;
  }

  #refuseSyntax(type: number, fault: string): void {
    // RFC 7296 2.21.3: the sender of a malformed, authenticated request is told, and the SA is not to be trusted.
    this.respond(type, [notify(notifyType.INVALID_SYNTAX)]);
    this.end({ code: "invalid-syntax", exchange: nameOf.exchange(type), fault });
  }

  #refuseCritical(type: number, payload: number): void {
    // RFC 7296 2.5: the request is rejected; in IKE_AUTH there is no SA to go on with.
    this.respond(type, [notify(notifyType.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(payload))]);
    if (this.state.kind === "ExpectAuthRequest") this.end({ code: "unsupported-critical-payload", payload });
  }

  #drop(why: string, header: Header): void {
    this.host.dropped(() => ({
      ...(this.peer === undefined ? {} : { peer: this.peer.name }),
      facts: { why, exchange: nameOf.exchange(header.exchangeType), messageId: header.messageId },
    }));
  }

  #age(): number {
    return Math.round((this.host.now() - this.createdAt) / 1000);
  }
}

function isRepeat(answered: Answered, octets: Uint8Array): boolean {
  if (octets.length !== answered.length) return false;
  return Buffer.compare(octets.subarray(-tailLength), answered.tail) === 0;
}
