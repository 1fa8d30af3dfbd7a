import { Reader } from "../reader.ts";
import { Writer } from "../writer.ts";
import { decodeHeader, definedFlags, flag, type Header, headerCodec, headerLength, lengthOffset } from "./header.ts";
import { limits } from "./limits.ts";
import type { PayloadDescription } from "./payloads/description.ts";
import { isIdentityOnly } from "./payloads/sa.ts";
import { type OpaquePayload, type Payload, payloads as table } from "./payloads/table.ts";
import { payloadType } from "./registry/message.ts";
import { nameOf } from "./registry/names.ts";

/** A message in clear. */
export interface ClearMessage {
  readonly header: Header;
  readonly payloads: readonly Payload[];
  /** What stands after the last payload: up to three octets that align the message. */
  readonly padding: Uint8Array;
}

/** A message whose header has the encryption flag. */
export interface EncryptedMessage {
  readonly header: Header;
  /** Everything after the header; `header.nextPayload` is the type of the first payload inside. */
  readonly ciphertext: Uint8Array;
}

/** A decoded message. */
export type Message = ClearMessage | EncryptedMessage;

/** The payloads of a decrypted message. */
export interface Protected {
  readonly payloads: readonly Payload[];
  /** The payloads' octets without the padding. */
  readonly octets: Uint8Array;
  /** What HASH(1) and HASH(2) cover: everything after the first payload, without the padding (RFC 2409 5.5). */
  readonly afterFirst: Uint8Array;
  readonly padding: Uint8Array;
}

/** Payloads without a header, written one after the other. */
export interface EncodedPayloads {
  readonly firstType: number;
  readonly octets: Buffer;
}

/** What a caller says of the header; the rest comes from what is written. */
export type HeaderFields = Pick<Header, "initiatorCookie" | "responderCookie" | "exchangeType" | "flags" | "messageId">;

const genericHeaderLength = 4;
const writer = new Writer(limits.message);
const nothing: ReadonlySet<number> = new Set();

type Described = PayloadDescription<unknown>;

const byType: (Described | undefined)[] = new Array(256).fill(undefined);
for (const description of Object.values(table)) byType[description.type] = description as Described;
byType[payloadType.SA] = table.SA as Described;

/** How a payload type is called in errors. */
const labels = Array.from({ length: 256 }, (_, type) => nameOf.payload(type));

/**
 * Reads a whole IKEv1 message (without the non-ESP marker), whose header's length must be that of `octets`. Payloads of
 * the types in `opaque` are not read. Byte strings in the result are views of `octets`. Throws {@link WireError}.
 */
export function decodeMessage(octets: Uint8Array, opaque: ReadonlySet<number> = nothing): Message {
  const header = decodeHeader(octets);
  const r = new Reader(octets);
  if (octets.length > limits.message) {
    r.fail("limit", `the message has ${octets.length} octets, possible are at most ${limits.message}`);
  }
  const { majorVersion, minorVersion, flags, length } = header;
  if (majorVersion !== 1) r.fail("major-version", `major version is ${majorVersion}, possible is 1`);
  // RFC 2408 3.1: a greater minor version than ours is never accepted, and ours is 0.
  if (minorVersion !== 0) r.fail("value", `minor version is ${minorVersion}, possible is 0`);
  if ((flags & ~definedFlags) !== 0) r.fail("value", `flags are ${flags}, possible are 0 to ${definedFlags}`);
  if (length !== octets.length) {
    r.fail("length", `header length is ${length}, the message has ${octets.length} octets`);
  }
  r.bytes(headerLength, "header");
  if ((flags & flag.encryption) !== 0) return { header, ciphertext: r.rest() };
  const payloads = readChain(r, octets, header.nextPayload, opaque).payloads;
  if (r.left > limits.alignment) r.end();
  return { header, payloads, padding: r.rest() };
}

/**
 * Reads what an encrypted message holds: a chain of payloads that begins with type `firstType`, and padding. Throws
 * {@link WireError}.
 */
export function decodeProtected(
  firstType: number,
  plaintext: Uint8Array,
  opaque: ReadonlySet<number> = nothing,
): Protected {
  const r = new Reader(plaintext);
  if (plaintext.length > limits.message) {
    r.fail("limit", `the payloads have ${plaintext.length} octets, possible are at most ${limits.message}`);
  }
  const { payloads, firstEnd } = readChain(r, plaintext, firstType, opaque);
  const end = r.position;
  return {
    payloads,
    octets: plaintext.subarray(0, end),
    afterFirst: plaintext.subarray(firstEnd, end),
    padding: r.rest(),
  };
}

/** Reads a payload's body without its generic header, such as one that was encrypted by itself. Throws {@link WireError}. */
export function decodeBody(type: number, body: Uint8Array): Payload {
  const r = new Reader(body);
  const payload = readBody(r, body, type, nothing);
  r.end();
  return payload;
}

/** Writes a message in clear; next payloads and lengths come from what is written. Throws {@link WireError} (`unencodable`). */
export function encodeMessage(
  header: HeaderFields,
  payloads: readonly Payload[],
  padding: Uint8Array = new Uint8Array(0),
): Buffer {
  begin(header, firstTypeOf(payloads));
  if ((header.flags & flag.encryption) !== 0) writer.fail("a message in clear has no encryption flag");
  if (padding.length > limits.alignment) {
    writer.fail(`${padding.length} octets of padding, possible are at most ${limits.alignment}`);
  }
  writeChain(payloads);
  writer.bytes(padding);
  return finish();
}

/** Writes a message that has been encrypted; the encryption flag is set. Throws {@link WireError} (`unencodable`). */
export function encodeEncrypted(header: HeaderFields, firstType: number, ciphertext: Uint8Array): Buffer {
  begin({ ...header, flags: header.flags | flag.encryption }, firstType);
  writer.bytes(ciphertext);
  return finish();
}

/** Writes a chain of payloads without a header, as is encrypted. Throws {@link WireError} (`unencodable`). */
export function encodePayloads(payloads: readonly Payload[]): EncodedPayloads {
  writer.begin();
  const firstType = firstTypeOf(payloads);
  writeChain(payloads);
  return { firstType, octets: writer.finish() };
}

/** Puts a HASH payload before payloads that have been written: the hash is over their octets (RFC 2409 5.5). */
export function prependHash(data: Uint8Array, following: EncodedPayloads): EncodedPayloads {
  const octets = Buffer.alloc(genericHeaderLength + data.length + following.octets.length);
  octets[0] = following.firstType;
  octets.writeUInt16BE(genericHeaderLength + data.length, 2);
  octets.set(data, genericHeaderLength);
  octets.set(following.octets, genericHeaderLength + data.length);
  return { firstType: payloadType.HASH, octets };
}

/** A payload's body without its generic header, as the hashes of RFC 2409 5 take SAi_b and IDii_b. Throws {@link WireError}. */
export function encodeBody(payload: Payload): Buffer {
  writer.begin();
  writeBody(payload);
  return writer.finish();
}

function begin(header: HeaderFields, nextPayload: number): void {
  writer.begin();
  const { initiatorCookie, responderCookie, exchangeType, flags, messageId } = header;
  if ((flags & ~definedFlags) !== 0) writer.fail(`flags are ${flags}, possible are 0 to ${definedFlags}`);
  headerCodec.write(
    writer,
    {
      initiatorCookie,
      responderCookie,
      nextPayload,
      majorVersion: 1,
      minorVersion: 0,
      exchangeType,
      flags,
      messageId,
      length: 0,
    },
    "header",
  );
}

function finish(): Buffer {
  writer.patch32(lengthOffset, writer.position);
  return writer.finish();
}

function readChain(
  r: Reader,
  octets: Uint8Array,
  firstType: number,
  opaque: ReadonlySet<number>,
): { payloads: Payload[]; firstEnd: number } {
  const payloads: Payload[] = [];
  let firstEnd = r.position;
  let type = firstType;
  while (type !== payloadType.NONE) {
    if (payloads.length >= limits.payloads) r.fail("limit", `more than ${limits.payloads} payloads`);
    r.trail.enter(labels[type] as string, 0);
    const next = r.u8("next payload");
    const reserved = r.u8("RESERVED");
    // RFC 2408 5.3: a message whose RESERVED is not zero is discarded; garbage of a wrong key rarely comes further.
    if (reserved !== 0) r.fail("value", `RESERVED is ${reserved}, possible is 0`);
    const length = r.u16("payload length");
    if (length < genericHeaderLength) {
      r.fail("length", `payload length is ${length}, the least possible is ${genericHeaderLength}`);
    }
    const outer = r.narrow(length - genericHeaderLength, "payload length");
    payloads.push(readBody(r, octets, type, opaque));
    r.widen(outer);
    r.trail.leave();
    if (payloads.length === 1) firstEnd = r.position;
    type = next;
  }
  return { payloads, firstEnd };
}

function readBody(r: Reader, octets: Uint8Array, type: number, opaque: ReadonlySet<number>): Payload {
  let description = byType[type];
  if (description === undefined || opaque.has(type)) return { isakmp: "opaque", type, body: r.rest() };
  if (type === payloadType.SA && !isIdentityOnly(octets, r.position)) description = table["SA-other"] as Described;
  return description.body.read(r, description.isakmp) as Payload;
}

function writeChain(payloads: readonly Payload[]): void {
  const count = payloads.length;
  if (count > limits.payloads) writer.fail(`${count} payloads, possible are at most ${limits.payloads}`);
  for (let i = 0; i < count; i++) {
    const payload = payloads[i] as Payload;
    const start = writer.position;
    const following = payloads[i + 1];
    writer.trail.enter(labels[typeOf(payload)] as string, 0);
    writer.u8(following === undefined ? payloadType.NONE : typeOf(following), "next payload");
    writer.u8(0, "RESERVED");
    const at = writer.reserve16();
    writeBody(payload);
    writer.patch16(at, writer.position - start, "payload length");
    writer.trail.leave();
  }
}

function writeBody(payload: Payload): void {
  if (payload.isakmp === "opaque") writer.bytes(payload.body);
  else (table[payload.isakmp] as Described).body.write(writer, payload, payload.isakmp);
}

function firstTypeOf(payloads: readonly Payload[]): number {
  const first = payloads[0];
  return first === undefined ? payloadType.NONE : typeOf(first);
}

function typeOf(payload: Payload): number {
  if (payload.isakmp !== "opaque") return table[payload.isakmp].type;
  return opaqueType(payload);
}

function opaqueType({ type }: OpaquePayload): number {
  // As a next payload 0 would end the chain before it.
  if (type <= payloadType.NONE || type > 255) writer.fail(`payload type is ${type}, possible are 1 to 255`);
  return type;
}
