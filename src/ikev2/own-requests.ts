/** Our own requests on one IKE SA: their queue, the one that is out, and its repetition (RFC 7296 2.1, 2.3). */
import type { Reason } from "../negotiate/reason.ts";
import type { Header } from "../wire/ikev2/header.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { queueLimit } from "./constants.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { MessageCoder } from "./message-coder.ts";
import type { Task } from "./task.ts";

/** A request of ours that waits for its response. */
interface Outstanding {
  readonly task: Task;
  readonly messageId: number;
  readonly octets: Uint8Array;
  readonly firstSent: number;
  attempts: number;
}

/**
 * One request at a time (window 1). A task is queued, begins when its turn comes, sends now or later, and is over when its
 * response is in hand, when it is skipped, or when everything is abandoned.
 */
export class OwnRequests {
  readonly #sa: IkeSa;
  readonly #coder: MessageCoder;
  readonly #queue: Task[] = [];
  /** The request whose turn it is: being prepared, or outstanding. */
  #task: Task | undefined;
  #outstanding: Outstanding | undefined;
  #nextMessageId = 0;
  #pumping = false;
  /** Why the outstanding request may be going unanswered, as far as is known. */
  #noted: Reason | undefined;

  constructor(sa: IkeSa, coder: MessageCoder) {
    this.#sa = sa;
    this.#coder = coder;
  }

  /** Whether no request's turn it is. */
  get isIdle(): boolean {
    return this.#task === undefined;
  }

  /** Whether a request is out and unanswered. */
  get isOutstanding(): boolean {
    return this.#outstanding !== undefined;
  }

  /** Queues a request; it goes out when those before it have been answered. Beyond the queue's bound it is abandoned. */
  add(task: Task): void {
    if (this.#queue.length >= queueLimit) return task.abandon?.(this.#sa);
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
      this.#task.begin(this.#sa);
    }
    this.#pumping = false;
  }

  /** The request whose turn it is has become needless. */
  skip(): void {
    this.#task = undefined;
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
    const outstanding = this.#outstanding;
    if (outstanding === undefined || header.messageId !== outstanding.messageId) return undefined;
    return outstanding.task.exchangeType === header.exchangeType ? outstanding.task : undefined;
  }

  /** The response to the outstanding request is in hand: nothing is to be repeated any more. */
  settle(): void {
    this.#task = undefined;
    this.#nextMessageId += 1;
    this.stopRepeating();
  }

  /** Stops repeating the outstanding request, whose message ID the next one takes over. */
  stopRepeating(): void {
    this.#outstanding = undefined;
    this.#sa.host.disarm(this.#sa, "retransmit");
  }

  /** Why the outstanding request may be going unanswered; if it does to the end, that is the reason. */
  note(reason: Reason): void {
    this.#noted = reason;
  }

  /** The time for the response is over: repeats the request, or gives the IKE SA up. */
  retransmit(): void {
    const outstanding = this.#outstanding;
    const { host, peer, path } = this.#sa;
    if (outstanding === undefined || peer === undefined) return;
    const now = host.now();
    const exchange = nameOf.exchange(outstanding.task.exchangeType);
    if (outstanding.attempts > peer.timing.retransmitTries) {
      return this.#sa.end(
        this.#noted ?? {
          code: "no-answer",
          exchange,
          remote: path.remote.address,
          attempts: outstanding.attempts,
          seconds: Math.round((now - outstanding.firstSent) / 1000),
        },
      );
    }
    // Whether the host still refuses to send is about to be seen.
    if (this.#noted?.code === "send-failed") this.#noted = undefined;
    outstanding.attempts += 1;
    host.log({
      level: "debug",
      event: "retransmit",
      peer: peer.name,
      facts: { exchange, attempt: outstanding.attempts },
    });
    host.send(outstanding.octets, path);
    this.#arm(outstanding, now);
  }

  /** None of those that wait for their turn will be sent. */
  abandonQueue(): void {
    for (const task of this.#queue) task.abandon?.(this.#sa);
    this.#queue.length = 0;
  }

  /** Neither the current request nor those that wait will get a response. */
  abandonAll(): void {
    this.#outstanding = undefined;
    this.#task?.abandon?.(this.#sa);
    this.#task = undefined;
    this.abandonQueue();
    this.#sa.host.disarm(this.#sa, "retransmit");
  }

  #maySend(): boolean {
    const { kind } = this.#sa.state;
    return kind === "Established" || kind === "ExpectDeleteResponse";
  }

  #transmit(task: Task, octets: Uint8Array): void {
    const { host, path } = this.#sa;
    const now = host.now();
    this.#task = task;
    this.#outstanding = { task, messageId: this.#nextMessageId, octets, firstSent: now, attempts: 1 };
    host.send(octets, path);
    this.#arm(this.#outstanding, now);
  }

  #arm(outstanding: Outstanding, now: number): void {
    const timing = this.#sa.peer?.timing;
    if (timing === undefined) return;
    const wait = timing.retransmitFirst * timing.retransmitFactor ** (outstanding.attempts - 1);
    this.#sa.host.arm(this.#sa, "retransmit", now + wait);
  }
}
