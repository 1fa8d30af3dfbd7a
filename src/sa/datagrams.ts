/** One message as it goes out: whole, or in fragments (RFC 7383). */
import { familyOf } from "../negotiate/address.ts";
import type { Path } from "./path.ts";

/** A message is one datagram most of the time, and many of them are kept: only fragments are a list. */
export type Datagrams = Uint8Array | readonly Uint8Array[];

const ipHeader = { 4: 20, 6: 40 } as const;
const udpHeader = 8;
const nonEspMarker = 4;
const natTraversalPort = 4500;

/** Every datagram of a message, in order. */
export function datagramsOf(message: Datagrams): readonly Uint8Array[] {
  return message instanceof Uint8Array ? [message] : message;
}

/** Octets of the longest datagram of a message. */
export function longest(message: Datagrams): number {
  let length = 0;
  for (const octets of datagramsOf(message)) length = Math.max(length, octets.length);
  return length;
}

/** Octets that IP, UDP and the non-ESP marker take on a path (RFC 7383 appendix B). */
export function headersOn(path: Path): number {
  const marker = path.local.port === natTraversalPort ? nonEspMarker : 0;
  return ipHeader[familyOf(path.remote.address)] + udpHeader + marker;
}
