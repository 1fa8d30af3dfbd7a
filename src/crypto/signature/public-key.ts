import { createPublicKey, type KeyObject } from "node:crypto";
import { ed448 } from "@noble/curves/ed448.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { hash } from "../hash.ts";
import { signatureCurves } from "./curves.ts";
import { algorithmName, type KeyAlgorithm, keyAlgorithm } from "./key-algorithm.ts";
import { KeyError } from "./key-error.ts";

/** A public key, imported once. */
export class PublicKey {
  /** The SubjectPublicKeyInfo (RFC 5280 4.1.2.7). */
  readonly spki: Uint8Array;
  readonly algorithm: KeyAlgorithm;
  /** For this folder's functions. */
  readonly handle: KeyObject;
  #fingerprint: string | undefined;

  constructor(spki: Uint8Array, algorithm: KeyAlgorithm, handle: KeyObject) {
    this.spki = spki;
    this.algorithm = algorithm;
    this.handle = handle;
  }

  /** SHA-256 of the SubjectPublicKeyInfo in hexadecimal digits, by which a key is pinned. */
  get fingerprint(): string {
    this.#fingerprint ??= hash("sha256", this.spki).toString("hex");
    return this.#fingerprint;
  }

  toString(): string {
    return `${algorithmName(this.algorithm)}, sha256:${this.fingerprint}`;
  }
}

/** No key that is used is longer; RSA of 8192 bits has 1,062 octets. */
const longestSpki = 2048;

/** The key of a SubjectPublicKeyInfo. Throws KeyError where it must not be used. */
export function importPublicKey(spki: Uint8Array): PublicKey {
  if (spki.length > longestSpki) throw new KeyError("length", `a key of ${spki.length} octets; at most ${longestSpki}`);
  const octets = Buffer.from(spki);
  const handle = readSpki(octets);
  const algorithm = keyAlgorithm(handle);
  // What follows the key would be in its fingerprint and not in the key.
  if (derLength(octets) !== octets.length) throw new KeyError("malformed", "octets follow the public key");
  // A curve whose parameters are written out can have a generator of the sender's choice (CVE-2020-0601).
  if (algorithm.kind === "ec" && !startsWith(contents(octets), signatureCurves[algorithm.curve].identifier))
    throw new KeyError("parameters", "an elliptic curve that is written out instead of named (RFC 5480 2.1.1)");
  if (hasSmallOrder(algorithm, octets))
    throw new KeyError("parameters", "an EdDSA key of small order, with which one signature holds for many messages");
  return new PublicKey(octets, algorithm, handle);
}

/** The public half of a private key. */
export function publicHalf(privateKey: KeyObject): PublicKey {
  return importPublicKey(createPublicKey(privateKey).export({ format: "der", type: "spki" }));
}

function readSpki(octets: Buffer): KeyObject {
  try {
    return createPublicKey({ key: octets, format: "der", type: "spki" });
  } catch {
    throw new KeyError("malformed", "no public key that can be read, or a point that is not on its curve");
  }
}

function hasSmallOrder({ kind }: KeyAlgorithm, spki: Buffer): boolean {
  try {
    if (kind === "ed25519") return ed25519.Point.fromBytes(spki.subarray(-32)).isSmallOrder();
    if (kind === "ed448") return ed448.Point.fromBytes(spki.subarray(-57)).isSmallOrder();
    return false;
  } catch {
    throw new KeyError("malformed", "an EdDSA key that is no point of its curve");
  }
}

/** The length of a DER element that OpenSSL has accepted, header and contents. */
function derLength(octets: Buffer): number {
  const first = octets[1] ?? 0;
  if (first < 0x80) return 2 + first;
  const more = first & 0x7f;
  return 2 + more + octets.readUIntBE(2, more);
}

function contents(octets: Buffer): Buffer {
  const first = octets[1] ?? 0;
  return octets.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
}

function startsWith(octets: Uint8Array, start: Uint8Array): boolean {
  return start.every((octet, index) => octets[index] === octet);
}
