/** Certification Authority of a CERTREQ payload: SHA-1 hashes of the keys of authorities that are trusted (RFC 7296 3.7). */

/** Octets of one hash. */
export const authorityHashSize = 20;

/** As many as are read of one payload. */
const most = 2_048;

/** The hashes, views of the input; what is left over at the end is no hash. */
export function decodeAuthorityHashes(data: Uint8Array): readonly Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at + authorityHashSize <= data.length && hashes.length < most; at += authorityHashSize)
    hashes.push(data.subarray(at, at + authorityHashSize));
  return hashes;
}
