/** The SK payload (RFC 7296 3.14): sealing whole messages, opening them again. */
import type { SkCipher } from "../crypto/sk-cipher.ts";
import { headerLength } from "../wire/ikev2/header.ts";
import { decodePayloads, encodePayloads } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { payloadType } from "../wire/ikev2/registry/message.ts";

const genericHeaderLength = 4;

/** The header fields of a message that is to be sealed. */
export interface SealedHeader {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly exchangeType: number;
  readonly flags: number;
  readonly messageId: number;
}

/** The octets of a message whose only payload is SK, holding `payloads`. `iv` is never used twice under one key. */
export function sealMessage(
  header: SealedHeader,
  payloads: readonly Payload[],
  cipher: SkCipher,
  iv: Uint8Array,
): Buffer {
  const inner = encodePayloads(payloads);
  const plaintext = pad(inner.octets, cipher.blockLength);
  const aadLength = headerLength + genericHeaderLength;
  const length = aadLength + cipher.ivLength + plaintext.length + cipher.icvLength;
  // Its own memory: the last response is kept, and a slice of the shared pool would keep the pool.
  const message = Buffer.allocUnsafeSlow(length);
  message.writeBigUInt64BE(header.initiatorSpi, 0);
  message.writeBigUInt64BE(header.responderSpi, 8);
  message[16] = payloadType.SK;
  message[17] = 0x20;
  message[18] = header.exchangeType;
  message[19] = header.flags;
  message.writeUInt32BE(header.messageId, 20);
  message.writeUInt32BE(length, 24);
  message[28] = inner.firstType;
  message[29] = 0;
  message.writeUInt16BE(length - headerLength, 30);
  message.set(iv, aadLength);
  message.set(cipher.seal(message.subarray(0, aadLength), iv, plaintext), aadLength + cipher.ivLength);
  return message;
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
  const { body } = sk;
  if (body.length < cipher.ivLength + cipher.icvLength + 1) return undefined;
  const aad = message.subarray(0, message.length - body.length);
  const plaintext = cipher.open(aad, body.subarray(0, cipher.ivLength), body.subarray(cipher.ivLength));
  if (plaintext === undefined || plaintext.length === 0) return undefined;
  // RFC 7296 3.14: any padding content is accepted. A pad length beyond the plaintext leaves nothing to read.
  const padLength = plaintext[plaintext.length - 1] ?? 0;
  const end = Math.max(0, plaintext.length - 1 - padLength);
  return decodePayloads(sk.firstInner, plaintext.subarray(0, end), "protected");
}

/** Padding and Pad Length up to a multiple of the cipher's block (RFC 7296 3.14). */
function pad(payloads: Buffer, blockLength: number): Buffer {
  const padLength = (blockLength - ((payloads.length + 1) % blockLength)) % blockLength;
  const plaintext = Buffer.alloc(payloads.length + padLength + 1);
  plaintext.set(payloads);
  plaintext[plaintext.length - 1] = padLength;
  return plaintext;
}
