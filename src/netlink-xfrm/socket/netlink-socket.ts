import { NLMSG_ERROR, readAcknowledgement } from "../codec/acknowledgement.ts";
import { forEachMessage, type Message, readMessage } from "../codec/message-reader.ts";
import { MessageWriter } from "../codec/message-writer.ts";
import { Octets } from "../codec/octets.ts";
import { beginRequest, type Dump, type Request } from "../codec/request.ts";
import { MalformedMessageError, NetlinkError } from "../errors.ts";
import { NETLINK_ROUTE, NETLINK_XFRM, openNetlink, setReceiveBuffer, setReceiveTimeout } from "./descriptor.ts";
import { dumpAll, dumpChunks } from "./dump.ts";
import * as libc from "./libc.ts";

/** How a socket is opened. */
export interface NetlinkSocketOptions {
  /** Longest wait for an answer in milliseconds; 1000 when left out. */
  readonly timeoutMs?: number;
}

/** The answer to one message of a batch. */
export type BatchResult<Reply> =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly error: NetlinkError };

const SEND_CAPACITY = 0x10000;
const RECEIVE_CAPACITY = 0x10000;
/** Messages in one send: their answers must fit the socket's receive buffer all at once. */
const BATCH_MESSAGES = 64;
const BATCH_OCTETS = SEND_CAPACITY / 2;
/** Octets for answers not yet read: ample for those to 64 messages, each charged with a buffer of a few KiB. */
const RECEIVE_BUFFER = 0x100000;
/** Late answers to requests that timed out, thrown away before the awaited one: more would be a fault. */
const MAX_STALE = 4096;

/** A socket for requests to the kernel, answered while the caller waits (microseconds), and for dumps. */
export class NetlinkSocket {
  readonly #protocol: number;
  readonly #timeoutMs: number;
  readonly #fd: number;
  readonly #writer = new MessageWriter(SEND_CAPACITY);
  readonly #received = Octets.alloc(RECEIVE_CAPACITY);
  #sequence = 1;
  #closed = false;

  private constructor(protocol: number, options: NetlinkSocketOptions) {
    this.#protocol = protocol;
    this.#timeoutMs = options.timeoutMs ?? 1000;
    this.#fd = openNetlink(protocol, { nonBlocking: false });
    setReceiveBuffer(this.#fd, RECEIVE_BUFFER);
    setReceiveTimeout(this.#fd, this.#timeoutMs);
  }

  /** Opens a socket to the XFRM interface. Throws SystemCallError. */
  static xfrm(options: NetlinkSocketOptions = {}): NetlinkSocket {
    return new NetlinkSocket(NETLINK_XFRM, options);
  }

  /** Opens a socket to rtnetlink. Throws SystemCallError. */
  static route(options: NetlinkSocketOptions = {}): NetlinkSocket {
    return new NetlinkSocket(NETLINK_ROUTE, options);
  }

  /**
   * Sends one request and waits for its answer. Throws NetlinkError (the kernel refused, or did not answer in time),
   * InvalidValueError (nothing was sent), MalformedMessageError.
   */
  request<Reply>(request: Request<Reply>): Reply {
    const sequence = this.#begin(request);
    this.#send(request.name, request.secret === true);
    const message = this.#await(sequence, request.name, request.secret === true);
    return this.#settle(request, message);
  }

  /**
   * Sends many requests in as few datagrams as possible; the kernel carries out each, whatever became of those before.
   * The results stand in the order of the requests. Throws only what is not about one request.
   */
  batch<Reply>(requests: readonly Request<Reply>[]): BatchResult<Reply>[] {
    const results: BatchResult<Reply>[] = [];
    let next = 0;
    while (next < requests.length) {
      const first = next;
      const firstSequence = this.#sequence;
      let secret = false;
      while (next < requests.length && next - first < BATCH_MESSAGES && this.#writer.length < BATCH_OCTETS) {
        const request = requests[next++];
        if (request === undefined) break;
        this.#begin(request);
        secret ||= request.secret === true;
      }
      this.#send(`batch of ${next - first} requests`, secret);
      this.#collect(requests.slice(first, next), firstSequence, secret, results);
    }
    return results;
  }

  /** Reads a whole list while the caller waits, on a socket of its own: for start-up and commands. */
  dump<Item>(dump: Dump<Item>): Item[] {
    this.#mustBeOpen();
    return dumpAll(this.#protocol, this.#timeoutMs, dump);
  }

  /** Reads a whole list and gives the event loop a turn after each chunk (some dozens of items). */
  async dumpAsync<Item>(dump: Dump<Item>): Promise<Item[]> {
    this.#mustBeOpen();
    return dumpChunks(this.#protocol, this.#timeoutMs, dump);
  }

  /** Closes the socket; twice does no harm. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    libc.close(this.#fd);
  }

  #mustBeOpen(): void {
    // The number may by now belong to another file of the process.
    if (this.#closed) throw new Error("this netlink socket is closed");
  }

  #begin(request: Request<unknown>): number {
    this.#mustBeOpen();
    const sequence = this.#sequence;
    try {
      beginRequest(this.#writer, request, sequence);
    } catch (error) {
      this.#writer.reset(true);
      throw error;
    }
    this.#sequence = sequence === 0xffffffff ? 1 : sequence + 1;
    return sequence;
  }

  #send(name: string, secret: boolean): void {
    const writer = this.#writer;
    const sent = libc.send(this.#fd, writer.octets.bytes, writer.length, 0);
    const errno = sent < 0 ? libc.errno() : 0;
    writer.reset(secret);
    if (sent < 0) throw new NetlinkError(name, errno);
  }

  /** Receives one datagram; its length. */
  #receive(name: string): number {
    const { bytes } = this.#received;
    for (;;) {
      const length = libc.recv(this.#fd, bytes, bytes.length, libc.MSG_TRUNC);
      if (length > bytes.length) {
        throw new MalformedMessageError("datagram", 0, `at most ${bytes.length} octets`, length);
      }
      if (length >= 0) return length;
      const errno = libc.errno();
      if (errno === libc.EINTR) continue;
      throw new NetlinkError(name, errno === libc.EAGAIN ? libc.ETIMEDOUT : errno);
    }
  }

  #await(sequence: number, name: string, secret: boolean): Message {
    for (let stale = 0; stale < MAX_STALE; stale++) {
      const length = this.#receive(name);
      const message = readMessage(this.#received, 0, length);
      if (message.sequence === sequence) return message;
    }
    if (secret) this.#received.bytes.fill(0);
    throw new MalformedMessageError("answer", 0, `sequence number ${sequence}`, `${MAX_STALE} others`);
  }

  #settle<Reply>(request: Request<Reply>, message: Message): Reply {
    if (message.type === NLMSG_ERROR) {
      const { errno, ack } = readAcknowledgement(message);
      if (errno !== 0) throw new NetlinkError(request.name, errno, ack);
      if (request.reply === undefined) return undefined as Reply;
    }
    if (message.type !== request.reply?.type) {
      const wanted = `message type ${request.reply?.type ?? NLMSG_ERROR}`;
      throw new MalformedMessageError(`answer to ${request.name}`, message.at, wanted, message.type);
    }
    try {
      return request.reply.read(message);
    } finally {
      // Answers about SAs hold their keys, whether they were asked for or not.
      this.#received.bytes.fill(0, message.at, message.end);
    }
  }

  #collect<Reply>(
    requests: readonly Request<Reply>[],
    firstSequence: number,
    secret: boolean,
    results: BatchResult<Reply>[],
  ): void {
    const answers: (BatchResult<Reply> | undefined)[] = new Array(requests.length).fill(undefined);
    let missing = requests.length;
    for (let datagrams = 0; missing > 0 && datagrams < MAX_STALE; datagrams++) {
      let length: number;
      try {
        length = this.#receive("batch");
      } catch (error) {
        if (!(error instanceof NetlinkError)) throw error;
        // Lost answers: what is still missing may or may not have been carried out.
        requests.forEach((request, index) => {
          answers[index] ??= { ok: false, error: new NetlinkError(request.name, error.errno) };
        });
        break;
      }
      forEachMessage(this.#received, length, (message) => {
        const index = (message.sequence - firstSequence + 0x100000000) % 0x100000000;
        const request = requests[index];
        if (request === undefined || answers[index] !== undefined) return;
        answers[index] = this.#result(request, message);
        missing--;
      });
    }
    if (secret) this.#received.bytes.fill(0, 0, RECEIVE_CAPACITY);
    requests.forEach((request, index) => {
      results.push(answers[index] ?? { ok: false, error: new NetlinkError(request.name, libc.ETIMEDOUT) });
    });
  }

  #result<Reply>(request: Request<Reply>, message: Message): BatchResult<Reply> {
    try {
      return { ok: true, reply: this.#settle(request, message) };
    } catch (error) {
      if (error instanceof NetlinkError) return { ok: false, error };
      throw error;
    }
  }
}
