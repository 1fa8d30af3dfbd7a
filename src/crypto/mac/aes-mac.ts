import { createCipheriv, type KeyObject } from "node:crypto";
import { cipherKey } from "../provider.ts";

const BLOCK = 16;
const zeroBlock = Buffer.alloc(BLOCK);
const scratch = Buffer.alloc(4096);

/** The key of a CBC-MAC and the two blocks, one of which is XORed into the last block of a message. */
interface Subkeys {
  readonly key: KeyObject | Buffer;
  readonly complete: Buffer;
  readonly padded: Buffer;
}

/** AES-XCBC-MAC (RFC 3566) or AES-CMAC (RFC 4493) under one 128-bit key, as a single CBC pass. */
export class AesMac {
  readonly outputLength = BLOCK;
  readonly #subkeys: Subkeys;

  constructor(kind: "aes-xcbc" | "aes-cmac", key: Uint8Array) {
    this.#subkeys = kind === "aes-xcbc" ? xcbcSubkeys(key) : cmacSubkeys(key);
  }

  /** The MAC of the concatenation of `chunks`, untruncated. */
  sign(...chunks: Uint8Array[]): Buffer {
    let length = 0;
    for (const chunk of chunks) length += chunk.length;
    const padded = Math.max(BLOCK, Math.ceil(length / BLOCK) * BLOCK);
    const message = padded <= scratch.length ? scratch.subarray(0, padded) : Buffer.allocUnsafe(padded);
    let offset = 0;
    for (const chunk of chunks) {
      message.set(chunk, offset);
      offset += chunk.length;
    }
    if (length < padded) {
      message[length] = 0x80;
      message.fill(0, length + 1);
    }
    const { key, complete, padded: paddedSubkey } = this.#subkeys;
    xorInto(message.subarray(padded - BLOCK), length === padded ? complete : paddedSubkey);
    const chain = createCipheriv("aes-128-cbc", key, zeroBlock).setAutoPadding(false).update(message);
    message.fill(0);
    return chain.subarray(padded - BLOCK);
  }

  /** Overwrites the subkeys; the block cipher's key too unless this Node keeps it in a KeyObject. */
  destroy(): void {
    const { key, complete, padded } = this.#subkeys;
    if (key instanceof Uint8Array) key.fill(0);
    complete.fill(0);
    padded.fill(0);
  }
}

/**
 * The 128-bit key that a PRF takes in place of one of any length: AES-XCBC-PRF-128 fills up with zeros or takes
 * the MAC of the long key under zero (RFC 4434 2); AES-CMAC-PRF-128 takes the MAC of any other length (RFC 4615 3).
 */
export function prfKey(kind: "aes-xcbc" | "aes-cmac", key: Uint8Array): Uint8Array {
  if (key.length === BLOCK) return key;
  if (kind === "aes-xcbc" && key.length < BLOCK) {
    const filled = Buffer.alloc(BLOCK);
    filled.set(key);
    return filled;
  }
  return new AesMac(kind, zeroBlock).sign(key);
}

/** RFC 3566 4: K1, K2 and K3 are the encryptions of 0x01…, 0x02… and 0x03…. */
function xcbcSubkeys(key: Uint8Array): Subkeys {
  const blocks = Buffer.alloc(3 * BLOCK);
  for (let i = 0; i < 3; i++) blocks.fill(i + 1, i * BLOCK, (i + 1) * BLOCK);
  const derived = createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(blocks);
  const subkeys = {
    key: cipherKey(derived.subarray(0, BLOCK)),
    complete: derived.subarray(BLOCK, 2 * BLOCK),
    padded: derived.subarray(2 * BLOCK),
  };
  derived.fill(0, 0, BLOCK);
  return subkeys;
}

/** RFC 4493 2.3: K1 is twice the encryption of zero in GF(2^128), K2 is twice K1. */
function cmacSubkeys(key: Uint8Array): Subkeys {
  const complete = double(createCipheriv("aes-128-ecb", key, null).setAutoPadding(false).update(zeroBlock));
  return { key: cipherKey(key), complete, padded: double(complete) };
}

function double(block: Buffer): Buffer {
  const out = Buffer.alloc(BLOCK);
  let carry = 0;
  for (let i = BLOCK - 1; i >= 0; i--) {
    const octet = block[i] ?? 0;
    out[i] = ((octet << 1) & 0xff) | carry;
    carry = octet >> 7;
  }
  out[BLOCK - 1] = (out[BLOCK - 1] ?? 0) ^ (carry * 0x87);
  return out;
}

function xorInto(target: Buffer, mask: Buffer): void {
  for (let i = 0; i < BLOCK; i++) target[i] = (target[i] ?? 0) ^ (mask[i] ?? 0);
}
