/** "Hash and URL" of a CERT payload: where a certificate or a bundle is to be had, and what it must be (RFC 7296 3.6). */

/** Octets of a SHA-1 hash. */
const hashSize = 20;

/** Longer ones are not followed. */
const longestUrl = 1_024;

/** `hash` is the SHA-1 of what stands at the URL, and a view of the input. */
export interface HashAndUrl {
  readonly hash: Uint8Array;
  readonly url: string;
}

/** Undefined where the hash is cut, or the URL is none: printable ASCII that begins with `http:` (RFC 7296 3.6). */
export function decodeHashAndUrl(data: Uint8Array): HashAndUrl | undefined {
  const octets = data.subarray(hashSize);
  if (octets.length === 0 || octets.length > longestUrl) return undefined;
  if (!octets.every((octet) => octet > 0x20 && octet < 0x7f)) return undefined;
  const url = String.fromCharCode(...octets);
  return /^https?:\/\/./i.test(url) ? { hash: data.subarray(0, hashSize), url } : undefined;
}
