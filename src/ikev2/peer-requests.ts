/** The peer's requests on one IKE SA: which may come, in what order they are worked on, and our responses for their repeats (RFC 7296 2.1 to 2.3). */

import { type Datagrams, headersOn } from "../sa/datagrams.ts";
import type { Path } from "../sa/path.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { MessageCoder, Opened } from "./message-coder.ts";

/** A request of the peer, by what makes its repeats recognisable, and our response to it. */
interface Answered {
  readonly messageId: number;
  /** Of the request, or of its first fragment: the others' repeats are not answered (RFC 7383 2.6.1). */
  tail: string;
  length: number;
  response: Datagrams;
  readonly exchangeType: number;
  /** The one that was answered before it, as long as its response is kept. A chain: an array costs more than most need. */
  older: Answered | undefined;
}

/** An authentic request that was taken. */
export interface Taken {
  readonly header: Header;
  readonly opened: Opened;
  readonly path: Path;
}

/**
 * Takes every request within the window that we announced, in whatever order they come, works on one at a time, and
 * answers each once with one and the same response. As many responses are kept as the window is wide (RFC 7296 2.3).
 */
export class PeerRequests {
  readonly #sa: IkeSa;
  readonly #coder: MessageCoder;
  /** Requests that the peer may have unanswered. */
  #window = 1;
  /** The highest message ID that was taken, and the lowest that may be: the window grows from where it stands. */
  #highest = -1;
  #lowest = 0;
  /** The highest that a synchronization spoke of (RFC 6311). */
  #synchronized = -1;
  /** The last one answered, and from there on those before it. */
  #answered: Answered | undefined;
  /** The request that is being worked on; its repeats are dropped meanwhile. */
  #working: Taken | undefined;
  /** Those that came meanwhile: fewer than the window is wide. */
  #waiting: Taken[] | undefined;

  constructor(sa: IkeSa, coder: MessageCoder) {
    this.#sa = sa;
    this.#coder = coder;
  }

  /** Whether a request is being worked on, or waits for its turn. */
  get isWorking(): boolean {
    return this.#working !== undefined || this.#waiting !== undefined;
  }

  /** Whether a response is kept that is not the one to IKE_SA_INIT. */
  get hasAnswered(): boolean {
    return this.#answered !== undefined && this.#highest > 0;
  }

  /** Whether a response of any kind is kept. */
  get keepsResponse(): boolean {
    return this.#answered !== undefined;
  }

  /** We promised to keep so many responses. */
  widen(window: number): void {
    if (window <= this.#window) return;
    this.#lowest = this.#lowestUnanswered();
    this.#window = window;
  }

  /** Answers a repeat of a request whose response is kept; whether the message has the ID of such a request. */
  repeat(header: Header, octets: Uint8Array, path: Path): boolean {
    for (let one = this.#answered; one !== undefined; one = one.older) {
      if (one.messageId !== header.messageId) continue;
      const { tail, length } = fingerprintOf(octets);
      const isSame = one.length === length && one.tail === tail;
      const isSmaller =
        !isSame && one.exchangeType === header.exchangeType && this.#coder.isFirstFragment(header, octets);
      // Whatever else has that message ID is not authentic.
      if (isSame || isSmaller) this.#sa.children.requestRepeated();
      if (isSame) this.#sa.host.send(one.response, path);
      else if (isSmaller) this.#repeatSmaller(one, octets, path);
      return true;
    }
    return false;
  }

  /** Whether a request with this message ID is a new one within the window. */
  expects(messageId: number): boolean {
    if (messageId < this.#lowestAcceptable() || this.#isKnown(messageId)) return false;
    // RFC 7296 2.3: request X comes only after the responses to all up to X - window.
    return messageId < this.#lowestUnanswered() + this.#window;
  }

  /** Whether a new request with this message ID says that every response so far has arrived. */
  showsArrival(messageId: number): boolean {
    return messageId - this.#window >= this.#highest;
  }

  /** The highest message ID that the peer has ever spoken of. */
  get highest(): number {
    return Math.max(this.#highest, this.#synchronized);
  }

  /** The peer's next request has this message ID; nothing before it is expected or answered any more (RFC 6311 9). */
  synchronize(next: number): void {
    this.#synchronized = next;
    this.#highest = next - 1;
    this.#lowest = next;
    this.abandon();
    this.forget();
  }

  /** An authentic request has come: it is worked on when those before it have been answered. */
  take(header: Header, opened: Opened, path: Path): void {
    const taken: Taken = { header, opened, path };
    this.#highest = Math.max(this.#highest, header.messageId);
    this.#forgetOld();
    if (this.#waiting === undefined) this.#waiting = [taken];
    else this.#waiting.push(taken);
  }

  /** The next request to work on, where none is being worked on. */
  next(): Taken | undefined {
    if (this.#working !== undefined) return undefined;
    this.#working = this.#waiting?.shift();
    if (this.#waiting?.length === 0) this.#waiting = undefined;
    return this.#working;
  }

  /** Answers the request that is being worked on, where there is one. */
  respond(type: number, payloads: readonly Payload[]): void {
    const working = this.#working;
    if (working === undefined) return;
    this.#answer(working, this.#coder.seal(type, working.header.messageId, payloads, flag.response));
  }

  /** Answers the first request, in clear; gives the octets of the response. */
  respondClear(header: Header, request: Uint8Array, path: Path, payloads: readonly Payload[]): Buffer {
    const octets = this.#coder.clear(header.exchangeType, payloads, flag.response);
    this.#highest = 0;
    this.#answer({ header, opened: { payloads: [], fingerprint: fingerprintOf(request) }, path }, octets);
    return octets;
  }

  /** Repeats are not answered any more. */
  forget(): void {
    this.#answered = undefined;
  }

  /** What was not answered will not be; responses are kept. */
  abandon(): void {
    this.#working = undefined;
    this.#waiting = undefined;
  }

  /** The peer tries smaller fragments: our response may have been too large as well (RFC 7383 2.5.1). */
  #repeatSmaller(answered: Answered, octets: Uint8Array, path: Path): void {
    const { tail, length } = fingerprintOf(octets);
    answered.tail = tail;
    answered.length = length;
    answered.response = this.#coder.refragment(answered.response, octets.length + headersOn(path)) ?? answered.response;
    this.#sa.host.send(answered.response, path);
  }

  #answer({ header, path, opened }: Taken, response: Datagrams): void {
    this.#working = undefined;
    const { host } = this.#sa;
    this.#sa.lastAnswered = host.now();
    const { tail, length } = opened.fingerprint;
    const { messageId, exchangeType: type } = header;
    this.#answered = { messageId, tail, length, response, exchangeType: type, older: this.#answered };
    this.#forgetOld();
    host.send(response, path);
    // Not from here: who answers has more to do before the next request's turn comes.
    if (this.#waiting !== undefined) host.arm(this.#sa, "next-request", host.now());
  }

  /** RFC 7296 2.3: a peer that keeps to the window has the responses to all up to the highest - window. */
  #forgetOld(): void {
    const oldest = this.#highest - this.#window + 1;
    let newer: Answered | undefined;
    for (let one = this.#answered; one !== undefined; one = one.older) {
      if (one.messageId >= oldest) newer = one;
      else if (newer === undefined) this.#answered = one.older;
      else newer.older = one.older;
    }
  }

  #lowestAcceptable(): number {
    return Math.max(this.#lowest, this.#highest - this.#window + 1);
  }

  #isKnown(messageId: number): boolean {
    if (this.#working?.header.messageId === messageId) return true;
    if (this.#waiting?.some(({ header }) => header.messageId === messageId) === true) return true;
    return this.#isAnswered(messageId);
  }

  #isAnswered(messageId: number): boolean {
    for (let one = this.#answered; one !== undefined; one = one.older) if (one.messageId === messageId) return true;
    return false;
  }

  #lowestUnanswered(): number {
    let id = this.#lowestAcceptable();
    while (this.#isAnswered(id)) id += 1;
    return id;
  }
}
