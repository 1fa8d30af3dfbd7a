/** What can be seen of a first message without decoding it: under load many are to be sorted and few to be read. */
import { exchangeType, payloadType } from "./registry/message.ts";
import { notifyType } from "./registry/notify.ts";

const headerLength = 28;
const genericHeaderLength = 4;
/** Protocol ID, SPI size, type: RFC 7296 3.10. */
const notifyHeaderLength = 4;

/** Payloads that are looked at on the way to the nonce. */
const payloadLimit = 16;

/** What a cookie is made of besides the address, and the cookie, where there is one. Views of the message. */
export interface SeenFirst {
  readonly cookie: Uint8Array | undefined;
  readonly nonce: Uint8Array;
  readonly initiatorSpi: bigint;
}

/** Whether it looks like a first request, of IKE_SA_INIT or IKE_SESSION_RESUME: version 2, no responder's SPI, from the initiator. */
export function isFirstMessage(octets: Uint8Array): boolean {
  const isFirst = octets[18] === exchangeType.IKE_SA_INIT || octets[18] === exchangeType.IKE_SESSION_RESUME;
  if (octets.length < headerLength || !isFirst) return false;
  if ((octets[17] ?? 0) >> 4 !== 2 || ((octets[19] ?? 0) & 0x28) !== 0x08) return false;
  for (let at = 8; at < 16; at += 1) if (octets[at] !== 0) return false;
  return true;
}

/** The nonce of a first message, and its cookie, which has to be its first payload (RFC 7296 2.6); undefined without a nonce. */
export function peekFirst(octets: Uint8Array): SeenFirst | undefined {
  if (octets.length < headerLength) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  let cookie: Uint8Array | undefined;
  let type = octets[16] ?? 0;
  let at = headerLength;
  for (let count = 0; count < payloadLimit && type !== payloadType.NONE; count += 1) {
    if (at + genericHeaderLength > octets.length) return undefined;
    const length = view.getUint16(at + 2);
    const end = at + length;
    if (length < genericHeaderLength || end > octets.length) return undefined;
    if (type === payloadType.Nonce) {
      return { cookie, nonce: octets.subarray(at + genericHeaderLength, end), initiatorSpi: view.getBigUint64(0) };
    }
    if (count === 0 && type === payloadType.N) cookie = cookieAt(view, octets, at, end);
    type = octets[at] ?? 0;
    at = end;
  }
  return undefined;
}

function cookieAt(view: DataView, octets: Uint8Array, at: number, end: number): Uint8Array | undefined {
  const data = at + genericHeaderLength + notifyHeaderLength;
  if (data > end || octets[at + 5] !== 0 || view.getUint16(at + 6) !== notifyType.COOKIE) return undefined;
  return octets.subarray(data, end);
}
