import { createECDH, type ECDH, getCurves } from "node:crypto";
import type { KePair } from "../key-exchange.ts";
import type { KeMethod, KeTransform } from "../transforms/ke.ts";
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
  return new OpensslEcpPair(ke, ecdh);
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
  return new OpensslEcpPair(ke, ecdh);
}

class OpensslEcpPair implements KePair {
  readonly publicValue: Buffer;
  readonly #ke: KeTransform;
  #ecdh: ECDH | undefined;

  constructor(ke: KeTransform, ecdh: ECDH) {
    this.#ke = ke;
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
      // Refuses coordinates of p or more and points off the curve (RFC 6989 2.3), gives x alone.
      return ecdh.computeSecret(point);
    } catch {
      throw new KeyExchangeError("not-on-curve", `the peer's public value is not a point of ${this.#ke.name}`);
    }
  }

  destroy(): void {
    this.#ecdh = undefined;
  }
}
