/** What makes the repeat of a message recognisable without opening it (RFC 7296 2.1). */

export interface Fingerprint {
  /** The last octets of the message, one character each: the ICV of a protected one, which no forger can hit. */
  readonly tail: string;
  readonly length: number;
}

const tailLength = 32;

/** A string because it is kept as long as the IKE SA, and takes a fifth of the memory of as many octets in a buffer. */
export function fingerprintOf(octets: Uint8Array): Fingerprint {
  const start = Math.max(0, octets.length - tailLength);
  const tail = Buffer.from(octets.buffer, octets.byteOffset + start, octets.length - start).toString("latin1");
  return { tail, length: octets.length };
}
