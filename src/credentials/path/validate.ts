/** Path validation (RFC 5280 6): a pure function of certificates, trust and time. */

import type { CertificateFinding } from "../../negotiate/reason.ts";
import type { Certificate } from "../certificate.ts";
import type { TrustStore } from "../trust-store.ts";
import { candidatePaths, longestPath, type Path } from "./candidates.ts";
import {
  checkAuthority,
  checkCritical,
  checkEndEntity,
  checkKey,
  checkSignature,
  checkStrength,
  checkValidity,
  isSelfIssued,
} from "./certificate-checks.ts";
import { nameViolation } from "./name-constraints.ts";
import { refusal } from "./refusal.ts";
import { mostSteps, Steps, stepCosts } from "./steps.ts";

export interface PathQuestion {
  /** The peer's own certificate. */
  readonly leaf: Certificate;
  /** What it sent beside it, and what we have; in no order. Nothing of it is trusted. */
  readonly intermediates: readonly Certificate[];
  readonly trust: TrustStore;
  /** ms since 1970. */
  readonly at: number;
  /** Signatures with SHA-1 hold (RFC 8247 4.1 says that they should not). */
  readonly allowSha1?: boolean;
  /** The peer's certificate may be for other purposes alone, as those for TLS are (against RFC 4945 5.1.3.12). */
  readonly anyPurpose?: boolean;
}

export type PathOutcome =
  | {
      readonly kind: "valid";
      /** From the peer's own to what is trusted. */
      readonly path: Path;
      readonly trustedBy: "authority" | "list" | "pin";
      readonly steps: number;
    }
  | { readonly kind: "refused"; readonly refusal: CertificateFinding; readonly steps: number };

/** More than a peer may send; the rest is not looked at. */
const mostIntermediates = 32;

/** Whether what is trusted vouches for the certificate; where not, why the path that came furthest fell. Never throws. */
export function validatePath(question: PathQuestion): PathOutcome {
  const steps = new Steps(mostSteps);
  const { leaf, trust } = question;
  const direct = directlyTrusted(leaf, trust);
  if (direct !== undefined) {
    const why = checkLeaf(question);
    return why === undefined
      ? { kind: "valid", path: [leaf], trustedBy: direct, steps: steps.taken }
      : { kind: "refused", refusal: why, steps: steps.taken };
  }
  const intermediates = distinct(question.intermediates.slice(0, mostIntermediates));
  const { paths, furthest, limited } = candidatePaths(leaf, intermediates, trust, steps);
  let nearest: CertificateFinding | undefined;
  for (const path of paths) {
    const why = checkPath(path, question, steps);
    if (why === undefined) return { kind: "valid", path, trustedBy: "authority", steps: steps.taken };
    if (nearest === undefined || why.depth < nearest.depth) nearest = why;
  }
  const why = nearest ?? (limited ? tooMuch(leaf) : unknownAuthority(furthest, trust));
  return { kind: "refused", refusal: why, steps: steps.taken };
}

function distinct(certificates: readonly Certificate[]): readonly Certificate[] {
  return [...new Map(certificates.map((each) => [each.fingerprint, each])).values()];
}

function directlyTrusted(leaf: Certificate, trust: TrustStore): "list" | "pin" | undefined {
  if (trust.listed.has(leaf.fingerprint)) return "list";
  if (trust.anchors.some(({ fingerprint }) => fingerprint === leaf.fingerprint)) return "list";
  if (trust.pinned.size === 0 || "reason" in leaf.publicKey) return undefined;
  return trust.pinned.has(leaf.publicKey.fingerprint) ? "pin" : undefined;
}

function checkLeaf({ leaf, at, anyPurpose = false }: PathQuestion): CertificateFinding | undefined {
  return checkKey(leaf, 0) ?? checkValidity(leaf, 0, at) ?? checkCritical(leaf, 0) ?? checkEndEntity(leaf, anyPurpose);
}

/** From the authority down, so that no key is used before it is vouched for. */
function checkPath(path: Path, question: PathQuestion, steps: Steps): CertificateFinding | undefined {
  for (let depth = path.length - 1; depth >= 0; depth--) {
    const certificate = path[depth] ?? path[0];
    const issuer = path[depth + 1];
    const why =
      (issuer === undefined ? undefined : checkIssued(certificate, issuer, depth, question, steps)) ??
      checkKey(certificate, depth) ??
      checkValidity(certificate, depth, question.at) ??
      checkCritical(certificate, depth) ??
      (depth === 0 ? checkEndEntity(certificate, question.anyPurpose ?? false) : checkAuthority(path, depth)) ??
      checkNames(path, depth, steps);
    if (why !== undefined) return why;
  }
  return undefined;
}

function checkIssued(
  certificate: Certificate,
  issuer: Certificate,
  depth: number,
  { allowSha1 = false }: PathQuestion,
  steps: Steps,
): CertificateFinding | undefined {
  const weak = checkStrength(certificate, depth, allowSha1);
  if (weak !== undefined) return weak;
  if (!steps.take(stepCosts.verification)) return tooMuch(certificate);
  return checkSignature(certificate, issuer, depth);
}

/** RFC 5280 6.1.3 (b), (c): the constraints of all authorities above; an authority that renews itself is exempt. */
function checkNames(path: Path, depth: number, steps: Steps): CertificateFinding | undefined {
  const certificate = path[depth] ?? path[0];
  if (depth > 0 && isSelfIssued(certificate)) return undefined;
  for (const authority of path.slice(depth + 1)) {
    const { nameConstraints } = authority.extensions;
    if (nameConstraints === undefined) continue;
    const violation = nameViolation(certificate, nameConstraints, steps);
    if (violation === "limit") return tooMuch(certificate);
    if (violation === undefined) continue;
    const wanted = `${violation.constraint} by ${authority.label}`;
    return refusal("name-constraints", certificate, depth, wanted, violation.name);
  }
  return undefined;
}

function tooMuch(certificate: Certificate): CertificateFinding {
  const wanted = `a path of at most ${longestPath} certificates among at most ${mostIntermediates}`;
  return refusal("limit", certificate, 0, wanted, "more than that, or more names than can be compared");
}

function unknownAuthority(furthest: Path, trust: TrustStore): CertificateFinding {
  const depth = furthest.length - 1;
  const last = furthest[depth] ?? furthest[0];
  const known = trust.anchors.slice(0, 5).map(({ label }) => label);
  const more = trust.anchors.length > 5 ? ` and ${trust.anchors.length - 5} others` : "";
  const wanted = known.length === 0 ? "an authority, and none is trusted" : `${known.join("; ")}${more}`;
  return refusal("unknown-authority", last, depth, wanted, `issued by ${last.issuer.text}`);
}
