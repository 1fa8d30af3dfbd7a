/** The worker's part (the `compute` effect): real key exchanges from a seed, or a cheap stand-in. */

import { checkPublicLength } from "../../src/crypto/key-exchange/error.ts";
import { importKePair, type KePair } from "../../src/crypto/key-exchange.ts";
import type { KeTransform } from "../../src/crypto/transforms/ke.ts";
import { computeWith } from "../../src/daemon/compute.ts";
import type { ComputeJob, ComputeResult } from "../../src/sa/compute.ts";
import type { Rng } from "./rng.ts";

export type Compute = (job: ComputeJob) => ComputeResult;

/** As the daemon does it, but for where the private keys come from. */
export function realCompute(rng: Rng): Compute {
  return (job) => computeWith((method) => importKePair(method, privateKey(rng)), job);
}

/** Key pairs without a private key: the secret is what both public values come to, which costs next to nothing. */
export function cheapCompute(rng: Rng): Compute {
  return (job) => computeWith((method) => new CheapPair(method, rng.bytes(method.publicLength)), job);
}

/** Small enough for every group of 256 bits and more. */
function privateKey(rng: Rng): Uint8Array {
  const octets = rng.bytes(32);
  octets[0] = 0x40;
  return octets;
}

class CheapPair implements KePair {
  readonly publicValue: Buffer;
  readonly #method: KeTransform;

  constructor(method: KeTransform, octets: Uint8Array) {
    this.#method = method;
    this.publicValue = Buffer.from(octets);
  }

  deriveShared(peerPublic: Uint8Array): Buffer {
    checkPublicLength(this.#method, peerPublic);
    return Buffer.from(peerPublic.map((octet, i) => octet ^ (this.publicValue[i] ?? 0)));
  }

  destroy(): void {}
}
