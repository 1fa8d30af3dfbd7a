/** IP addresses and prefixes: canonical text outside, octets where they meet the wire. */

/** An IP address in canonical text form: `192.0.2.1`, `2001:db8::1`. */
export type Address = string;

export type Family = 4 | 6;

/** A CIDR prefix. `length` counts bits: 0 to 32 for IPv4, 0 to 128 for IPv6. */
export interface Prefix {
  readonly address: Address;
  readonly length: number;
}

/** A UDP endpoint. */
export interface Endpoint {
  readonly address: Address;
  readonly port: number;
}

export function familyOf(address: Address): Family {
  return address.includes(":") ? 6 : 4;
}

export function addressBits(family: Family): 32 | 128 {
  return family === 4 ? 32 : 128;
}

/** The 4 or 16 octets of an address, or undefined where the text is none. */
export function parseAddress(text: string): Uint8Array | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Octets of an address that is known to be well formed; throws RangeError otherwise. */
export function addressOctets(address: Address): Uint8Array {
  const octets = parseAddress(address);
  if (octets === undefined) throw new RangeError(`not an IP address: ${address}`);
  return octets;
}

/** Canonical text (RFC 5952 for IPv6) of 4 or 16 octets; throws RangeError for any other length. */
export function formatAddress(octets: Uint8Array): Address {
  if (octets.length === 4) return `${octets[0]}.${octets[1]}.${octets[2]}.${octets[3]}`;
  if (octets.length === 16) return formatIpv6(octets);
  throw new RangeError(`an IP address has 4 or 16 octets, not ${octets.length}`);
}

export function formatPrefix(prefix: Prefix): string {
  return `${prefix.address}/${prefix.length}`;
}

export function hostPrefix(address: Address): Prefix {
  return { address, length: addressBits(familyOf(address)) };
}

export function anyPrefix(family: Family): Prefix {
  return { address: family === 4 ? "0.0.0.0" : "::", length: 0 };
}

/** First and last address of a prefix, as octets. */
export function prefixRange(prefix: Prefix): { start: Uint8Array; end: Uint8Array } {
  const start = addressOctets(prefix.address).slice();
  const end = start.slice();
  for (let i = 0; i < start.length; i += 1) {
    const kept = Math.min(8, Math.max(0, prefix.length - i * 8));
    const mask = (0xff << (8 - kept)) & 0xff;
    start[i] = (start[i] ?? 0) & mask;
    end[i] = (end[i] ?? 0) | (~mask & 0xff);
  }
  return { start, end };
}

/** The prefix that is exactly the range `start`..`end`, or undefined where the range is none. */
export function rangeAsPrefix(start: Uint8Array, end: Uint8Array): Prefix | undefined {
  let length = 0;
  while (length < start.length * 8 && bit(start, length) === bit(end, length)) length += 1;
  for (let i = length; i < start.length * 8; i += 1) {
    if (bit(start, i) !== 0 || bit(end, i) !== 1) return undefined;
  }
  return { address: formatAddress(start), length };
}

/** Whether `prefix` covers `address`; false across families. */
export function prefixCovers(prefix: Prefix, address: Address): boolean {
  if (familyOf(prefix.address) !== familyOf(address)) return false;
  if (prefix.length === 0) return true;
  const network = addressOctets(prefix.address);
  const octets = addressOctets(address);
  const whole = prefix.length >> 3;
  for (let i = 0; i < whole; i += 1) if (network[i] !== octets[i]) return false;
  const mask = (0xff00 >> (prefix.length & 7)) & 0xff;
  return (((network[whole] ?? 0) ^ (octets[whole] ?? 0)) & mask) === 0;
}

/** Lexicographic order of equally long octet strings: negative, zero or positive. */
export function compareOctets(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i += 1) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function bit(octets: Uint8Array, index: number): number {
  return ((octets[index >> 3] ?? 0) >> (7 - (index & 7))) & 1;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const octets = new Uint8Array(4);
  let part = 0;
  let value = 0;
  let digits = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === dot) {
      if (digits === 0 || part === 3) return undefined;
      octets[part] = value;
      part += 1;
      value = 0;
      digits = 0;
      continue;
    }
    const digit = code - zero;
    // No leading zeros: some readers take them for octal.
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return undefined;
    value = value * 10 + digit;
    digits += 1;
    if (value > 255) return undefined;
  }
  if (digits === 0 || part !== 3) return undefined;
  octets[3] = value;
  return octets;
}

const dot = 0x2e;
const zero = 0x30;

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = ipv6Groups(halves[0] ?? "", halves.length === 1);
  const tail = ipv6Groups(halves[1] ?? "", true);
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const groups = [...head, ...new Array<number>(Math.max(0, missing)).fill(0), ...tail];
  const octets = new Uint8Array(16);
  groups.forEach((group, i) => {
    octets[i * 2] = group >> 8;
    octets[i * 2 + 1] = group & 0xff;
  });
  return octets;
}

function ipv6Groups(text: string, last: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const parts = text.split(":");
  for (const [i, part] of parts.entries()) {
    if (last && i === parts.length - 1 && part.includes(".")) {
      const ipv4 = parseIpv4(part);
      if (ipv4 === undefined) return undefined;
      const [a = 0, b = 0, c = 0, d = 0] = ipv4;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

function formatIpv6(octets: Uint8Array): Address {
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[i * 2] ?? 0) << 8) | (octets[i * 2 + 1] ?? 0));
  let best = { start: -1, length: 1 };
  for (let i = 0; i < 8; ) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length += 1;
    if (length > best.length) best = { start: i, length };
    i += Math.max(1, length);
  }
  const hex = groups.map((group) => group.toString(16));
  if (best.start < 0) return hex.join(":");
  return `${hex.slice(0, best.start).join(":")}::${hex.slice(best.start + best.length).join(":")}`;
}
