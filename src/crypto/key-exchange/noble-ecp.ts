import { weierstrass } from "@noble/curves/abstract/weierstrass.js";
import { brainpoolP256r1, brainpoolP384r1, brainpoolP512r1 } from "@noble/curves/misc.js";
import type { KePair } from "../key-exchange.ts";
import { randomBytes } from "../secret.ts";
import type { KeMethod, KeTransform } from "../transforms/ke.ts";
import { checkPublicLength, KeyExchangeError, present } from "./error.ts";

/**
 * Brainpool by @noble/curves, for an OpenSSL built without it: 3 to 10 times slower, and BigInt arithmetic is not
 * constant-time, which is bearable for keys that are used once.
 */

type EcpMethod = Extract<KeMethod, { kind: "ecp" }>;
type Curve = typeof brainpoolP256r1.Point;

const UNCOMPRESSED = 0x04;

// RFC 5639 3.3; @noble/curves has the larger Brainpool curves only.
const brainpoolP224r1 = weierstrass({
  p: 0xd7c134aa264366862a18302575d1d787b09f075797da89f57ec8c0ffn,
  a: 0x68a5e62ca9ce6c1c299803a6c1530b514e182ad8b0042a59cad29f43n,
  b: 0x2580f63ccfe44138870713b1a92369e33e2135d266dbb372386c400bn,
  Gx: 0x0d9029ad2c7e5cf4340823b2a87dc68c9e4ce3174c1e6efdee12c07dn,
  Gy: 0x58aa56f772c0726f24c6b89e4ecdac24354b9e99caa3f6d3761402cdn,
  n: 0xd7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939fn,
  h: 1n,
});

const curves: ReadonlyMap<string, Curve> = new Map([
  ["brainpoolP224r1", brainpoolP224r1],
  ["brainpoolP256r1", brainpoolP256r1.Point],
  ["brainpoolP384r1", brainpoolP384r1.Point],
  ["brainpoolP512r1", brainpoolP512r1.Point],
]);

/** A fresh key pair; throws KeyExchangeError `unsupported` for a curve that is not Brainpool. */
export function generateNobleEcp(ke: KeTransform, method: EcpMethod): KePair {
  const curve = nobleCurve(ke, method);
  // FIPS 186-5 A.2.1: 64 surplus bits make the bias of the reduction negligible.
  const random = toBigInt(randomBytes(method.coordinateLength + 8));
  return new NobleEcpPair(ke, method, curve, (random % (curve.Fn.ORDER - 1n)) + 1n);
}

/** The key pair of a big-endian scalar. */
export function importNobleEcp(ke: KeTransform, method: EcpMethod, privateKey: Uint8Array): KePair {
  const curve = nobleCurve(ke, method);
  const scalar = toBigInt(privateKey);
  if (scalar < 1n || scalar >= curve.Fn.ORDER) {
    throw new KeyExchangeError("private-key", `not a private key of ${ke.name}: it must be between 0 and the order`);
  }
  return new NobleEcpPair(ke, method, curve, scalar);
}

function nobleCurve(ke: KeTransform, method: EcpMethod): Curve {
  const curve = curves.get(method.openssl);
  if (curve === undefined) throw new KeyExchangeError("unsupported", `this OpenSSL was built without ${ke.name}`);
  return curve;
}

class NobleEcpPair implements KePair {
  readonly publicValue: Buffer;
  readonly #ke: KeTransform;
  readonly #curve: Curve;
  readonly #coordinateLength: number;
  #scalar: bigint | undefined;

  constructor(ke: KeTransform, method: EcpMethod, curve: Curve, scalar: bigint) {
    this.#ke = ke;
    this.#curve = curve;
    this.#coordinateLength = method.coordinateLength;
    this.#scalar = scalar;
    this.publicValue = Buffer.from(curve.BASE.multiply(scalar).toBytes(false).subarray(1));
  }

  deriveShared(peerPublic: Uint8Array): Buffer {
    const scalar = present(this.#scalar, this.#ke);
    checkPublicLength(this.#ke, peerPublic);
    const point = this.#peerPoint(peerPublic);
    return Buffer.from(
      point
        .multiply(scalar)
        .toBytes(false)
        .subarray(1, 1 + this.#coordinateLength),
    );
  }

  destroy(): void {
    this.#scalar = undefined;
  }

  #peerPoint(peerPublic: Uint8Array) {
    try {
      // Refuses coordinates of p or more and points off the curve (RFC 6989 2.3).
      return this.#curve.fromBytes(Buffer.concat([Buffer.of(UNCOMPRESSED), peerPublic]));
    } catch {
      throw new KeyExchangeError("not-on-curve", `the peer's public value is not a point of ${this.#ke.name}`);
    }
  }
}

function toBigInt(octets: Uint8Array): bigint {
  return BigInt(`0x0${Buffer.from(octets.buffer, octets.byteOffset, octets.length).toString("hex")}`);
}
