import { InvalidValueError } from "../errors.ts";
import type { Octets } from "./octets.ts";

export const AF_UNSPEC = 0;
export const AF_INET = 2;
export const AF_BRIDGE = 7;
export const AF_INET6 = 10;

/** Address family of an IPv4 (2) or IPv6 (10) address in text; a colon makes it IPv6. */
export function familyOf(address: string): number {
  return address.includes(":") ? AF_INET6 : AF_INET;
}

/** Octets in an address of this family: 4 or 16. */
export function addressLength(family: number): number {
  return family === AF_INET6 ? 16 : 4;
}

/** Writes "192.0.2.1" (4 octets) or "2001:db8::1" (16 octets) at `at`; returns the family. Throws InvalidValueError. */
export function writeAddress(octets: Octets, at: number, address: string, field: string): number {
  if (typeof address !== "string" || address.length > 45) throw badAddress(field, address);
  if (!address.includes(":")) {
    writeIpv4(octets.bytes, at, address, 0, field, address);
    return AF_INET;
  }
  writeIpv6(octets.bytes, at, address, field);
  return AF_INET6;
}

/** The text of the address at `at`; IPv6 as RFC 5952 writes it. */
export function readAddress(octets: Octets, at: number, family: number): string {
  return family === AF_INET6 ? readIpv6(octets, at) : readIpv4(octets.bytes, at);
}

function readIpv4(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function readIpv6(octets: Octets, at: number): string {
  const { view, bytes } = octets;
  // RFC 5952 4.2: the first longest run of two or more zero groups becomes "::".
  let zeroStart = -1;
  let zeroLength = 1;
  for (let start = 0; start < 8; start++) {
    let end = start;
    while (end < 8 && view.getUint16(at + end * 2) === 0) end++;
    if (end - start > zeroLength) {
      zeroStart = start;
      zeroLength = end - start;
    }
    if (end > start) start = end;
  }
  // RFC 5952 5: an IPv4-mapped address shows its last four octets in dotted form.
  const mapped = zeroStart === 0 && zeroLength === 5 && view.getUint16(at + 10) === 0xffff;
  if (mapped) return `::ffff:${readIpv4(bytes, at + 12)}`;
  let text = "";
  for (let group = 0; group < 8; group++) {
    if (group === zeroStart) {
      text += "::";
      group += zeroLength - 1;
      continue;
    }
    if (group > 0 && !text.endsWith(":")) text += ":";
    text += view.getUint16(at + group * 2).toString(16);
  }
  return text;
}

function writeIpv4(bytes: Uint8Array, at: number, text: string, from: number, field: string, whole: string): void {
  let part = 0;
  let value = 0;
  let digits = 0;
  for (let i = from; i <= text.length; i++) {
    const code = i === text.length ? 0x2e : text.charCodeAt(i);
    if (code === 0x2e) {
      if (digits === 0 || part > 3) throw badAddress(field, whole);
      bytes[at + part++] = value;
      value = 0;
      digits = 0;
    } else {
      // A leading zero is refused: some readers take "010" as octal.
      if (code < 0x30 || code > 0x39 || (digits > 0 && value === 0)) throw badAddress(field, whole);
      value = value * 10 + code - 0x30;
      digits++;
      if (value > 255) throw badAddress(field, whole);
    }
  }
  if (part !== 4) throw badAddress(field, whole);
}

function writeIpv6(bytes: Uint8Array, at: number, text: string, field: string): void {
  let groups = 0;
  let gap = -1;
  let i = 0;
  if (text.startsWith("::")) {
    gap = 0;
    i = 2;
  }
  while (i < text.length) {
    if (groups === 8) throw badAddress(field, text);
    const start = i;
    let value = 0;
    while (i < text.length) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      value = value * 16 + digit;
      i++;
    }
    if (i < text.length && text[i] === ".") {
      if (groups > 6) throw badAddress(field, text);
      writeIpv4(bytes, at + groups * 2, text, start, field, text);
      groups += 2;
      break;
    }
    if (i === start || i - start > 4) throw badAddress(field, text);
    bytes[at + groups * 2] = value >> 8;
    bytes[at + groups * 2 + 1] = value & 0xff;
    groups++;
    if (i === text.length) break;
    if (text[i] !== ":" || i + 1 === text.length) throw badAddress(field, text);
    i++;
    if (text[i] === ":") {
      if (gap >= 0) throw badAddress(field, text);
      gap = groups;
      i++;
    }
  }
  if (gap < 0 ? groups !== 8 : groups > 7) throw badAddress(field, text);
  if (gap >= 0) {
    const tail = (groups - gap) * 2;
    bytes.copyWithin(at + 16 - tail, at + gap * 2, at + groups * 2);
    bytes.fill(0, at + gap * 2, at + 16 - tail);
  }
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function badAddress(field: string, value: unknown): InvalidValueError {
  return new InvalidValueError(field, value, 'an address such as "192.0.2.1" or "2001:db8::1"');
}
