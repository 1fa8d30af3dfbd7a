import { randomBytes as opensslRandom, timingSafeEqual } from "node:crypto";

/** `length` octets from OpenSSL's generator. */
export function randomBytes(length: number): Buffer {
  return opensslRandom(length);
}

/** Whether both hold the same octets, in a time that depends on their lengths alone. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Overwrites each buffer with zeros. */
export function wipe(...buffers: (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}
