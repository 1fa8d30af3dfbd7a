import { field, struct, u8, u32, u64 } from "../codec.ts";
import { Reader } from "../reader.ts";
import { versions } from "../version.ts";

/** The ISAKMP header (RFC 2408 3.1). */
export interface Header {
  readonly initiatorCookie: bigint;
  readonly responderCookie: bigint;
  /** Type of the first payload, inside the encryption where there is one. */
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly exchangeType: number;
  /** See {@link flag}. */
  readonly flags: number;
  /** 0 in phase 1, else chosen at random by who begins the exchange. */
  readonly messageId: number;
  /** Octets of the whole message, header included. */
  readonly length: number;
}

/** Bits of {@link Header.flags} (RFC 2408 3.1). */
export const flag = { encryption: 0x01, commit: 0x02, authenticationOnly: 0x04 } as const;

/** The bits that have a meaning. */
export const definedFlags = 0x07;

/** Octets of the header. */
export const headerLength = 28;

/** Where the length field is: it is known only when the rest has been written. */
export const lengthOffset = 24;

/** Both directions of the header. */
export const headerCodec = struct(
  field("initiatorCookie", u64),
  field("responderCookie", u64),
  field("nextPayload", u8),
  versions,
  field("exchangeType", u8),
  field("flags", u8),
  field("messageId", u32),
  field("length", u32),
);

/**
 * Reads the header of an ISAKMP message (without the non-ESP marker); `octets` may go on behind it. Throws
 * {@link WireError} when there are fewer than 28 octets. Version and length are not compared with anything.
 */
export function decodeHeader(octets: Uint8Array): Header {
  const r = new Reader(octets);
  r.trail.enter("header", 0);
  return headerCodec.read(r, "header");
}
