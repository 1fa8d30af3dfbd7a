/** Why a path of certificates does not hold: which check, on which certificate, with the two values. */
import type { Certificate } from "../certificate.ts";

export type PathCheck =
  /** No path leads to an authority that is trusted. */
  | "unknown-authority"
  /** More certificates, or more work, than a path may cost. */
  | "limit"
  | "signature"
  | "signature-strength"
  | "key"
  | "not-yet-valid"
  | "expired"
  | "not-an-authority"
  | "path-length"
  | "key-usage"
  | "extended-key-usage"
  | "name-constraints"
  | "critical-extension"
  | "revoked"
  /** Its authority says nothing about it that is fresh, and that was asked for. */
  | "revocation-unknown";

export interface PathRefusal {
  readonly check: PathCheck;
  /** The certificate, by its subject. */
  readonly certificate: string;
  /** 0 is the peer's own, 1 the one that issued it, and so on. */
  readonly depth: number;
  readonly wanted: string;
  readonly seen: string;
}

/** A refusal on one certificate. */
export function refusal(
  check: PathCheck,
  certificate: Certificate,
  depth: number,
  wanted: string,
  seen: string,
): PathRefusal {
  return { check, certificate: certificate.label, depth, wanted, seen };
}
