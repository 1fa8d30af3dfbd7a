import { createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, type KeyObject } from "node:crypto";
import type { KePair } from "../key-exchange.ts";
import type { KeMethod, KeTransform } from "../transforms/ke.ts";
import { checkPublicLength, KeyExchangeError, present } from "./error.ts";

/** X25519 and X448 (RFC 7748, RFC 8031). */

type MontgomeryMethod = Extract<KeMethod, { kind: "montgomery" }>;
type Curve = MontgomeryMethod["curve"];

const jwkNames = { x25519: "X25519", x448: "X448" } as const;

/** RFC 8410 7: a PrivateKeyInfo up to the private key itself. */
const pkcs8Prefixes = {
  x25519: Buffer.from("302e020100300506032b656e04220420", "hex"),
  x448: Buffer.from("3046020100300506032b656f043a0438", "hex"),
};

/**
 * A fresh key pair, whose public half is encoded while it is made: to export it as JWK afterwards can deadlock Node 20 for
 * ever (a garbage collection in the midst of it waits for the key's lock), and as DER it costs 50 us more.
 */
export function generateMontgomery(ke: KeTransform, { curve }: MontgomeryMethod): KePair {
  const { privateKey, publicKey } = generate(curve);
  return new MontgomeryPair(ke, curve, privateKey, Buffer.from(publicKey.x, "base64url"));
}

/** The key pair of a private key as in RFC 7748 5, clamped or not. */
export function importMontgomery(ke: KeTransform, { curve }: MontgomeryMethod, privateKey: Uint8Array): KePair {
  if (privateKey.length !== ke.publicLength) {
    const expected = `a private key of ${ke.name} has ${ke.publicLength} octets`;
    throw new KeyExchangeError("private-key", `${expected}, got ${privateKey.length}`);
  }
  const pkcs8 = Buffer.concat([pkcs8Prefixes[curve], privateKey]);
  const key = createPrivateKey({ key: pkcs8, format: "der", type: "pkcs8" });
  pkcs8.fill(0);
  return new MontgomeryPair(ke, curve, key, multiplyBase(curve, key));
}

class MontgomeryPair implements KePair {
  readonly publicValue: Buffer;
  readonly #ke: KeTransform;
  readonly #curve: Curve;
  #privateKey: KeyObject | undefined;

  constructor(ke: KeTransform, curve: Curve, privateKey: KeyObject, publicValue: Buffer) {
    this.#ke = ke;
    this.#curve = curve;
    this.#privateKey = privateKey;
    this.publicValue = publicValue;
  }

  deriveShared(peerPublic: Uint8Array): Buffer {
    const privateKey = present(this.#privateKey, this.#ke);
    checkPublicLength(this.#ke, peerPublic);
    const publicKey = importPublic(this.#curve, peerPublic);
    try {
      return diffieHellman({ privateKey, publicKey });
    } catch {
      // OpenSSL fails on an all-zero result, as RFC 8031 3.2 and RFC 7748 6 ask.
      throw new KeyExchangeError("low-order", `the peer's public value of ${this.#ke.name} is a point of small order`);
    }
  }

  destroy(): void {
    this.#privateKey = undefined;
  }
}

/** The types of Node 20 do not know that a pair may be encoded as JWK, in part. */
type Generate = (
  curve: Curve,
  encoding: { readonly publicKeyEncoding: { readonly format: "jwk" } },
) => { readonly privateKey: KeyObject; readonly publicKey: { readonly x: string } };

function generate(curve: Curve): ReturnType<Generate> {
  return (generateKeyPairSync as unknown as Generate)(curve, { publicKeyEncoding: { format: "jwk" } });
}

/** JWK is the fastest import up to Node 25 (4 us on Node 20, 63 us as DER). */
function importPublic(curve: Curve, publicValue: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: "OKP", crv: jwkNames[curve], x: base64url(publicValue) }, format: "jwk" });
}

const basePoints = new Map<Curve, KeyObject>();

/** The u-coordinate 9 of X25519 and 5 of X448 (RFC 7748 4). */
function basePoint(curve: Curve): KeyObject {
  const known = basePoints.get(curve);
  if (known !== undefined) return known;
  const octets = curve === "x25519" ? Buffer.alloc(32, 0).fill(9, 0, 1) : Buffer.alloc(56, 0).fill(5, 0, 1);
  const key = importPublic(curve, octets);
  basePoints.set(curve, key);
  return key;
}

function multiplyBase(curve: Curve, privateKey: KeyObject): Buffer {
  return diffieHellman({ privateKey, publicKey: basePoint(curve) });
}

function base64url(octets: Uint8Array): string {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("base64url");
}
