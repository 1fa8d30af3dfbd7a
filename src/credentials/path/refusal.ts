/** Why a path of certificates does not hold: which check, on which certificate, with the two values. */
import type { CertificateCheck, CertificateFinding } from "../../negotiate/reason.ts";
import type { Certificate } from "../certificate.ts";

/** A refusal on one certificate. */
export function refusal(
  check: CertificateCheck,
  certificate: Certificate,
  depth: number,
  wanted: string,
  seen: string,
): CertificateFinding {
  return { check, certificate: certificate.label, depth, wanted, seen };
}
