import { createCipheriv, createDecipheriv, type DecipherGCM } from "node:crypto";
import { keyMac, type Mac } from "./mac/mac.ts";
import { opensslKey } from "./provider.ts";
import { constantTimeEqual } from "./secret.ts";
import { type EncrTransform, encrKeyLength } from "./transforms/encr.ts";
import type { IntegTransform } from "./transforms/integ.ts";

/**
 * Opening and making ESP packets in user space (RFC 4303), for decoding captures and checking vectors: the kernel does
 * it for traffic. Lengths in octets.
 */

/** The algorithms and keys of one ESP SA. */
export interface EspKeys {
  readonly encr: EncrTransform;
  /** Salt included. */
  readonly encrKey: Uint8Array;
  readonly integ?: IntegTransform | undefined;
  /** Absent where it is not known: the ICV is then taken off without being checked. */
  readonly integKey?: Uint8Array | undefined;
  /** Where it is not that of the algorithms, such as the 12 octets of an old HMAC-SHA-256. */
  readonly icvLength?: number | undefined;
}

/** What became of the ICV. */
export type EspIntegrity = "verified" | "failed" | "unchecked";

/** A packet without its protection: payload, padding, pad length and next header, in clear. */
export interface OpenedEsp {
  readonly integrity: EspIntegrity;
  /** Absent where the ICV is wrong. */
  readonly padded?: Buffer;
  readonly icv: Uint8Array;
}

/** Keys that do not fit their algorithm, or an algorithm that no packet can be opened with. */
export class EspKeyError extends Error {
  override readonly name = "EspKeyError";
}

const HEADER = 8;

/** One direction of an ESP SA, for any number of packets. */
export class EspCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly #keys: EspKeys;
  readonly #cipherName: string;
  readonly #key: Buffer;
  readonly #salt: Buffer;
  readonly #mac: Mac | undefined;

  /** Throws {@link EspKeyError}. */
  constructor(keys: EspKeys) {
    const { encr, integ } = keys;
    const length = encrKeyLength(encr);
    if (keys.encrKey.length !== length) {
      throw new EspKeyError(`${encr.name} takes a key of ${length} octets, salt included, got ${keys.encrKey.length}`);
    }
    this.#keys = keys;
    this.#cipherName = cipherName(encr);
    this.#key = opensslKey(encr, keys.encrKey.subarray(0, encr.keyBits / 8));
    this.#salt = Buffer.from(keys.encrKey.subarray(encr.keyBits / 8));
    this.ivLength = encr.ivLength;
    this.icvLength = encr.aead ? encr.icvLength : (keys.icvLength ?? integ?.icvLength ?? 0);
    this.#mac = encr.aead ? undefined : macOf(keys);
  }

  /**
   * Opens the packet that begins with the SPI. `highSequence` is the upper half of an extended sequence number
   * (RFC 4303 2.2.1). Undefined where the packet is too short to be one.
   */
  open(packet: Uint8Array, highSequence?: number): OpenedEsp | undefined {
    const end = packet.length - this.icvLength;
    if (end < HEADER + this.ivLength) return undefined;
    const iv = packet.subarray(HEADER, HEADER + this.ivLength);
    const encrypted = packet.subarray(HEADER + this.ivLength, end);
    const icv = packet.subarray(end);
    if (this.#keys.encr.aead) return this.#openAead(packet, iv, encrypted, icv, highSequence);
    if (this.#mac !== undefined) {
      const high = highSequence === undefined ? empty : octetsOf(highSequence);
      const mac = this.#mac.sign(packet.subarray(0, end), high).subarray(0, this.icvLength);
      if (!constantTimeEqual(mac, icv)) return { integrity: "failed", icv };
    }
    const integrity = this.#mac === undefined ? "unchecked" : "verified";
    if (this.#cipherName === "") return { integrity, padded: Buffer.from(encrypted), icv };
    if (encrypted.length % this.#keys.encr.blockLength !== 0) return undefined;
    const decipher = createDecipheriv(this.#cipherName, this.#key, this.#counterOrIv(iv)).setAutoPadding(false);
    return { integrity, padded: decipher.update(encrypted), icv };
  }

  /** The packet with that header and padded content. */
  seal(spiAndSequence: Uint8Array, iv: Uint8Array, padded: Uint8Array, highSequence?: number): Buffer {
    const { encr } = this.#keys;
    if (encr.aead) {
      const sealed = this.#sealAead(spiAndSequence, iv, padded, highSequence);
      return Buffer.concat([spiAndSequence, iv, sealed]);
    }
    const encrypted =
      this.#cipherName === ""
        ? padded
        : createCipheriv(this.#cipherName, this.#key, this.#counterOrIv(iv)).setAutoPadding(false).update(padded);
    const content = Buffer.concat([spiAndSequence, iv, encrypted]);
    if (this.#mac === undefined) return content;
    const high = highSequence === undefined ? empty : octetsOf(highSequence);
    return Buffer.concat([content, this.#mac.sign(content, high).subarray(0, this.icvLength)]);
  }

  #openAead(packet: Uint8Array, iv: Uint8Array, encrypted: Uint8Array, icv: Uint8Array, high?: number): OpenedEsp {
    const aad = aadOf(packet, high);
    const nonce = Buffer.concat([this.#salt, iv]);
    if (isGmac(this.#keys.encr)) {
      // RFC 4543 3.3: the IV and the payload are authenticated as they stand.
      if (!constantTimeEqual(gmac(this.#key, nonce, aad, iv, encrypted), icv)) return { integrity: "failed", icv };
      return { integrity: "verified", padded: Buffer.from(encrypted), icv };
    }
    const decipher = createDecipheriv(this.#cipherName as "aes-128-ccm", this.#key, nonce, {
      authTagLength: this.icvLength,
    }) as unknown as DecipherGCM;
    decipher.setAuthTag(icv);
    try {
      decipher.setAAD(aad, { plaintextLength: encrypted.length });
      const padded = decipher.update(encrypted);
      decipher.final();
      return { integrity: "verified", padded, icv };
    } catch {
      return { integrity: "failed", icv };
    }
  }

  #sealAead(header: Uint8Array, iv: Uint8Array, padded: Uint8Array, high?: number): Buffer {
    const aad = aadOf(header, high);
    const nonce = Buffer.concat([this.#salt, iv]);
    if (isGmac(this.#keys.encr)) return Buffer.concat([padded, gmac(this.#key, nonce, aad, iv, padded)]);
    const cipher = createCipheriv(this.#cipherName as "aes-128-ccm", this.#key, nonce, {
      authTagLength: this.icvLength,
    });
    cipher.setAAD(aad, { plaintextLength: padded.length });
    const encrypted = cipher.update(padded);
    cipher.final();
    return Buffer.concat([encrypted, cipher.getAuthTag()]);
  }

  #counterOrIv(iv: Uint8Array): Uint8Array {
    if (this.#keys.encr.method?.mode !== "ctr") return iv;
    // RFC 3686 4: nonce | IV | block counter, which starts at one.
    return Buffer.concat([this.#salt, iv, octetsOf(1)]);
  }
}

/** AES-GMAC of 16 octets: GCM of nothing but what is authenticated (RFC 4543 2). `nonce`: 12 octets, in ESP salt and IV. */
export function gmac(key: Uint8Array, nonce: Uint8Array, ...data: readonly Uint8Array[]): Buffer {
  const cipher = createCipheriv(
    key.length === 16 ? "aes-128-gcm" : key.length === 24 ? "aes-192-gcm" : "aes-256-gcm",
    key,
    nonce,
  );
  cipher.setAAD(Buffer.concat(data));
  cipher.final();
  return cipher.getAuthTag();
}

const empty = new Uint8Array(0);

function isGmac(encr: EncrTransform): boolean {
  return encr.aead && encr.method === undefined;
}

/** The cipher's name for OpenSSL; empty for NULL. */
function cipherName(encr: EncrTransform): string {
  if (encr.method !== undefined) return encr.method.openssl;
  return encr.aead ? `aes-${encr.keyBits}-gcm` : "";
}

function macOf({ integ, integKey }: EspKeys): Mac | undefined {
  if (integ === undefined || integKey === undefined) return undefined;
  if (integ.method === undefined) throw new EspKeyError(`${integ.name} cannot be computed: ${integ.decodeOnly ?? ""}`);
  return keyMac(integ.method, integKey);
}

/** RFC 4106 5: SPI and sequence number, the latter in full where it is extended. */
function aadOf(packet: Uint8Array, high?: number): Uint8Array {
  if (high === undefined) return packet.subarray(0, HEADER);
  return Buffer.concat([packet.subarray(0, 4), octetsOf(high), packet.subarray(4, HEADER)]);
}

function octetsOf(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}
