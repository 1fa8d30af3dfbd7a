import { createPrivateKey, type KeyObject } from "node:crypto";
import { KeyError } from "./key-error.ts";
import { type PublicKey, publicHalf } from "./public-key.ts";
import { decryptWith } from "./rsa-encryption.ts";
import type { SignatureScheme } from "./scheme.ts";
import { signElsewhere, signWith } from "./sign.ts";

/** A private key for signatures. It prints as `[secret]` and its public half, and never leaves OpenSSL. */
export class PrivateKey {
  readonly publicKey: PublicKey;
  readonly #handle: KeyObject;

  constructor(handle: KeyObject, publicKey: PublicKey) {
    this.#handle = handle;
    this.publicKey = publicKey;
  }

  /** The signature of `octets`. Throws KeyError `unsupported` where the key is for other schemes. Costs up to milliseconds. */
  sign(scheme: SignatureScheme, octets: Uint8Array): Uint8Array {
    return signWith(this.#handle, this.publicKey.algorithm, scheme, octets);
  }

  /** Whether a signature costs milliseconds (RSA of 4096 bits: 4.5, of 8192 bits: 30), for which others should not wait. */
  get isSlow(): boolean {
    const { algorithm } = this.publicKey;
    return (algorithm.kind === "rsa" || algorithm.kind === "rsa-pss") && algorithm.bits > quickestBits;
  }

  /** The same signature, made on another thread. */
  signElsewhere(scheme: SignatureScheme, octets: Uint8Array): Promise<Uint8Array> {
    return signElsewhere(this.#handle, this.publicKey.algorithm, scheme, octets);
  }

  /** What was encrypted with the public half, an RSA key (`decryptWith` in rsa-encryption.ts). Costs up to milliseconds. */
  decrypt(ciphertext: Uint8Array): Uint8Array {
    return decryptWith(this.#handle, ciphertext);
  }

  /** PKCS #8, unencrypted, for a file; the caller wipes it. */
  exportPkcs8(): Buffer {
    return this.#handle.export({ format: "der", type: "pkcs8" });
  }

  toString(): string {
    return `[secret] ${this.publicKey}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/** RSA of 3072 bits signs in 2 ms, about what handing it to another thread and back may take under load. */
const quickestBits = 3072;

/** A private key in one of the forms that OpenSSL reads; `sec1` is RFC 5915. Throws KeyError. */
export function importPrivateKey(octets: Uint8Array, form: "pkcs8" | "pkcs1" | "sec1"): PrivateKey {
  return privateKeyOf(readPrivateKey(octets, form));
}

/** A key that node:crypto has made or read. Throws KeyError where it must not be used. */
export function privateKeyOf(handle: KeyObject): PrivateKey {
  return new PrivateKey(handle, publicHalf(handle));
}

function readPrivateKey(octets: Uint8Array, form: "pkcs8" | "pkcs1" | "sec1"): KeyObject {
  try {
    return createPrivateKey({ key: Buffer.from(octets), format: "der", type: form });
  } catch {
    throw new KeyError("malformed", "no private key that can be read");
  }
}
