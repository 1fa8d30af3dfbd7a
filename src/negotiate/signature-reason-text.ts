/** Reasons about certificates and signatures, in plain English. */
import type { CertificateCheck, CertificateFinding, Reason } from "./reason.ts";

/** The reasons that this file has sentences for. */
export type SignatureReason = Extract<
  Reason,
  {
    code:
      | "certificate-unreadable"
      | "certificate-refused"
      | "identity-not-in-certificate"
      | "unknown-key"
      | "wrong-signature"
      | "signature-not-allowed"
      | "no-common-signature";
  }
>;

/** One or two sentences without a full stop at the end. */
export function describeSignature(reason: SignatureReason): string {
  switch (reason.code) {
    case "certificate-unreadable":
      return `${reason.identity} sent a certificate that cannot be used: ${reason.fault}`;
    case "certificate-refused":
      return (
        `the certificate of ${reason.identity} does not hold: ${describeFinding(reason.finding)}; ` +
        `it sent ${list(reason.tried)}, and we trust ${reason.trusted}`
      );
    case "identity-not-in-certificate":
      return (
        `${reason.identity} is not in the certificate ${reason.certificate}, which is for ${list(reason.names)}; ` +
        (reason.inCommonName
          ? "it stands in the common name alone: allow that with allow: [common-name], or have the certificate name it"
          : "have the peer claim one of these, or give it a certificate with that name")
      );
    case "unknown-key":
      return (
        `${reason.identity} sent ${reason.sent}, and no key that we trust (${reason.trusted}) made its signature; ` +
        `tried: ${list(reason.tried)}`
      );
    case "wrong-signature":
      return (
        `the signature of ${reason.identity} (${reason.schemes.join(" or ")}) is not one of ${reason.key}: the peer signs ` +
        `with another key than its certificate's, or somebody has changed what it sent`
      );
    case "signature-not-allowed":
      return `${reason.identity} signs with ${reason.seen}, and we take ${list(reason.wanted)}`;
    case "no-common-signature":
      return `none of our keys signs as the peer can verify: we have ${list(reason.ours)}, the peer takes ${list(reason.theirs)}`;
  }
}

/** Which check, on which certificate, with both values. */
export function describeFinding({ check, certificate, depth, wanted, seen }: CertificateFinding): string {
  const where = depth === 0 ? "its own certificate" : `the certificate ${depth} above its own`;
  return `${checkText[check]} on ${where} (${certificate}): wanted ${wanted}, seen ${seen}`;
}

const checkText: Readonly<Record<CertificateCheck, string>> = {
  "unknown-authority": "no authority that we trust",
  limit: "too much to check",
  signature: "the issuer's signature is wrong",
  "signature-strength": "the issuer's signature is too weak",
  key: "the key cannot be used",
  "not-yet-valid": "not valid yet",
  expired: "expired",
  "not-an-authority": "it issues without being an authority",
  "path-length": "too many authorities below it",
  "key-usage": "the key is for something else",
  "extended-key-usage": "the certificate is for something else",
  "name-constraints": "an authority may not issue such names",
  "critical-extension": "a critical extension that is not known here",
  revoked: "revoked",
  "revocation-unknown": "nothing fresh says that it is not revoked",
};

function list(texts: readonly string[]): string {
  return texts.length === 0 ? "none" : texts.map((text) => (text.includes(",") ? `"${text}"` : text)).join(", ");
}
