import { NLMSG_OVERRUN } from "../codec/acknowledgement.ts";
import { type Message, readMessage } from "../codec/message-reader.ts";
import { align4, Octets } from "../codec/octets.ts";
import { MalformedMessageError, SystemCallError } from "../errors.ts";
import { joinGroup, openNetlink, setReceiveBuffer } from "./descriptor.ts";
import * as libc from "./libc.ts";
import { Readiness } from "./readiness.ts";

/** What happens on a socket beside the events themselves. */
export type SourceEvent =
  /** Events were lost because they came faster than they were read: whoever mirrors the kernel's state must read it anew. */
  | { readonly kind: "overrun" }
  /** A message that could not be read; it was dropped. */
  | { readonly kind: "malformed"; readonly error: MalformedMessageError }
  /** The socket broke; nothing more comes. */
  | { readonly kind: "failed"; readonly error: SystemCallError };

/** How events are subscribed to. */
export interface EventSourceOptions<Event> {
  readonly protocol: number;
  /** Multicast groups by number. */
  readonly groups: readonly number[];
  /** Octets that the kernel keeps for events not yet read. */
  readonly receiveBuffer: number;
  read(message: Message): Event;
  /** Called in the order of the kernel's messages. An exception in it is the caller's own and goes to the event loop. */
  listener(event: Event | SourceEvent): void;
}

const CAPACITY = 0x8000;
/** NLMSG_MIN_TYPE: what is below is about the transport. */
const FIRST_TYPE = 16;
/** Datagrams read in one turn of the event loop: some 10 us each. */
const DATAGRAMS_PER_TURN = 64;

/** Multicast groups of one netlink family, read on the event loop in bounded portions. */
export class EventSource<Event> {
  readonly #options: EventSourceOptions<Event>;
  readonly #fd: number;
  readonly #octets = Octets.alloc(CAPACITY);
  readonly #readiness: Readiness;
  #closed = false;

  /** Opens the socket and listens from now on. Throws SystemCallError. */
  constructor(options: EventSourceOptions<Event>) {
    this.#options = options;
    this.#fd = openNetlink(options.protocol, { nonBlocking: true });
    try {
      setReceiveBuffer(this.#fd, options.receiveBuffer);
      for (const group of options.groups) joinGroup(this.#fd, group);
      this.#readiness = new Readiness(this.#fd, () => this.#drain());
    } catch (error) {
      libc.close(this.#fd);
      throw error;
    }
  }

  /** Stops at once, also from within the listener; twice does no harm. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness.close();
    libc.close(this.#fd);
    this.#octets.bytes.fill(0);
  }

  #drain(): void {
    const { bytes } = this.#octets;
    for (let datagrams = 0; datagrams < DATAGRAMS_PER_TURN && !this.#closed; datagrams++) {
      const length = libc.recv(this.#fd, bytes, bytes.length, libc.MSG_DONTWAIT | libc.MSG_TRUNC);
      if (length < 0) {
        if (this.#failed(libc.errno())) return;
        continue;
      }
      this.#deliver(length);
    }
  }

  /** Returns whether there is nothing more to read now. */
  #failed(errno: number): boolean {
    switch (errno) {
      case libc.EAGAIN:
        return true;
      case libc.EINTR:
        return false;
      case libc.ENOBUFS:
        // Said once; what is still queued is readable afterwards.
        this.#options.listener({ kind: "overrun" });
        return false;
      default:
        this.close();
        this.#options.listener({ kind: "failed", error: new SystemCallError("recv", "netlink events", errno) });
        return true;
    }
  }

  #deliver(length: number): void {
    const { bytes } = this.#octets;
    if (length > bytes.length) {
      this.#malformed(new MalformedMessageError("datagram", 0, `at most ${bytes.length} octets`, length));
      return;
    }
    try {
      for (let at = 0; at < length && !this.#closed; ) {
        const message = this.#message(at, length);
        if (message === undefined) return;
        this.#dispatch(message);
        at = Math.min(align4(message.end), length);
      }
    } finally {
      // Messages about SAs hold their keys.
      bytes.fill(0, 0, length);
    }
  }

  #message(at: number, length: number): Message | undefined {
    try {
      return readMessage(this.#octets, at, length);
    } catch (error) {
      this.#malformed(error);
      return undefined;
    }
  }

  #dispatch(message: Message): void {
    if (message.type === NLMSG_OVERRUN) {
      this.#options.listener({ kind: "overrun" });
      return;
    }
    if (message.type < FIRST_TYPE) return;
    let event: Event;
    try {
      event = this.#options.read(message);
    } catch (error) {
      this.#malformed(error);
      return;
    }
    this.#options.listener(event);
  }

  #malformed(error: unknown): void {
    if (!(error instanceof MalformedMessageError)) throw error;
    this.#options.listener({ kind: "malformed", error });
  }
}
