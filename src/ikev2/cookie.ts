/** Stateless cookies (RFC 7296 2.6): a peer under suspicion shows that it receives at its address before state is made. */
import { type KeyedPrf, keyPrf } from "../crypto/prf.ts";
import { constantTimeEqual } from "../crypto/secret.ts";
import type { PrfTransform } from "../crypto/transforms/prf.ts";
import { findKeyword } from "../crypto/transforms.ts";
import { addressOctets, type Endpoint } from "../negotiate/address.ts";

const secretLength = 32;
const macLength = 16;

/** How long one secret makes cookies, in ms; the one before it is still accepted (RFC 7296 2.6). */
const secretLife = 60_000;

interface Secret {
  readonly version: number;
  readonly prf: KeyedPrf;
}

/** Makes and checks cookies under a secret that changes. */
export class CookieJar {
  readonly #random: (length: number) => Uint8Array;
  #current: Secret;
  #previous: Secret | undefined;
  #changeAt: number;

  constructor(random: (length: number) => Uint8Array, now: number) {
    this.#random = random;
    this.#current = this.#makeSecret(0);
    this.#changeAt = now + secretLife;
  }

  /** Version of the secret | MAC over Ni | IPi | port | SPIi. */
  make(nonce: Uint8Array, from: Endpoint, initiatorSpi: bigint, now: number): Buffer {
    this.#turn(now);
    return bake(this.#current, nonce, from, initiatorSpi);
  }

  check(cookie: Uint8Array, nonce: Uint8Array, from: Endpoint, initiatorSpi: bigint, now: number): boolean {
    this.#turn(now);
    for (const secret of [this.#current, this.#previous]) {
      if (secret !== undefined && cookie[0] === secret.version) {
        return constantTimeEqual(cookie, bake(secret, nonce, from, initiatorSpi));
      }
    }
    return false;
  }

  #turn(now: number): void {
    if (now < this.#changeAt) return;
    // In step with the clock, though nobody may have asked for long: no cookie is good for more than two lives.
    const skipped = Math.floor((now - this.#changeAt) / secretLife);
    this.#previous?.prf.destroy();
    if (skipped > 0) this.#current.prf.destroy();
    this.#previous = skipped > 0 ? undefined : this.#current;
    this.#current = this.#makeSecret((this.#current.version + 1) & 0xff);
    this.#changeAt += (skipped + 1) * secretLife;
  }

  #makeSecret(version: number): Secret {
    const key = this.#random(secretLength);
    return { version, prf: keyPrf(hmacSha256(), key) };
  }
}

function bake(secret: Secret, nonce: Uint8Array, from: Endpoint, initiatorSpi: bigint): Buffer {
  const tail = Buffer.allocUnsafe(10);
  tail.writeBigUInt64BE(initiatorSpi, 0);
  tail.writeUInt16BE(from.port, 8);
  const mac = secret.prf.sign(nonce, addressOctets(from.address), tail);
  return Buffer.concat([Uint8Array.of(secret.version), mac.subarray(0, macLength)]);
}

function hmacSha256(): PrfTransform {
  const prf = findKeyword("prfsha256");
  if (prf?.type !== "PRF") throw new RangeError("the table of transforms lacks prfsha256");
  return prf;
}
