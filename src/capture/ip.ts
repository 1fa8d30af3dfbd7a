/** IPv4 and IPv6 headers (RFC 791, RFC 8200). */

/** What a header says, and what follows it. */
export interface IpPacket {
  readonly version: 4 | 6;
  readonly source: Buffer;
  readonly destination: Buffer;
  /** Of what follows the extension headers. */
  readonly protocol: number;
  readonly payload: Buffer;
  /** Where the payload begins in the packet. */
  readonly headerLength: number;
  readonly fragment?: { readonly id: number; readonly offset: number; readonly more: boolean };
  /** The capture, or whatever carried it, has less of the packet than its header says. */
  readonly cut: boolean;
}

const maxExtensions = 16;

/** Undefined where it is neither. */
export function readIp(octets: Buffer): IpPacket | undefined {
  const version = (octets[0] ?? 0) >> 4;
  if (version === 4) return readIpv4(octets);
  return version === 6 ? readIpv6(octets) : undefined;
}

function readIpv4(octets: Buffer): IpPacket | undefined {
  const headerLength = ((octets[0] ?? 0) & 0x0f) * 4;
  if (headerLength < 20 || octets.length < headerLength) return undefined;
  // An offloaded segment has a length of zero.
  const total = octets.readUInt16BE(2) || octets.length;
  if (total < headerLength) return undefined;
  const flags = octets.readUInt16BE(6);
  const fragment = { id: octets.readUInt16BE(4), offset: (flags & 0x1fff) * 8, more: (flags & 0x2000) !== 0 };
  return {
    version: 4,
    source: octets.subarray(12, 16),
    destination: octets.subarray(16, 20),
    protocol: octets.readUInt8(9),
    payload: octets.subarray(headerLength, Math.min(total, octets.length)),
    headerLength,
    ...(fragment.offset > 0 || fragment.more ? { fragment } : {}),
    cut: total > octets.length,
  };
}

function readIpv6(octets: Buffer): IpPacket | undefined {
  if (octets.length < 40) return undefined;
  const length = octets.readUInt16BE(4);
  const total = length === 0 ? octets.length : 40 + length;
  const end = Math.min(total, octets.length);
  const { protocol, at, fragment } = behindExtensions(octets.subarray(0, end), octets.readUInt8(6), 40);
  if (at > end) return undefined;
  return {
    version: 6,
    source: octets.subarray(8, 24),
    destination: octets.subarray(24, 40),
    protocol,
    payload: octets.subarray(at, end),
    headerLength: at,
    ...(fragment === undefined ? {} : { fragment }),
    cut: total > octets.length,
  };
}

/**
 * What follows the extension headers that begin at `start` (RFC 8200 4), up to a fragment header that says that there is
 * more of the packet elsewhere: what is behind that one can be read only when all of it is there.
 */
export function behindExtensions(
  octets: Buffer,
  first: number,
  start: number,
): { readonly protocol: number; readonly at: number; readonly fragment?: IpPacket["fragment"] } {
  let [protocol, at] = [first, start];
  for (let count = 0; count < maxExtensions && at + 8 <= octets.length; count += 1) {
    if (!extensionHeaders.has(protocol)) break;
    const isFragment = protocol === fragmentHeader;
    protocol = octets.readUInt8(at);
    if (!isFragment) {
      at += (octets.readUInt8(at + 1) + 1) * 8;
      continue;
    }
    const bits = octets.readUInt16BE(at + 2);
    const fragment = { id: octets.readUInt32BE(at + 4), offset: bits & 0xfff8, more: (bits & 1) !== 0 };
    at += 8;
    // Offset zero and nothing more is a whole packet (RFC 6946).
    if (fragment.offset > 0 || fragment.more) return { protocol, at, fragment };
  }
  return { protocol, at };
}

const fragmentHeader = 44;
/** Hop-by-hop options, routing, fragment, destination options, mobility. */
const extensionHeaders: ReadonlySet<number> = new Set([0, 43, fragmentHeader, 60, 135]);
