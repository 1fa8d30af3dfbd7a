import { field, struct, u8, u32, u64 } from "../codec.ts";
import { Reader } from "../reader.ts";
import { versions } from "../version.ts";

/** The IKE header (RFC 7296 3.1); IKEv1 has the same layout (RFC 2408 3.1). */
export interface Header {
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly exchangeType: number;
  /** See {@link flag}; bits that are not defined are kept. */
  readonly flags: number;
  readonly messageId: number;
  /** Octets of the whole message, header included. */
  readonly length: number;
}

/** Bits of {@link Header.flags} (RFC 7296 3.1). */
export const flag = { initiator: 0x08, version: 0x10, response: 0x20 } as const;

/** Octets of the header. */
export const headerLength = 28;

/** Where the length field is: it is known only when the rest has been written. */
export const lengthOffset = 24;

/** Both directions of the header. */
export const headerCodec = struct(
  field("initiatorSpi", u64),
  field("responderSpi", u64),
  field("nextPayload", u8),
  versions,
  field("exchangeType", u8),
  field("flags", u8),
  field("messageId", u32),
  field("length", u32),
);

/**
 * Reads the header of an IKE message (without the non-ESP marker) of any version; `octets` may go on behind it.
 * Throws {@link WireError} when there are fewer than 28 octets. What the length says is not compared with anything.
 */
export function decodeHeader(octets: Uint8Array): Header {
  const r = new Reader(octets);
  r.trail.enter("header", 0);
  return headerCodec.read(r, "header");
}
