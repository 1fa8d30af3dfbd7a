/** Does the engine's costly work here and now, on the thread that asks. */
import { examineProof } from "../credentials/examine.ts";
import { generateKePair, type KePair, KeyExchangeError } from "../crypto/key-exchange.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";

/** Never throws for a peer's bad value: that is the result `invalid`. Key pairs are dropped once their secret is known. */
export function computeHere(job: ComputeJob): ComputeResult {
  return computeWith(generateKePair, job);
}

/** The same with key pairs from elsewhere. */
export function computeWith(generate: (method: KeTransform) => KePair, job: ComputeJob): ComputeResult {
  switch (job.kind) {
    case "generate":
      return { kind: "generated", pair: generate(job.method) };
    case "respond":
      return shared(generate(job.method), job.peerPublic);
    case "finish":
      return shared(job.pair, job.peerPublic);
    case "sign":
      return { kind: "signed", signature: job.key.sign(job.scheme, job.octets) };
    case "examine": {
      const verdict = examineProof(job.proof, job.trust, Date.now());
      return verdict.kind === "proven" ? { kind: "proven", signer: verdict.key } : verdict;
    }
  }
}

function shared(pair: KePair, peerPublic: Uint8Array): ComputeResult {
  try {
    return { kind: "shared", publicValue: pair.publicValue, secret: pair.deriveShared(peerPublic) };
  } catch (error) {
    if (error instanceof KeyExchangeError) return { kind: "invalid", fault: error.message };
    throw error;
  } finally {
    pair.destroy();
  }
}
