/** The SK and SKF payloads (RFC 7296 3.14, RFC 7383 2.5): sealing whole messages and fragments, opening them again. */
import type { SkCipher } from "../crypto/sk-cipher.ts";
import { headerLength } from "../wire/ikev2/header.ts";
import { decodePayloads, encodePayloads } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { payloadType } from "../wire/ikev2/registry/message.ts";

const genericHeaderLength = 4;
const fragmentNumbersLength = 4;

/** The header fields of a message that is to be sealed. */
export interface SealedHeader {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly exchangeType: number;
  readonly flags: number;
  readonly messageId: number;
}

/** What goes inside SK: a chain of payloads and the type of the first of them. */
export interface Inner {
  readonly firstType: number;
  readonly octets: Uint8Array;
}

/** Which fragment of how many a message is (RFC 7383 2.5), from 1 on. */
export interface FragmentNumber {
  readonly number: number;
  readonly total: number;
}

/** The octets of a message whose only payload is SK, holding `payloads`. `iv` is never used twice under one key. */
export function sealMessage(
  header: SealedHeader,
  payloads: readonly Payload[],
  cipher: SkCipher,
  iv: Uint8Array,
): Buffer {
  return sealInner(header, encodePayloads(payloads), cipher, iv);
}

/** The octets of a message whose only payload is SK or, where a fragment number is given, SKF. */
export function sealInner(
  header: SealedHeader,
  inner: Inner,
  cipher: SkCipher,
  iv: Uint8Array,
  fragment?: FragmentNumber,
): Buffer {
  const plaintext = pad(inner.octets, cipher.blockLength);
  const aadLength = aadLengthOf(fragment !== undefined);
  const length = aadLength + cipher.ivLength + plaintext.length + cipher.icvLength;
  // Its own memory: the last response is kept, and a slice of the shared pool would keep the pool.
  const message = Buffer.allocUnsafeSlow(length);
  message.writeBigUInt64BE(header.initiatorSpi, 0);
  message.writeBigUInt64BE(header.responderSpi, 8);
  message[16] = fragment === undefined ? payloadType.SK : payloadType.SKF;
  message[17] = 0x20;
  message[18] = header.exchangeType;
  message[19] = header.flags;
  message.writeUInt32BE(header.messageId, 20);
  message.writeUInt32BE(length, 24);
  message[28] = inner.firstType;
  message[29] = 0;
  message.writeUInt16BE(length - headerLength, 30);
  if (fragment !== undefined) {
    message.writeUInt16BE(fragment.number, 32);
    message.writeUInt16BE(fragment.total, 34);
  }
  message.set(iv, aadLength);
  message.set(cipher.seal(message.subarray(0, aadLength), iv, plaintext), aadLength + cipher.ivLength);
  return message;
}

/** Octets of a message with so many octets of payloads inside SK. */
export function sealedLength(innerLength: number, cipher: SkCipher): number {
  return aadLengthOf(false) + cipher.ivLength + paddedLength(innerLength, cipher.blockLength) + cipher.icvLength;
}

/** Octets of payloads that fit into a fragment of so many octets; less than 1 where none do. */
export function fragmentRoom(length: number, cipher: SkCipher): number {
  const plaintext = length - aadLengthOf(true) - cipher.ivLength - cipher.icvLength;
  return plaintext - (plaintext % cipher.blockLength) - 1;
}

/**
 * The payloads inside SK, or undefined where the integrity check fails. `body` is the SK payload's, the last of
 * `message`. Throws WireError where the authenticated content is malformed.
 */
export function openMessage(
  message: Uint8Array,
  sk: { readonly firstInner: number; readonly body: Uint8Array },
  cipher: SkCipher,
): Payload[] | undefined {
  const octets = openBody(message, sk.body, cipher);
  return octets === undefined ? undefined : decodePayloads(sk.firstInner, octets, "protected");
}

/** What is inside SK or SKF, without padding, or undefined where the integrity check fails. `body` ends `message`. */
export function openBody(message: Uint8Array, body: Uint8Array, cipher: SkCipher): Buffer | undefined {
  if (body.length < cipher.ivLength + cipher.icvLength + 1) return undefined;
  const aad = message.subarray(0, message.length - body.length);
  const plaintext = cipher.open(aad, body.subarray(0, cipher.ivLength), body.subarray(cipher.ivLength));
  if (plaintext === undefined || plaintext.length === 0) return undefined;
  // RFC 7296 3.14: any padding content is accepted. A pad length beyond the plaintext leaves nothing to read.
  const padLength = plaintext[plaintext.length - 1] ?? 0;
  return plaintext.subarray(0, Math.max(0, plaintext.length - 1 - padLength));
}

/** What was sealed into a message of ours, whole or in fragments, from its octets alone. */
export function unseal(datagrams: readonly Uint8Array[], cipher: SkCipher): Inner | undefined {
  const contents: Uint8Array[] = [];
  for (const octets of datagrams) {
    const content = openBody(octets, octets.subarray(aadLengthOf(octets[16] === payloadType.SKF)), cipher);
    if (content === undefined) return undefined;
    contents.push(content);
  }
  return { firstType: datagrams[0]?.[headerLength] ?? 0, octets: Buffer.concat(contents) };
}

function aadLengthOf(isFragment: boolean): number {
  return headerLength + genericHeaderLength + (isFragment ? fragmentNumbersLength : 0);
}

function paddedLength(length: number, blockLength: number): number {
  return Math.ceil((length + 1) / blockLength) * blockLength;
}

/** Padding and Pad Length up to a multiple of the cipher's block (RFC 7296 3.14). */
function pad(payloads: Uint8Array, blockLength: number): Buffer {
  const plaintext = Buffer.alloc(paddedLength(payloads.length, blockLength));
  plaintext.set(payloads);
  plaintext[plaintext.length - 1] = plaintext.length - payloads.length - 1;
  return plaintext;
}
