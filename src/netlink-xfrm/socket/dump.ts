import { setImmediate } from "node:timers/promises";
import { NLMSG_DONE, NLMSG_ERROR, NLMSG_OVERRUN, readAcknowledgement, readDone } from "../codec/acknowledgement.ts";
import { forEachMessage, type Message } from "../codec/message-reader.ts";
import { MessageWriter } from "../codec/message-writer.ts";
import { Octets } from "../codec/octets.ts";
import { beginDump, type Dump, NLM_F_DUMP_INTR } from "../codec/request.ts";
import { MalformedMessageError, NetlinkError } from "../errors.ts";
import { openNetlink, setReceiveTimeout } from "./descriptor.ts";
import * as libc from "./libc.ts";

/** The kernel fills at most 32 KiB in one go; a read shorter than a full chunk yields sooner to the event loop. */
const CHUNK = 0x8000;
/** How often a list is read anew when it changed meanwhile (NLM_F_DUMP_INTR). */
const MAX_ATTEMPTS = 20;
/** Items of one list: far beyond any host's, against a list without end. */
const MAX_ITEMS = 4_000_000;
const SEQUENCE = 1;

/** Reads a whole list at once. Throws NetlinkError (EINTR when the list never stood still), MalformedMessageError. */
export function dumpAll<Item>(protocol: number, timeoutMs: number, dump: Dump<Item>): Item[] {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const reading = new DumpReading(protocol, timeoutMs, dump);
    try {
      while (reading.step()) {
        // Each step reads one datagram.
      }
    } finally {
      reading.close();
    }
    if (!reading.interrupted) return reading.items;
  }
  throw neverStill(dump);
}

/** Reads a whole list and yields to the event loop after each datagram. */
export async function dumpChunks<Item>(protocol: number, timeoutMs: number, dump: Dump<Item>): Promise<Item[]> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const reading = new DumpReading(protocol, timeoutMs, dump);
    try {
      while (reading.step()) await setImmediate();
    } finally {
      reading.close();
    }
    if (!reading.interrupted) return reading.items;
  }
  throw neverStill(dump);
}

function neverStill(dump: Dump<unknown>): NetlinkError {
  return new NetlinkError(dump.name, libc.EINTR, { sentence: `the list changed during all ${MAX_ATTEMPTS} readings` });
}

/** One reading of a list, on a socket of its own: a half-read dump would block every other request of its socket. */
class DumpReading<Item> {
  readonly items: Item[] = [];
  /** Whether the kernel said that the list changed while it was read. */
  interrupted = false;
  readonly #dump: Dump<Item>;
  readonly #fd: number;
  readonly #octets = Octets.alloc(CHUNK);

  constructor(protocol: number, timeoutMs: number, dump: Dump<Item>) {
    this.#dump = dump;
    const writer = new MessageWriter(1024);
    beginDump(writer, dump, SEQUENCE);
    this.#fd = openNetlink(protocol, { nonBlocking: false });
    try {
      setReceiveTimeout(this.#fd, timeoutMs);
      if (libc.send(this.#fd, writer.octets.bytes, writer.length, 0) < 0) {
        throw new NetlinkError(dump.name, libc.errno());
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Reads one datagram; false when the list has ended. */
  step(): boolean {
    const { bytes } = this.#octets;
    const length = libc.recv(this.#fd, bytes, bytes.length, libc.MSG_TRUNC);
    if (length < 0) {
      const errno = libc.errno();
      if (errno === libc.EINTR) return true;
      throw new NetlinkError(this.#dump.name, errno === libc.EAGAIN ? libc.ETIMEDOUT : errno);
    }
    if (length > bytes.length) throw new MalformedMessageError("datagram", 0, `at most ${bytes.length} octets`, length);
    let more = length > 0;
    forEachMessage(this.#octets, length, (message) => {
      if (message.sequence === SEQUENCE && !this.#take(message)) more = false;
    });
    return more;
  }

  /** Lists of SAs hold keys, wanted or not. */
  close(): void {
    this.#octets.bytes.fill(0);
    libc.close(this.#fd);
  }

  #take(message: Message): boolean {
    const { name, itemType } = this.#dump;
    if ((message.flags & NLM_F_DUMP_INTR) !== 0) this.interrupted = true;
    switch (message.type) {
      case NLMSG_DONE:
      case NLMSG_ERROR: {
        const { errno, ack } = message.type === NLMSG_DONE ? readDone(message) : readAcknowledgement(message);
        if (errno !== 0) throw new NetlinkError(name, errno, ack);
        return false;
      }
      case NLMSG_OVERRUN:
        throw new NetlinkError(name, libc.ENOBUFS);
      case itemType: {
        const item = this.#dump.read(message);
        if (item !== undefined) this.items.push(item);
        if (this.items.length > MAX_ITEMS) throw new NetlinkError(name, libc.ENOBUFS);
        return true;
      }
      default:
        throw new MalformedMessageError(`answer to ${name}`, message.at, `message type ${itemType}`, message.type);
    }
  }
}
