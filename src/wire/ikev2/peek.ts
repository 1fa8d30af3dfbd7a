/** What can be seen of a first message without decoding it: under load many are to be sorted and few to be read. */
import { exchangeType, payloadType } from "./registry/message.ts";
import { notifyType } from "./registry/notify.ts";

const headerLength = 28;
const genericHeaderLength = 4;
/** Protocol ID, SPI size, type: RFC 7296 3.10. */
const notifyHeaderLength = 4;

/** Payloads that are looked at on the way to the nonce. */
const payloadLimit = 16;

/** A cookie, and what it is made of besides the address. Views of the message. */
export interface SeenCookie {
  readonly cookie: Uint8Array;
  readonly nonce: Uint8Array;
  readonly initiatorSpi: bigint;
}

/** Whether it looks like a first request of IKE_SA_INIT: version 2, no responder's SPI, from the initiator. */
export function isFirstMessage(octets: Uint8Array): boolean {
  if (octets.length < headerLength || octets[18] !== exchangeType.IKE_SA_INIT) return false;
  if ((octets[17] ?? 0) >> 4 !== 2 || ((octets[19] ?? 0) & 0x28) !== 0x08) return false;
  for (let at = 8; at < 16; at += 1) if (octets[at] !== 0) return false;
  return true;
}

/** The cookie of a first message, which has to be its first payload (RFC 7296 2.6); undefined where there is none. */
export function peekCookie(octets: Uint8Array): SeenCookie | undefined {
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (octets.length < headerLength || octets[16] !== payloadType.N) return undefined;
  let cookie: Uint8Array | undefined;
  let type: number = payloadType.N;
  let at = headerLength;
  for (let count = 0; count < payloadLimit; count += 1) {
    if (at + genericHeaderLength > octets.length) return undefined;
    const length = view.getUint16(at + 2);
    const end = at + length;
    if (length < genericHeaderLength || end > octets.length) return undefined;
    if (cookie === undefined) {
      const data = at + genericHeaderLength + notifyHeaderLength;
      if (data > end || octets[at + 5] !== 0 || view.getUint16(at + 6) !== notifyType.COOKIE) return undefined;
      cookie = octets.subarray(data, end);
    } else if (type === payloadType.Nonce) {
      const nonce = octets.subarray(at + genericHeaderLength, end);
      return { cookie, nonce, initiatorSpi: view.getBigUint64(0) };
    }
    type = octets[at] ?? 0;
    at = end;
  }
  return undefined;
}
