import { createSecretKey, type KeyObject } from "node:crypto";
import { version } from "node:process";
import type { EncrTransform } from "./transforms/encr.ts";

/** What differs between the versions of Node and its OpenSSL, measured; everything else calls node:crypto directly. */

/** The major version of the Node that runs this. */
export const nodeMajor = Number.parseInt(version.slice(1), 10);

/** A copy of `bytes` in memory of its own: a slice of Node's shared pool would keep 8 KiB alive. */
export function ownCopy(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/**
 * Whether ciphers take a KeyObject faster than raw octets. From Node 24 on a raw key costs 7 us more for each cipher;
 * before, both cost the same, and a Buffer is smaller and can be wiped.
 */
export const keyObjectsAreFaster = nodeMajor >= 24;

/** A copy of a cipher key in the form that this Node takes fastest. */
export function cipherKey(key: Uint8Array): KeyObject | Buffer {
  return keyObjectsAreFaster ? createSecretKey(key) : ownCopy(key);
}

/** A copy of a cipher's key, and of the salt after it, as OpenSSL's cipher takes them: the key of single DES three times. */
export function opensslKey(encr: EncrTransform, key: Uint8Array): Buffer {
  const copies = encr.method?.aead === false ? (encr.method.keyCopies ?? 1) : 1;
  const octets = Buffer.allocUnsafeSlow(key.length * copies);
  for (let i = 0; i < copies; i++) octets.set(key, i * key.length);
  return octets;
}
