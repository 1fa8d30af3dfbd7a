import { prfKey } from "./mac/aes-mac.ts";
import { keyMac, type Mac } from "./mac/mac.ts";
import type { PrfTransform } from "./transforms/prf.ts";

/** A PRF under one key; `sign` takes the concatenation of its arguments. */
export interface KeyedPrf extends Mac {}

/** Keys a PRF; any key length serves (RFC 2104 2, RFC 4434 2, RFC 4615 3). The key is copied. */
export function keyPrf(prf: PrfTransform, key: Uint8Array): KeyedPrf {
  return keyMac(prf.method, prf.method.kind === "hmac" ? key : prfKey(prf.method.kind, key));
}

/** More key material was asked for than 255 PRF outputs hold (RFC 7296 2.13). */
export class PrfPlusLengthError extends RangeError {
  override readonly name = "PrfPlusLengthError";
}

/** RFC 7296 2.13: T1 | T2 | …, where Tn = prf(K, Tn-1 | seed | n); `length` in octets, at most 255 outputs. */
export function prfPlus(prf: KeyedPrf, seed: Uint8Array, length: number): Buffer {
  const blocks = Math.ceil(length / prf.outputLength);
  if (blocks > 255) {
    throw new PrfPlusLengthError(
      `prf+ gives at most ${255 * prf.outputLength} octets with this PRF, ${length} were asked for`,
    );
  }
  // Memory of its own, because keys are kept as slices of it: a slice of Node's pool would keep 8 KiB alive.
  const stream = Buffer.allocUnsafeSlow(length);
  const counter = Buffer.alloc(1);
  let previous: Buffer | undefined;
  for (let n = 1; n <= blocks; n++) {
    counter[0] = n;
    const block = previous === undefined ? prf.sign(seed, counter) : prf.sign(previous, seed, counter);
    const offset = (n - 1) * prf.outputLength;
    stream.set(offset + block.length <= length ? block : block.subarray(0, length - offset), offset);
    previous?.fill(0);
    previous = block;
  }
  previous?.fill(0);
  return stream;
}
