import { readFileSync } from "node:fs";
import { forEachMessage, type Message } from "../../../src/netlink-xfrm/codec/message-reader.ts";
import { Octets } from "../../../src/netlink-xfrm/codec/octets.ts";
import type { Dump } from "../../../src/netlink-xfrm/index.ts";

/** One command of iproute2: the datagrams it sent and got, in hexadecimal. */
export interface Recorded {
  readonly name: string;
  readonly command: string;
  readonly sent: readonly string[];
  readonly received: readonly string[];
}

/** Kernels that recordings are of: 6.1 with ESP and tunnels, 6.18 without. */
export type Kernel = "6.1" | "6.18";

/** All recordings of a kernel. */
export function recordings(kernel: Kernel): readonly Recorded[] {
  const file = new URL(`./fixtures/linux-${kernel}.json`, import.meta.url);
  const { cases } = JSON.parse(readFileSync(file, "utf8")) as { cases: Recorded[] };
  return cases;
}

/** One recording by its name. */
export function recording(name: string, kernel: Kernel = "6.1"): Recorded {
  const found = recordings(kernel).find((one) => one.name === name);
  if (found === undefined) throw new Error(`no recording "${name}" of ${kernel}`);
  return found;
}

/** What iproute2 sent last: what goes before are questions about names. */
export function lastSent(name: string, kernel: Kernel = "6.1"): Buffer {
  return Buffer.from(recording(name, kernel).sent.at(-1) ?? "", "hex");
}

/** A message taken apart without any code of the package: for comparing two encoders. */
export interface Canonical {
  readonly type: number;
  readonly flags: number;
  /** The fixed part. */
  readonly head: string;
  /** Payload by attribute type, nested ones as objects. */
  readonly attributes: Tree;
}

interface Tree {
  [type: string]: string | Tree;
}

/** Takes a message apart: `headSize` octets of fixed part; `nested` are the paths of attributes that hold attributes. */
export function canonical(octets: Uint8Array, headSize: number, nested: readonly string[] = []): Canonical {
  const message = Buffer.from(octets);
  if (message.readUInt32LE(0) !== message.length) throw new Error("not exactly one message");
  return {
    type: message.readUInt16LE(4),
    flags: message.readUInt16LE(6),
    head: message.subarray(16, 16 + headSize).toString("hex"),
    attributes: tree(message.subarray(16 + ((headSize + 3) & ~3)), nested, ""),
  };
}

function tree(octets: Buffer, nested: readonly string[], path: string): Tree {
  const result: Tree = {};
  for (let at = 0; at < octets.length; ) {
    const length = octets.readUInt16LE(at);
    const type = octets.readUInt16LE(at + 2) & 0x3fff;
    if (length < 4) throw new Error(`attribute of ${length} octets`);
    const payload = octets.subarray(at + 4, at + length);
    const here = path === "" ? `${type}` : `${path}.${type}`;
    result[type] = nested.includes(here) ? tree(payload, nested, here) : payload.toString("hex");
    at += (length + 3) & ~3;
  }
  return result;
}

/** The messages of datagrams, as the sockets give them to decoders. */
export function messagesIn(datagrams: readonly string[]): Message[] {
  return datagrams.flatMap((hex) => {
    const octets = Octets.copy(Buffer.from(hex, "hex"));
    const messages: Message[] = [];
    forEachMessage(octets, octets.bytes.length, (message) => messages.push(message));
    return messages;
  });
}

/** The items of a recorded answer to a dump. */
export function items<Item>(dump: Dump<Item>, name: string, kernel: Kernel = "6.1"): Item[] {
  return messagesIn(recording(name, kernel).received)
    .filter((message) => message.type === dump.itemType)
    .map((message) => dump.read(message))
    .filter((item) => item !== undefined);
}
