/** The few forms of DER (X.690) in which OpenSSL takes keys. */

export const SEQUENCE = 0x30;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const OBJECT_IDENTIFIER = 0x06;
const INTEGER = 0x02;

/** An element of DER: tag, length, contents of less than 64 KiB. */
export function tlv(tag: number, ...contents: Uint8Array[]): Buffer {
  const length = contents.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Buffer.of(tag), definiteLength(length), ...contents]);
}

function definiteLength(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  if (length < 0x100) return Buffer.of(0x81, length);
  return Buffer.of(0x82, length >> 8, length & 0xff);
}

/** A non-negative INTEGER, in the shortest form of two's complement as DER wants it. */
export function integer(octets: Uint8Array): Buffer {
  const first = octets.findIndex((octet) => octet !== 0);
  const magnitude = octets.subarray(first < 0 ? octets.length - 1 : first);
  return tlv(INTEGER, (magnitude[0] ?? 0) & 0x80 ? Buffer.of(0) : Buffer.of(), magnitude);
}
