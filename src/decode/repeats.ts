import { hash } from "../crypto/hash.ts";

/** Messages of one SA that are remembered. */
const maxSeen = 512;

/** What a message is remembered by: a digest of all its octets, so that nobody passes another one off as a repeat. */
export function digestOf(octets: Uint8Array): string {
  return hash("sha256", octets).toString("latin1");
}

/** The messages of one SA that were seen before, bounded. */
export class Repeats {
  readonly #seen = new Set<string>();

  /** Whether the message of that digest was seen before; remembers it. */
  isRepeat(digest: string): boolean {
    if (this.#seen.has(digest)) return true;
    if (this.#seen.size >= maxSeen) this.#seen.clear();
    this.#seen.add(digest);
    return false;
  }
}
