import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from "node:crypto";
import { giveSlotBack, inSlot, takeSlot } from "./key-slots.ts";
import { keyMac, type Mac } from "./mac/mac.ts";
import { keyObjectsAreFaster, opensslKey } from "./provider.ts";
import { constantTimeEqual } from "./secret.ts";
import { type CipherMethod, type EncrTransform, encrKeyLength } from "./transforms/encr.ts";
import type { IntegTransform } from "./transforms/integ.ts";

/**
 * Protection of the SK payload in one direction (RFC 7296 3.14, RFC 5282). Deterministic: the IV is an argument.
 * All lengths in octets.
 */
export interface SkCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  /** The IV must be unpredictable (CBC); otherwise it need only never repeat under the key (a counter). */
  readonly randomIv: boolean;
  /** Ciphertext | ICV; the caller has padded the plaintext to a multiple of `blockLength`. */
  seal(aad: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Buffer;
  /** The padded plaintext of ciphertext | ICV, or undefined when the ICV is wrong or the length impossible. */
  open(aad: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Buffer | undefined;
  /** Overwrites what can be; `seal` and `open` must not be called any more. */
  destroy(): void;
}

/** A cipher or key that cannot protect IKE messages was asked to; `reason` says which rule it breaks. */
export class SkCipherError extends Error {
  override readonly name = "SkCipherError";
  readonly reason: SkCipherErrorReason;

  constructor(reason: SkCipherErrorReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** What was wrong: the transform, the keys, the arguments of a call, or its time. */
export type SkCipherErrorReason =
  | "not-for-ike"
  | "needs-integrity"
  | "key-length"
  | "iv-length"
  | "plaintext-length"
  | "destroyed";

/**
 * Keys the protection of one direction; `skE` includes the salt, `skA` is ignored with an AEAD cipher. The keys are
 * copied. Throws SkCipherError.
 */
export function makeSkCipher(
  encr: EncrTransform,
  integ: IntegTransform | undefined,
  skE: Uint8Array,
  skA: Uint8Array,
): SkCipher {
  const { method } = encr;
  if (method === undefined) throw new SkCipherError("not-for-ike", `${encr.name} cannot protect IKE messages`);
  checkKeyLength(encr.name, skE, encrKeyLength(encr));
  if (method.aead) return new AeadSkCipher(encr, method, skE);
  if (integ?.method === undefined || !integ.uses.ike) {
    throw new SkCipherError(
      "needs-integrity",
      `${encr.name} needs an integrity algorithm for IKE, got ${integ?.name ?? "none"}`,
    );
  }
  checkKeyLength(integ.name, skA, integ.keyLength);
  return new EncryptThenMacSkCipher(encr, method, skE, integ.icvLength, keyMac(integ.method, skA));
}

type AeadMethod = Extract<CipherMethod, { aead: true }>;
type PlainMethod = Extract<CipherMethod, { aead: false }>;

/** RFC 5282 (GCM, CCM) and RFC 7634 (ChaCha20-Poly1305): nonce = salt | IV. */
class AeadSkCipher implements SkCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  readonly randomIv = false;
  readonly #method: AeadMethod;
  readonly #key: CipherKey;

  constructor(encr: EncrTransform, method: AeadMethod, skE: Uint8Array) {
    this.ivLength = encr.ivLength;
    this.icvLength = encr.icvLength;
    this.blockLength = encr.blockLength;
    this.#method = method;
    this.#key = new CipherKey(encr, skE);
  }

  seal(aad: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Buffer {
    checkIvLength(this.ivLength, iv);
    const cipher = this.#encryptor(this.#key.nonce(iv, 0), aad, plaintext.length);
    const encrypted = cipher.update(plaintext);
    cipher.final();
    return Buffer.concat([encrypted, cipher.getAuthTag()], plaintext.length + this.icvLength);
  }

  open(aad: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Buffer | undefined {
    checkIvLength(this.ivLength, iv);
    const length = ciphertext.length - this.icvLength;
    if (length < 0) return undefined;
    const decipher = this.#decryptor(this.#key.nonce(iv, 0), aad, length, ciphertext.subarray(length));
    try {
      const plaintext = decipher.update(ciphertext.subarray(0, length));
      decipher.final();
      return plaintext;
    } catch {
      // OpenSSL compares the tag in constant time and reports nothing but that it differs.
      return undefined;
    }
  }

  destroy(): void {
    this.#key.destroy();
  }

  #encryptor(nonce: Buffer, aad: Uint8Array, plaintextLength: number) {
    const method = this.#method;
    const key = this.#key.bytes;
    const authTagLength = this.icvLength;
    switch (method.mode) {
      case "gcm":
        return createCipheriv(method.openssl, key, nonce, { authTagLength }).setAAD(aad);
      case "ccm":
        return createCipheriv(method.openssl, key, nonce, { authTagLength }).setAAD(aad, { plaintextLength });
      case "chacha20-poly1305":
        return createCipheriv(method.openssl, key, nonce, { authTagLength }).setAAD(aad, { plaintextLength });
    }
  }

  #decryptor(nonce: Buffer, aad: Uint8Array, plaintextLength: number, icv: Uint8Array) {
    const method = this.#method;
    const key = this.#key.bytes;
    const authTagLength = this.icvLength;
    switch (method.mode) {
      case "gcm":
        return createDecipheriv(method.openssl, key, nonce, { authTagLength }).setAuthTag(icv).setAAD(aad);
      case "ccm":
        return createDecipheriv(method.openssl, key, nonce, { authTagLength })
          .setAuthTag(icv)
          .setAAD(aad, { plaintextLength });
      case "chacha20-poly1305":
        return createDecipheriv(method.openssl, key, nonce, { authTagLength })
          .setAuthTag(icv)
          .setAAD(aad, { plaintextLength });
    }
  }
}

/** RFC 7296 3.14: a cipher, then a MAC over header, IV and ciphertext. */
class EncryptThenMacSkCipher implements SkCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  readonly randomIv: boolean;
  readonly #method: PlainMethod;
  readonly #key: CipherKey;
  readonly #mac: Mac;

  constructor(encr: EncrTransform, method: PlainMethod, skE: Uint8Array, icvLength: number, mac: Mac) {
    this.ivLength = encr.ivLength;
    this.icvLength = icvLength;
    this.blockLength = encr.blockLength;
    this.randomIv = method.mode === "cbc";
    this.#method = method;
    this.#key = new CipherKey(encr, skE);
    this.#mac = mac;
  }

  seal(aad: Uint8Array, iv: Uint8Array, plaintext: Uint8Array): Buffer {
    checkIvLength(this.ivLength, iv);
    if (plaintext.length % this.blockLength !== 0) {
      throw new SkCipherError(
        "plaintext-length",
        `the plaintext must be padded to a multiple of ${this.blockLength} octets, got ${plaintext.length}`,
      );
    }
    const cipher = createCipheriv(this.#method.openssl, this.#key.bytes, this.#cipherIv(iv));
    const encrypted = cipher.setAutoPadding(false).update(plaintext);
    const mac = this.#mac.sign(aad, iv, encrypted);
    return Buffer.concat([encrypted, mac], plaintext.length + this.icvLength);
  }

  open(aad: Uint8Array, iv: Uint8Array, ciphertext: Uint8Array): Buffer | undefined {
    checkIvLength(this.ivLength, iv);
    const length = ciphertext.length - this.icvLength;
    if (length < 0 || length % this.blockLength !== 0) return undefined;
    const encrypted = ciphertext.subarray(0, length);
    const mac = this.#mac.sign(aad, iv, encrypted);
    if (!constantTimeEqual(mac.subarray(0, this.icvLength), ciphertext.subarray(length))) return undefined;
    const decipher = createDecipheriv(this.#method.openssl, this.#key.bytes, this.#cipherIv(iv));
    return decipher.setAutoPadding(false).update(encrypted);
  }

  destroy(): void {
    this.#key.destroy();
    this.#mac.destroy();
  }

  #cipherIv(iv: Uint8Array): Uint8Array {
    if (this.#method.mode === "cbc") return iv;
    // RFC 3686 4: counter block = nonce | IV | block counter, which starts at one.
    const block = this.#key.nonce(iv, 4);
    block.writeUInt32BE(1, block.length - 4);
    return block;
  }
}

/** The key proper in the form that the cipher takes, and the salt that begins each nonce: one copy of both, in one slot. */
class CipherKey {
  /** Undefined: given back. */
  #slot: number | undefined;
  readonly #saltAt: number;
  readonly #length: number;

  constructor(encr: EncrTransform, skE: Uint8Array) {
    const octets = opensslKey(encr, skE);
    this.#slot = takeSlot(octets);
    this.#length = octets.length;
    this.#saltAt = octets.length - encr.saltLength;
    octets.fill(0);
  }

  /** A KeyObject is made anew for each message: that takes 1 us, and to keep one takes half a KiB for as long as the tunnel stands. */
  get bytes(): KeyObject | Buffer {
    const key = inSlot(this.#standing(), 0, this.#saltAt);
    return keyObjectsAreFaster ? createSecretKey(key) : key;
  }

  /** salt | IV | `room` octets for the caller to fill. */
  nonce(iv: Uint8Array, room: number): Buffer {
    const salt = inSlot(this.#standing(), this.#saltAt, this.#length);
    const nonce = Buffer.allocUnsafe(salt.length + iv.length + room);
    nonce.set(salt);
    nonce.set(iv, salt.length);
    return nonce;
  }

  destroy(): void {
    if (this.#slot !== undefined) giveSlotBack(this.#slot);
    this.#slot = undefined;
  }

  #standing(): number {
    if (this.#slot === undefined) throw new SkCipherError("destroyed", "the keys of this SK cipher have been wiped");
    return this.#slot;
  }
}

function checkKeyLength(name: string, key: Uint8Array, length: number): void {
  if (key.length !== length) {
    throw new SkCipherError("key-length", `${name} takes a key of ${length} octets, got ${key.length}`);
  }
}

function checkIvLength(length: number, iv: Uint8Array): void {
  if (iv.length !== length) {
    throw new SkCipherError("iv-length", `the IV must have ${length} octets, got ${iv.length}`);
  }
}
