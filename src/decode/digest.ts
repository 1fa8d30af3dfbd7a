import { hash } from "../crypto/hash.ts";

/** What a message is remembered by: a digest of all its octets, so that nobody passes another one off as a repeat. */
export function digestOf(octets: Uint8Array): string {
  return hash("sha256", octets).toString("latin1");
}
