/** Our own requests on one IKE SA: their queue, those that are under way, and their repetition (RFC 7296 2.1, 2.3). */
import type { Reason } from "../negotiate/reason.ts";
import type { Datagrams } from "../sa/datagrams.ts";
import type { Header } from "../wire/ikev2/header.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { ownWindowLimit, probeTries, queueLimit, replacementWait } from "./constants.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { MessageCoder } from "./message-coder.ts";
import { pathPatience, wayOf } from "./mobike.ts";
import type { Task } from "./task.ts";

/** A request of ours that is out and waits for its response. */
interface Outstanding {
  readonly messageId: number;
  message: Datagrams;
  readonly firstSent: number;
  sent: number;
  /** How often it was sent in its present size. */
  attempts: number;
  /** When it is repeated, in ms of the engine's clock. */
  repeatAt: number;
}

/** A request that has begun; `out` once it has been sent. */
interface UnderWay {
  readonly task: Task;
  out: Outstanding | undefined;
}

/**
 * As many requests at a time as the peer promised to keep responses for (its window). A task is queued, begins when its
 * turn comes, sends now or later, and is over when its response is in hand, when it is skipped, or when everything is
 * abandoned. The queue keeps its order: what must be alone waits for those before it, and has those behind it wait.
 */
export class OwnRequests {
  readonly #sa: IkeSa;
  readonly #coder: MessageCoder;
  /** Made when they are needed: most of the time there is nothing to send. */
  #queue: Task[] | undefined;
  #underWay: UnderWay[] | undefined;
  /** With the message IDs of their requests: what their responses brought is still being worked on. */
  #working: Map<Task, number> | undefined;
  #settled = 0;
  /** Requests that the peer takes at a time. */
  #window = 1;
  #nextMessageId = 0;
  #pumping = false;
  /**
   * The next message ID is another from now on (RFC 6311): what is unanswered will be answered by nobody under its old one,
   * and is sent again under a new one.
   */
  renumber(next: number): void {
    this.#nextMessageId = next;
    const { host, path } = this.#sa;
    for (const one of this.#underWay ?? []) {
      const message = one.out === undefined ? undefined : this.#coder.renumber(one.out.message, this.#nextMessageId);
      if (one.out === undefined || message === undefined) continue;
      one.out = { ...one.out, message, messageId: this.#nextMessageId, attempts: 1 };
      this.#nextMessageId += 1;
      host.send(message, path);
      this.#schedule(one.out, host.now());
    }
    this.#armRepeat();
  }

  /** Why what is out may be going unanswered, as far as is known. */
  #noted: Reason | undefined;

  constructor(sa: IkeSa, coder: MessageCoder) {
    this.#sa = sa;
    this.#coder = coder;
  }

  /** Whether no request is under way. */
  get isIdle(): boolean {
    return this.#underWay === undefined;
  }

  /** Requests that the peer takes at a time. */
  get window(): number {
    return this.#window;
  }

  /** The message ID of the next request. */
  get nextMessageId(): number {
    return this.#nextMessageId;
  }

  /** Whether a request is out and unanswered. */
  get isOutstanding(): boolean {
    return this.#underWay?.some(({ out }) => out !== undefined) === true;
  }

  /** The peer promises to keep so many responses. RFC 7296 2.3: a window only grows. */
  widen(window: number): void {
    this.#window = Math.max(this.#window, Math.min(window, ownWindowLimit));
    this.pump();
  }

  /** Queues a request; it goes out when its turn comes. Beyond the queue's bound it is abandoned. */
  add(task: Task): void {
    this.#queue ??= [];
    if (this.#queue.length >= queueLimit) return task.abandon?.(this.#sa);
    this.#queue.push(task);
    this.pump();
  }

  /** Begins queued requests as long as the window has room. A loop: of requests that are skipped there may be many. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    for (let task = this.#next(); task !== undefined; task = this.#next()) {
      this.#begun(task);
      task.begin(this.#sa);
    }
    this.#pumping = false;
  }

  /** A request that has begun, and was not sent, has become needless. */
  skip(task: Task): void {
    this.#remove((one) => one.task === task && one.out === undefined);
    this.pump();
  }

  /** Sends a protected request for `task` and waits for its response. */
  send(task: Task, payloads: readonly Payload[]): void {
    this.#transmit(task, this.#coder.seal(task.exchangeType, this.#nextMessageId, payloads, 0));
  }

  /** Sends a request in clear; gives its octets. */
  sendClear(task: Task, payloads: readonly Payload[]): Buffer {
    const octets = this.#coder.clear(task.exchangeType, payloads, 0);
    this.#transmit(task, octets);
    return octets;
  }

  /** The task that a message with this header may be the response to. */
  awaiting(header: Header): Task | undefined {
    for (const { task, out } of this.#underWay ?? []) {
      if (out?.messageId === header.messageId) return task.exchangeType === header.exchangeType ? task : undefined;
    }
    return undefined;
  }

  /** Whether that request has been sent so often that it may have taken other ways than the one in use. */
  triedWays(messageId: number): boolean {
    return this.#underWay?.some(({ out }) => out?.messageId === messageId && out.sent > pathPatience) === true;
  }

  /** The response to the request with this message ID is in hand: it is not repeated any more. */
  settle(messageId: number): void {
    this.#settled = messageId;
    this.#remove(({ out }) => out?.messageId === messageId);
    this.#armRepeat();
  }

  /**
   * What the response in hand brought is to be computed or installed first. A request that shows the peer that the response has
   * arrived waits until `worked`: the peer sends then on what was agreed.
   */
  worksOn(task: Task): void {
    this.#working ??= new Map();
    this.#working.set(task, this.#settled);
  }

  /** All that followed from its response is done. */
  worked(task: Task): void {
    if (!this.#working?.delete(task)) return;
    if (this.#working.size === 0) this.#working = undefined;
    this.pump();
  }

  /** Stops repeating IKE_SA_INIT, whose message ID the next request takes over. */
  restart(): void {
    this.settle(0);
    this.#nextMessageId = 0;
  }

  /** Why what is out may be going unanswered; if it does to the end, that is the reason. */
  note(reason: Reason): void {
    this.#noted = reason;
  }

  /** The time for some response is over: repeats its request, or gives the IKE SA up. */
  retransmit(): void {
    const now = this.#sa.host.now();
    // Whether the host still refuses to send is about to be seen.
    const noted = this.#noted;
    if (noted?.code === "send-failed") this.#noted = undefined;
    for (const { task, out } of this.#underWay ?? []) {
      if (out === undefined || out.repeatAt > now) continue;
      if (!this.#repeat(task, out, now, noted)) return;
    }
    this.#armRepeat();
  }

  /** Gives those that wait for their turn away: they are to be sent on another IKE SA. */
  handOver(): readonly Task[] {
    const queue = this.#queue ?? [];
    this.#queue = undefined;
    return queue;
  }

  /** None of those that wait for their turn will be sent. */
  abandonQueue(): void {
    const queue = this.#queue ?? [];
    this.#queue = undefined;
    for (const task of queue) task.abandon?.(this.#sa);
  }

  /** Neither what is under way nor what waits will get a response. */
  abandonAll(): void {
    const underWay = this.#underWay ?? [];
    this.#underWay = undefined;
    for (const { task } of underWay) task.abandon?.(this.#sa);
    this.abandonQueue();
    this.#sa.host.disarm(this.#sa, "retransmit");
  }

  /** The queued task whose turn it is, where there is one. */
  #next(): Task | undefined {
    const first = this.#queue?.[0];
    if (first === undefined || !this.#maySend() || !this.#hasRoom(first)) return undefined;
    this.#queue?.shift();
    if (this.#queue?.length === 0) this.#queue = undefined;
    return first;
  }

  /**
   * RFC 7296 2.3: request X waits for the responses to all up to X - window. Each that is being prepared will take a
   * message ID too.
   */
  #hasRoom(next: Task): boolean {
    const underWay = this.#underWay ?? [];
    if (underWay.length > 0 && (next.alone === true || underWay.some(({ task }) => task.alone === true))) return false;
    let lowest = this.#nextMessageId;
    for (const messageId of this.#working?.values() ?? []) lowest = Math.min(lowest, messageId);
    let preparing = 0;
    for (const { out } of underWay) {
      if (out === undefined) preparing += 1;
      else lowest = Math.min(lowest, out.messageId);
    }
    return this.#nextMessageId + preparing < lowest + this.#window;
  }

  #maySend(): boolean {
    const { state, succession } = this.#sa;
    return state.kind === "Established" ? !succession.holdsRequests : state.kind === "ExpectDeleteResponse";
  }

  #begun(task: Task): UnderWay {
    const begun: UnderWay = { task, out: undefined };
    if (this.#underWay === undefined) this.#underWay = [begun];
    else this.#underWay.push(begun);
    return begun;
  }

  #remove(matches: (one: UnderWay) => boolean): void {
    const underWay = this.#underWay ?? [];
    const at = underWay.findIndex(matches);
    if (at >= 0) underWay.splice(at, 1);
    if (underWay.length === 0) this.#underWay = undefined;
  }

  #transmit(task: Task, message: Datagrams): void {
    const { host, path } = this.#sa;
    const now = host.now();
    // IKE_SA_INIT and IKE_AUTH are not queued: they are what the SA begins with.
    const begun = this.#underWay?.find((one) => one.task === task && one.out === undefined) ?? this.#begun(task);
    begun.out = { messageId: this.#nextMessageId, message, firstSent: now, sent: 1, attempts: 1, repeatAt: 0 };
    this.#nextMessageId += 1;
    host.send(message, path);
    this.#schedule(begun.out, now);
    this.#armRepeat();
  }

  /** Whether the IKE SA goes on. */
  #repeat(task: Task, out: Outstanding, now: number, noted: Reason | undefined): boolean {
    const { host, peer, path } = this.#sa;
    if (peer === undefined) return false;
    const exchange = nameOf.exchange(task.exchangeType);
    if (out.attempts > peer.timing.retransmitTries) {
      const seconds = Math.round((now - out.firstSent) / 1000);
      const remote = path.remote.address;
      const reason = noted ?? ({ code: "no-answer", exchange, remote, attempts: out.sent, seconds } as const);
      const isOver = out.attempts > peer.timing.retransmitTries + 1;
      if (isOver || !host.unanswered(this.#sa, reason)) {
        this.#sa.end(reason);
        return false;
      }
      out.attempts += 1;
      out.repeatAt = now + replacementWait;
      return true;
    }
    const smaller = out.attempts === probeTries ? this.#coder.refragment(out.message) : undefined;
    if (smaller !== undefined) {
      // RFC 7383 2.5.2: with each size the waits begin anew.
      out.message = smaller;
      out.attempts = 0;
    }
    out.sent += 1;
    out.attempts += 1;
    host.log({ level: "debug", event: "retransmit", peer: peer.name, facts: { exchange, attempt: out.sent } });
    host.send(out.message, wayOf(this.#sa, out.sent));
    this.#schedule(out, now);
    return true;
  }

  #schedule(out: Outstanding, now: number): void {
    const timing = this.#sa.peer?.timing;
    if (timing === undefined) return;
    out.repeatAt = now + timing.retransmitFirst * timing.retransmitFactor ** (out.attempts - 1);
  }

  /** One timer for all: the earliest of their times. */
  #armRepeat(): void {
    let at = Number.POSITIVE_INFINITY;
    for (const { out } of this.#underWay ?? []) if (out !== undefined) at = Math.min(at, out.repeatAt);
    if (at === Number.POSITIVE_INFINITY) this.#sa.host.disarm(this.#sa, "retransmit");
    else if (this.#sa.peer !== undefined) this.#sa.host.arm(this.#sa, "retransmit", at);
  }
}
