import type { Message } from "./message-reader.ts";
import { MessageWriter } from "./message-writer.ts";

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_DUMP = 0x300;
/** On NEW messages: replace what is there. */
export const NLM_F_REPLACE = 0x100;
/** On NEW messages: refuse with EEXIST where something is there. */
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_APPEND = 0x800;

/** What every message to the kernel has. */
interface Outgoing {
  /** For errors: "XFRM_MSG_NEWSA". */
  readonly name: string;
  /** Message type number. */
  readonly type: number;
  /** Writes the payload. */
  write(writer: MessageWriter): void;
}

/** A message that the kernel answers with an acknowledgement, or with one message. */
export interface Request<Reply> extends Outgoing {
  /** NLM_F_* beside NLM_F_REQUEST and NLM_F_ACK. */
  readonly flags: number;
  /** Whether it carries keys: its octets are wiped after sending. */
  readonly secret?: boolean;
  /** The message that answers; without it an acknowledgement is awaited. */
  readonly reply?: { readonly type: number; read(message: Message): Reply };
}

/** A message that the kernel answers with a list. */
export interface Dump<Item> extends Outgoing {
  /** Type number of the messages of the list. */
  readonly itemType: number;
  /** Reads one; `undefined` leaves it out (the kernel filters less than was asked). */
  read(message: Message): Item | undefined;
}

/** Flags and sequence of a message as they go out. */
export function beginRequest(writer: MessageWriter, request: Request<unknown>, sequence: number): void {
  const ack = request.reply === undefined ? NLM_F_ACK : 0;
  writer.begin(request.type, request.flags | NLM_F_REQUEST | ack, sequence);
  request.write(writer);
  writer.end();
}

/** Writes a dump request. */
export function beginDump(writer: MessageWriter, dump: Dump<unknown>, sequence: number): void {
  writer.begin(dump.type, NLM_F_REQUEST | NLM_F_DUMP, sequence);
  dump.write(writer);
  writer.end();
}

/** The octets of a request, for whoever wants to look at them; the sockets do not use this. */
export function encodeRequest(request: Request<unknown>, sequence = 0): Uint8Array {
  const writer = new MessageWriter(0x10000);
  beginRequest(writer, request, sequence);
  return writer.octets.slice(0, writer.length);
}

/** The octets of a dump request, likewise. */
export function encodeDump(dump: Dump<unknown>, sequence = 0): Uint8Array {
  const writer = new MessageWriter(0x10000);
  beginDump(writer, dump, sequence);
  return writer.octets.slice(0, writer.length);
}
