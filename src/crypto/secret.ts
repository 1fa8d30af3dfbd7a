import { randomBytes as opensslRandom, randomFillSync, timingSafeEqual } from "node:crypto";

// One call of the generator costs 2 us whether it gives 8 octets or 1,000, and a handshake needs a few octets often.
const pool = Buffer.alloc(4096);
let used = pool.length;

/** `length` octets from OpenSSL's generator; what has been given is not kept. */
export function randomBytes(length: number): Buffer {
  if (length > 256) return opensslRandom(length);
  if (used + length > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const octets = Buffer.from(pool.subarray(used, used + length));
  pool.fill(0, used, used + length);
  used += length;
  return octets;
}

/** Whether both hold the same octets, in a time that depends on their lengths alone. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Overwrites each buffer with zeros. */
export function wipe(...buffers: (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}
