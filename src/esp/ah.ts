/** The Authentication Header (RFC 4302), verified in user space: for decoding captures and checking vectors. */
import { keyMac } from "../crypto/mac/mac.ts";
import { constantTimeEqual } from "../crypto/secret.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";

const AH_FIXED = 12;

/** The header's own fields. */
export interface AuthenticationHeader {
  readonly nextHeader: number;
  readonly spi: number;
  readonly sequence: number;
  readonly icv: Uint8Array;
  readonly payload: Uint8Array;
  /** Octets of the header with its ICV. */
  readonly length: number;
}

/** The header at the start of `octets`; undefined where its length does not fit. */
export function readAh(octets: Uint8Array): AuthenticationHeader | undefined {
  if (octets.length < AH_FIXED) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  // RFC 4302 2.2: in 32-bit words, minus 2.
  const length = (view.getUint8(1) + 2) * 4;
  if (length < AH_FIXED || length > octets.length) return undefined;
  return {
    nextHeader: view.getUint8(0),
    spi: view.getUint32(4),
    sequence: view.getUint32(8),
    icv: octets.subarray(AH_FIXED, length),
    payload: octets.subarray(length),
    length,
  };
}

/**
 * Whether the ICV of a whole IP packet that holds AH at `at` is right: what changes on the way counts as zero
 * (RFC 4302 3.3.3.1). Undefined for an algorithm that cannot be computed.
 */
export function verifyAh(packet: Uint8Array, at: number, integ: IntegTransform, key: Uint8Array): boolean | undefined {
  if (integ.method === undefined) return undefined;
  const ah = readAh(packet.subarray(at));
  if (ah === undefined || ah.icv.length < integ.icvLength) return false;
  const image = Buffer.from(packet);
  if (packet[0] !== undefined && packet[0] >> 4 === 4) muteIpv4(image);
  else muteIpv6(image, at);
  image.fill(0, at + AH_FIXED, at + AH_FIXED + integ.icvLength);
  const mac = keyMac(integ.method, key);
  const icv = mac.sign(image).subarray(0, integ.icvLength);
  mac.destroy();
  return constantTimeEqual(icv, ah.icv.subarray(0, integ.icvLength));
}

function muteIpv4(image: Buffer): void {
  image[1] = 0;
  image.fill(0, 6, 9);
  image.fill(0, 10, 12);
  // RFC 4302 Appendix A1: of the options only the security ones and router alert are immutable.
  const immutable = new Set([0, 1, 130, 133, 134, 148, 149]);
  const end = ((image[0] ?? 0) & 0x0f) * 4;
  for (let at = 20; at < end; ) {
    const kind = image[at] ?? 0;
    const length = kind < 2 ? 1 : Math.max(2, image[at + 1] ?? 2);
    if (!immutable.has(kind)) image.fill(0, at, Math.min(end, at + length));
    at += length;
  }
}

function muteIpv6(image: Buffer, end: number): void {
  image[0] = 0x60;
  image.fill(0, 1, 4);
  image[7] = 0;
  let next = image[6] ?? 0;
  for (let at = 40; at < end && at + 8 <= image.length; ) {
    const length = ((image[at + 1] ?? 0) + 1) * 8;
    // RFC 4302 Appendix A2: options whose third bit is set may change.
    if (next === 0 || next === 60) muteOptions(image, at + 2, Math.min(at + length, image.length));
    next = image[at] ?? 0;
    at += length;
  }
}

function muteOptions(image: Buffer, from: number, end: number): void {
  for (let at = from; at < end; ) {
    const kind = image[at] ?? 0;
    const length = kind === 0 ? 1 : 2 + (image[at + 1] ?? 0);
    if ((kind & 0x20) !== 0) image.fill(0, at + 2, Math.min(end, at + length));
    at += length;
  }
}
