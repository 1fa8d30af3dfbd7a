/** The peer's requests on one IKE SA: which is the next, and our response to the last for its repeats (RFC 7296 2.1, 2.2). */
import type { Path } from "../sa/path.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { MessageCoder } from "./message-coder.ts";

/** The peer's last request, by what makes its repeats recognisable, and our response to it. */
interface Answered {
  readonly messageId: number;
  /** The last octets of the request, one character each: the ICV of a protected one, which no forger can hit. */
  readonly tail: string;
  readonly length: number;
  readonly response: Uint8Array;
}

const tailLength = 32;

/** Takes requests in the order of their message IDs, one at a time, and answers each once with one and the same response. */
export class PeerRequests {
  readonly #sa: IkeSa;
  readonly #coder: MessageCoder;
  #expectedMessageId = 0;
  #answered: Answered | undefined;
  /** The request that is being worked on; its repeats are dropped meanwhile. */
  #working: { readonly messageId: number; readonly request: Uint8Array; readonly path: Path } | undefined;

  constructor(sa: IkeSa, coder: MessageCoder) {
    this.#sa = sa;
    this.#coder = coder;
  }

  /** The message ID of the request that was answered last, as long as its response is kept. */
  get answeredId(): number | undefined {
    return this.#answered?.messageId;
  }

  /** Whether a request has the message ID of the last one; if it is the very same, it is answered again. */
  repeat(header: Header, octets: Uint8Array, path: Path): boolean {
    const answered = this.#answered;
    if (answered === undefined || header.messageId !== answered.messageId) return false;
    if (isRepeat(answered, octets)) this.#sa.host.send(answered.response, path);
    return true;
  }

  /** Whether a request with this message ID is the next one, and none is being worked on. */
  expects(messageId: number): boolean {
    return this.#working === undefined && messageId === this.#expectedMessageId;
  }

  /** From now on the request is being worked on. */
  take(messageId: number, request: Uint8Array, path: Path): void {
    this.#working = { messageId, request, path };
    this.#expectedMessageId = messageId + 1;
  }

  /** Answers the request that is being worked on, where there is one. */
  respond(type: number, payloads: readonly Payload[]): void {
    const working = this.#working;
    if (working === undefined) return;
    this.#answer(this.#coder.seal(type, working.messageId, payloads, flag.response));
  }

  /** Answers an IKE_SA_INIT request, in clear; gives the octets of the response. */
  respondClear(request: Uint8Array, path: Path, payloads: readonly Payload[]): Buffer {
    const octets = this.#coder.clear(exchangeType.IKE_SA_INIT, payloads, flag.response);
    this.take(0, request, path);
    this.#answer(octets);
    return octets;
  }

  /** Repeats are not answered any more. */
  forget(): void {
    this.#answered = undefined;
  }

  #answer(response: Buffer): void {
    const working = this.#working;
    if (working === undefined) return;
    this.#working = undefined;
    this.#sa.lastAnswered = this.#sa.host.now();
    this.#answered = {
      messageId: working.messageId,
      tail: tailOf(working.request),
      length: working.request.length,
      response,
    };
    this.#sa.host.send(response, working.path);
  }
}

function isRepeat(answered: Answered, octets: Uint8Array): boolean {
  return octets.length === answered.length && tailOf(octets) === answered.tail;
}

/** A string because it is kept as long as the IKE SA, and takes a fifth of the memory of as many octets in a buffer. */
function tailOf(octets: Uint8Array): string {
  const start = Math.max(0, octets.length - tailLength);
  return Buffer.from(octets.buffer, octets.byteOffset + start, octets.length - start).toString("latin1");
}
