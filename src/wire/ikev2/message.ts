import { Reader } from "../reader.ts";
import { Writer } from "../writer.ts";
import { decodeHeader, type Header, headerCodec, headerLength, lengthOffset } from "./header.ts";
import { limits } from "./limits.ts";
import type { PayloadDescription, Place } from "./payloads/description.ts";
import { type Payload, payloads as table, type UnknownPayload } from "./payloads/table.ts";
import { payloadType } from "./registry/message.ts";
import { nameOf } from "./registry/names.ts";

/** A decoded message: payloads in clear, of which SK or SKF, where there is one, is the last and still encrypted. */
export interface Message {
  readonly header: Header;
  readonly payloads: Payload[];
}

const genericHeaderLength = 4;
const criticalBit = 0x80;
const writer = new Writer(limits.message);

type Described = PayloadDescription<unknown>;

const byType: (Described | undefined)[] = new Array(256).fill(undefined);
for (const description of Object.values(table)) byType[description.type] = description as Described;
const unknownLabels = Array.from({ length: 256 }, (_, type) => nameOf.payload(type));

/**
 * Reads a whole IKEv2 message (without the non-ESP marker), whose header's length must be that of `octets`. `header`
 * spares decoding it again. Byte strings in the result are views of `octets`. Throws {@link WireError}.
 */
export function decodeMessage(octets: Uint8Array, header: Header = decodeHeader(octets)): Message {
  const r = new Reader(octets);
  if (octets.length > limits.message) {
    r.fail("limit", `the message has ${octets.length} octets, possible are at most ${limits.message}`);
  }
  if (header.majorVersion !== 2) r.fail("major-version", `major version is ${header.majorVersion}, possible is 2`);
  if (header.length !== octets.length) {
    r.fail("length", `header length is ${header.length}, the message has ${octets.length} octets`);
  }
  r.bytes(headerLength, "header");
  return { header, payloads: readChain(r, header.nextPayload, "clear") };
}

/**
 * Reads a chain of payloads that begins with type `firstType` and fills `octets`: the plaintext of SK without its
 * padding is `protected`. Throws {@link WireError}.
 */
export function decodePayloads(firstType: number, octets: Uint8Array, where: Place): Payload[] {
  const r = new Reader(octets);
  if (octets.length > limits.message) {
    r.fail("limit", `the payloads have ${octets.length} octets, possible are at most ${limits.message}`);
  }
  return readChain(r, firstType, where);
}

/**
 * Writes a message; next payloads and lengths come from what is written. An SK payload must be the last. Throws
 * {@link WireError} (`unencodable`) where a value does not fit its field.
 */
export function encodeMessage(header: Omit<Header, "nextPayload" | "length">, payloads: readonly Payload[]): Buffer {
  writer.begin();
  const { initiatorSpi, responderSpi, majorVersion, minorVersion, exchangeType, flags, messageId } = header;
  const nextPayload = firstTypeOf(payloads);
  // Named one by one: V8 takes 5 us longer to add to a copy made by spreading.
  headerCodec.write(
    writer,
    { initiatorSpi, responderSpi, nextPayload, majorVersion, minorVersion, exchangeType, flags, messageId, length: 0 },
    "header",
  );
  writeChain(payloads);
  writer.patch32(lengthOffset, writer.position);
  return writer.finish();
}

/** Writes a chain of payloads without a header, as goes into SK. Throws {@link WireError} (`unencodable`). */
export function encodePayloads(payloads: readonly Payload[]): { firstType: number; octets: Buffer } {
  writer.begin();
  const firstType = firstTypeOf(payloads);
  writeChain(payloads);
  return { firstType, octets: writer.finish() };
}

/**
 * The first payload that is not known and must not be skipped: the answer to a request that holds one is
 * UNSUPPORTED_CRITICAL_PAYLOAD with its type (RFC 7296 2.5).
 */
export function unsupportedCritical(payloads: readonly Payload[]): UnknownPayload | undefined {
  for (const payload of payloads) if (payload.kind === "unknown" && payload.critical) return payload;
  return undefined;
}

function readChain(r: Reader, firstType: number, where: Place): Payload[] {
  const payloads: Payload[] = [];
  let type = firstType;
  while (type !== payloadType.NONE) {
    if (payloads.length >= limits.payloads) r.fail("limit", `more than ${limits.payloads} payloads`);
    const description = byType[type];
    r.trail.enter(description === undefined ? (unknownLabels[type] as string) : description.kind, 0);
    const next = r.u8("next payload");
    const bits = r.u8("critical bit");
    const length = r.u16("payload length");
    if (length < genericHeaderLength) {
      r.fail("length", `payload length is ${length}, the least possible is ${genericHeaderLength}`);
    }
    const outer = r.narrow(length - genericHeaderLength, "payload length");
    if (description === undefined) payloads.push(readUnknown(r, type, bits));
    else {
      if (!description.places.includes(where)) {
        r.fail("placement", `may not stand ${where === "clear" ? "in clear" : "inside an encrypted payload"}`);
      }
      const { body, bodyInClear = body } = description;
      const payload = (where === "clear" ? bodyInClear : body).read(r, description.kind) as Record<string, unknown>;
      if (bits >= criticalBit) payload.critical = true;
      if ((bits & 0x7f) !== 0) payload.reserved = bits & 0x7f;
      if (isEncrypted(type)) payload.firstInner = next;
      payloads.push(payload as unknown as Payload);
    }
    r.widen(outer);
    r.trail.leave();
    // RFC 7296 3.14: the encrypted payload is the last, its Next Payload is of what is inside.
    type = isEncrypted(type) ? payloadType.NONE : next;
  }
  r.end();
  return payloads;
}

function readUnknown(r: Reader, type: number, bits: number): UnknownPayload {
  const payload = { kind: "unknown", type, critical: bits >= criticalBit, body: r.rest() } as const;
  return (bits & 0x7f) === 0 ? payload : { ...payload, reserved: bits & 0x7f };
}

function writeChain(payloads: readonly Payload[]): void {
  const count = payloads.length;
  if (count > limits.payloads) writer.fail(`${count} payloads, possible are at most ${limits.payloads}`);
  for (let i = 0; i < count; i++) {
    const payload = payloads[i] as Payload;
    const start = writer.position;
    writer.trail.enter(payload.kind, 0);
    if (payload.kind === "SK" || payload.kind === "SKF") {
      if (i !== count - 1) writer.fail("an encrypted payload must be the last");
      writer.u8(payload.firstInner, "first inner payload");
    } else writer.u8(i === count - 1 ? payloadType.NONE : typeOf(payloads[i + 1] as Payload), "next payload");
    const reserved = payload.reserved ?? 0;
    if (reserved >= criticalBit) writer.fail(`RESERVED is ${reserved}, possible are 0 to 127`);
    writer.u8((payload.critical ? criticalBit : 0) | reserved, "RESERVED");
    const at = writer.reserve16();
    if (payload.kind === "unknown") writer.bytes(payload.body);
    else (table[payload.kind] as Described).body.write(writer, payload, payload.kind);
    writer.patch16(at, writer.position - start, "payload length");
    writer.trail.leave();
  }
}

function firstTypeOf(payloads: readonly Payload[]): number {
  const first = payloads[0];
  return first === undefined ? payloadType.NONE : typeOf(first);
}

function typeOf(payload: Payload): number {
  if (payload.kind !== "unknown") return table[payload.kind].type;
  // As a next payload 0 would end the chain before it.
  if (payload.type === payloadType.NONE) writer.fail("payload type is 0, possible are 1 to 255");
  return payload.type;
}

function isEncrypted(type: number): boolean {
  return type === payloadType.SK || type === payloadType.SKF;
}
