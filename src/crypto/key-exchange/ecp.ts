import { createECDH, createPrivateKey, createPublicKey, diffieHellman, type ECDH, getCurves } from "node:crypto";
import type { KePair } from "../key-exchange.ts";
import type { KeMethod, KeTransform } from "../transforms/ke.ts";
import { curveOid, encodeEcPrivate, encodeEcPublic } from "./ec-der.ts";
import { checkPublicLength, KeyExchangeError, present } from "./error.ts";
import { generateNobleEcp, importNobleEcp } from "./noble-ecp.ts";

/** ECP groups (RFC 5903, RFC 6954): NIST and Brainpool curves, by OpenSSL where it was built with the curve. */

type EcpMethod = Extract<KeMethod, { kind: "ecp" }>;

const UNCOMPRESSED = 0x04;

// Some distributions strip Brainpool from OpenSSL.
const opensslCurves: ReadonlySet<string> = new Set(getCurves());

/** A fresh key pair. */
export function generateEcp(ke: KeTransform, method: EcpMethod): KePair {
  if (!opensslCurves.has(method.openssl)) return generateNobleEcp(ke, method);
  const ecdh = createECDH(method.openssl);
  ecdh.generateKeys();
  return new OpensslEcpPair(ke, method, ecdh);
}

/** The key pair of a big-endian scalar. */
export function importEcp(ke: KeTransform, method: EcpMethod, privateKey: Uint8Array): KePair {
  if (!opensslCurves.has(method.openssl)) return importNobleEcp(ke, method, privateKey);
  const ecdh = createECDH(method.openssl);
  try {
    ecdh.setPrivateKey(privateKey);
  } catch {
    throw new KeyExchangeError("private-key", `not a private key of ${ke.name}: it must be between 0 and the order`);
  }
  return new OpensslEcpPair(ke, method, ecdh);
}

/**
 * On P-256 `computeSecret` is fastest. It tests the own key with one more multiplication each time, which on the slower
 * curves costs 0.5 ms and more than to hand both keys to `crypto.diffieHellman` as DER.
 */
class OpensslEcpPair implements KePair {
  readonly publicValue: Buffer;
  readonly #ke: KeTransform;
  readonly #oid: Buffer | undefined;
  #ecdh: ECDH | undefined;

  constructor(ke: KeTransform, method: EcpMethod, ecdh: ECDH) {
    this.#ke = ke;
    this.#oid = curveOid(method.openssl);
    this.#ecdh = ecdh;
    this.publicValue = ecdh.getPublicKey().subarray(1);
  }

  deriveShared(peerPublic: Uint8Array): Buffer {
    const ecdh = present(this.#ecdh, this.#ke);
    checkPublicLength(this.#ke, peerPublic);
    const point = Buffer.allocUnsafe(1 + peerPublic.length);
    point[0] = UNCOMPRESSED;
    point.set(peerPublic, 1);
    try {
      // Both ways refuse coordinates of p or more and points off the curve (RFC 6989 2.3), and give x alone.
      return this.#oid === undefined ? ecdh.computeSecret(point) : deriveByDer(this.#oid, ecdh, point);
    } catch {
      throw new KeyExchangeError("not-on-curve", `the peer's public value is not a point of ${this.#ke.name}`);
    }
  }

  destroy(): void {
    this.#ecdh = undefined;
  }
}

function deriveByDer(oid: Buffer, ecdh: ECDH, peerPoint: Buffer): Buffer {
  const publicKey = createPublicKey({ key: encodeEcPublic(oid, peerPoint), format: "der", type: "spki" });
  const scalar = ecdh.getPrivateKey();
  const sec1 = encodeEcPrivate(oid, scalar, ecdh.getPublicKey());
  const privateKey = createPrivateKey({ key: sec1, format: "der", type: "sec1" });
  scalar.fill(0);
  sec1.fill(0);
  return diffieHellman({ privateKey, publicKey });
}
