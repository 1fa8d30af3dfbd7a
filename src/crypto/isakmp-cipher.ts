import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { keyObjectsAreFaster, opensslKey } from "./provider.ts";
import { type EncrTransform, encrKeyLength } from "./transforms/encr.ts";

/** What was wrong: the transform, the key, the arguments of a call, or its time. */
export type IsakmpCipherErrorReason = "not-for-ikev1" | "key-length" | "iv-length" | "destroyed";

/** A cipher or key that cannot encrypt ISAKMP messages was asked to; `reason` says which rule it breaks. */
export class IsakmpCipherError extends Error {
  override readonly name = "IsakmpCipherError";
  readonly reason: IsakmpCipherErrorReason;

  constructor(reason: IsakmpCipherErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/**
 * The encryption of ISAKMP messages in both directions (RFC 2409 appendix B): CBC, whose IV is not sent but is the last
 * block of the message before it. Nothing is authenticated here; that is what the HASH payloads are for.
 */
export class IsakmpCipher {
  /** Octets of a block, and of an IV. */
  readonly blockLength: number;
  readonly #openssl: string;
  readonly #key: Buffer;
  #destroyed = false;

  /** The key is copied. Throws IsakmpCipherError. */
  constructor(encr: EncrTransform, key: Uint8Array) {
    const { method } = encr;
    if (method === undefined || method.aead || method.mode !== "cbc") {
      throw new IsakmpCipherError("not-for-ikev1", `${encr.name} cannot encrypt ISAKMP messages`);
    }
    const length = encrKeyLength(encr);
    if (key.length !== length) {
      throw new IsakmpCipherError("key-length", `${encr.name} takes a key of ${length} octets, got ${key.length}`);
    }
    this.blockLength = encr.blockLength;
    this.#openssl = method.openssl;
    this.#key = opensslKey(encr, key);
  }

  /** The ciphertext of payloads, padded with zeros to whole blocks. */
  encrypt(iv: Uint8Array, payloads: Uint8Array): Buffer {
    this.#check(iv);
    const padded = Buffer.alloc(Math.ceil(payloads.length / this.blockLength) * this.blockLength);
    padded.set(payloads);
    const ciphertext = createCipheriv(this.#openssl, this.#keyInput(), iv).setAutoPadding(false).update(padded);
    padded.fill(0);
    return ciphertext;
  }

  /** The payloads and their padding; undefined when the ciphertext is not of whole blocks, or of none. */
  decrypt(iv: Uint8Array, ciphertext: Uint8Array): Buffer | undefined {
    this.#check(iv);
    if (ciphertext.length === 0 || ciphertext.length % this.blockLength !== 0) return undefined;
    return createDecipheriv(this.#openssl, this.#keyInput(), iv).setAutoPadding(false).update(ciphertext);
  }

  /** The IV of the message after the one with this ciphertext, in either direction: a copy of its last block. */
  ivAfter(ciphertext: Uint8Array): Buffer {
    return Buffer.from(ciphertext.subarray(ciphertext.length - this.blockLength));
  }

  /** Overwrites the key; `encrypt` and `decrypt` must not be called any more. */
  destroy(): void {
    this.#key.fill(0);
    this.#destroyed = true;
  }

  #keyInput(): KeyObject | Buffer {
    if (this.#destroyed) throw new IsakmpCipherError("destroyed", "the key of this cipher has been wiped");
    return keyObjectsAreFaster ? createSecretKey(this.#key) : this.#key;
  }

  #check(iv: Uint8Array): void {
    if (iv.length !== this.blockLength) {
      throw new IsakmpCipherError("iv-length", `the IV must have ${this.blockLength} octets, got ${iv.length}`);
    }
  }
}
