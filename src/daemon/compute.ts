/** Does the engine's costly work here and now, on the thread that asks. */
import { examineProof, type ProofVerdict, type SignatureProof, unreadable } from "../credentials/examine.ts";
import type { PeerTrust } from "../credentials/peer-trust.ts";
import { generateKePair, type KePair, KeyExchangeError } from "../crypto/key-exchange.ts";
import { encryptFor } from "../crypto/signature/rsa-encryption.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { CertificateLookup } from "./revocation/certificate-lookup.ts";
import type { RevocationChecker } from "./revocation/revocation-checker.ts";

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
    case "encrypt":
      return { kind: "encrypted", ciphertexts: job.plaintexts.map((plaintext) => encryptFor(job.key, plaintext)) };
    case "decrypt":
      return { kind: "decrypted", plaintexts: job.ciphertexts.map((ciphertext) => job.key.decrypt(ciphertext)) };
    case "examine":
      return answerOf(examineProof(job.proof, job.trust, Date.now()));
  }
}

/**
 * The same, with slow signatures made on another thread, and with revocation asked for: only for certificates that hold, of a
 * peer that has their key.
 */
export function computeWithRevocation(
  checker: Pick<RevocationChecker, "check" | "answerAbout">,
  lookup: Pick<CertificateLookup, "complete">,
): (job: ComputeJob) => ComputeResult | Promise<ComputeResult> {
  return (job) => {
    if (job.kind === "sign") return sign(job);
    if (job.kind !== "examine") return computeHere(job);
    if (job.proof.references === undefined) return examine(job.proof, job.trust);
    return lookup.complete(job.proof).then((completed) => {
      if ("proof" in completed) return examine(completed.proof, job.trust);
      return { kind: "refused", reason: unreadable(job.proof.identity, completed.wrong) };
    });
  };
  function sign(job: Extract<ComputeJob, { kind: "sign" }>): ComputeResult | Promise<ComputeResult> {
    const { key, scheme, octets, answerAbout } = job;
    if (!key.isSlow && answerAbout === undefined) return computeHere(job);
    const answer =
      answerAbout === undefined ? undefined : checker.answerAbout(answerAbout.certificate, answerAbout.issuer);
    const signature = key.isSlow ? key.signElsewhere(scheme, octets) : key.sign(scheme, octets);
    return Promise.all([signature, answer]).then(([made, ocspAnswer]) => {
      return { kind: "signed", signature: made, ocspAnswer };
    });
  }
  function examine(proof: SignatureProof, trust: PeerTrust): ComputeResult | Promise<ComputeResult> {
    const verdict = examineProof(proof, trust, Date.now());
    if (verdict.kind !== "proven" || verdict.path === undefined || trust.revocation === "off") return answerOf(verdict);
    const { path } = verdict;
    return checker.check(path, trust.revocation, proof.ocspAnswers ?? []).then((finding) => {
      if (finding === undefined) return answerOf(verdict);
      const tried = path.map(({ label }) => label);
      const identity = proof.identity.text;
      return {
        kind: "refused",
        reason: { code: "certificate-refused", identity, tried, trusted: trust.name, finding },
      };
    });
  }
}

function answerOf(verdict: ProofVerdict): ComputeResult {
  return verdict.kind === "proven" ? { kind: "proven", signer: verdict.key } : verdict;
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
