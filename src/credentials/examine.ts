/** Whether a peer's signature and certificates prove the identity that it claims: octets and trust in, a verdict out. */
import { type SignatureCurve, signatureCurves } from "../crypto/signature/curves.ts";
import { KeyError } from "../crypto/signature/key-error.ts";
import { importPublicKey, type PublicKey } from "../crypto/signature/public-key.ts";
import { type SignatureScheme, schemeName } from "../crypto/signature/scheme.ts";
import { verifySignature } from "../crypto/signature/verify.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import { Certificate, type CertificateFault, readCertificate } from "./certificate.ts";
import { hasIdentity, namesOfCertificate, onlyCommonName } from "./claimed-identity.ts";
import { sameName } from "./name.ts";
import type { Path } from "./path/candidates.ts";
import { validatePath } from "./path/validate.ts";
import type { PeerTrust } from "./peer-trust.ts";
import { readPkcs7 } from "./pkcs7.ts";

/** A certificate, or a bundle of some, that a peer names instead of sending it (RFC 7296 3.6). */
export interface CertificateReference {
  /** SHA-1 of what stands there. */
  readonly hash: Uint8Array;
  /** At one of the places that its section allows. */
  readonly url: string;
  readonly bundle: boolean;
  /** How many of the certificates that were sent come before it. */
  readonly after: number;
}

/** What a peer has shown. Nothing of it is trusted, and all of it is bounded by the message that it came in. */
export interface SignatureProof {
  readonly identity: Identity;
  /** DER, the peer's own first, then whatever it sent beside it; each a certificate, or PKCS #7 around some (RFC 7296 3.6). */
  readonly certificates: readonly Uint8Array[];
  /** What has still to be looked up; nothing is examined of it. */
  readonly references?: readonly CertificateReference[];
  /** A SubjectPublicKeyInfo in place of a certificate (RFC 7670). */
  readonly rawKey: Uint8Array | undefined;
  /** What the signature may be; the first that holds counts. */
  readonly schemes: readonly SignatureScheme[];
  /** What it may be besides, and is not taken as: for the reason alone. */
  readonly refused?: readonly SignatureScheme[] | undefined;
  /** The curve that the method demands. */
  readonly curve?: SignatureCurve | undefined;
  readonly octets: Uint8Array;
  readonly signature: Uint8Array;
  /** Answers of responders that the peer sent along (RFC 4806). */
  readonly ocspAnswers?: readonly Uint8Array[];
}

export type ProofVerdict =
  /** `path`: what vouches for the key, from the peer's own certificate on; none where the key is trusted by itself. */
  | { readonly kind: "proven"; readonly path: Path | undefined; readonly key: string; readonly scheme: SignatureScheme }
  | { readonly kind: "refused"; readonly reason: Reason };

/** Certificates of one message that are read. */
const mostCertificates = 16;

/** Keys that are tried for a peer that sends no certificate. */
const mostKeys = 16;

/** Never throws. `at`: ms since 1970. Does not ask whether anything was revoked. */
export function examineProof(proof: SignatureProof, trust: PeerTrust, at: number): ProofVerdict {
  if (proof.certificates.length > 0) return byCertificate(proof, trust, at);
  return byKey(proof, trust, at);
}

function byCertificate(proof: SignatureProof, trust: PeerTrust, at: number): ProofVerdict {
  const certificates: Certificate[] = [];
  for (const [index, der] of proof.certificates.slice(0, mostCertificates).entries()) {
    const read = readSent(der);
    if (!("fault" in read)) certificates.push(...read.slice(0, mostCertificates - certificates.length));
    // Of what is sent beside its own, some may be for others.
    else if (index === 0) return refuse(unreadable(proof.identity, read.sentence));
  }
  const [leaf, ...intermediates] = certificates;
  if (leaf === undefined) return refuse(unreadable(proof.identity, "none was sent"));
  const outcome = validatePath({
    leaf,
    intermediates,
    trust: trust.store,
    at,
    allowSha1: trust.sha1,
    anyPurpose: trust.anyPurpose,
  });
  const tried = certificates.map(({ label }) => label);
  const identity = proof.identity.text;
  if (outcome.kind === "refused")
    return refuse({ code: "certificate-refused", identity, tried, trusted: trust.name, finding: outcome.refusal });
  const vouched = outcome.trustedBy !== "authority" && trust.bound;
  if (!vouched && !hasIdentity(leaf, proof.identity, trust.commonName))
    return refuse(identityMissing(leaf, proof.identity));
  const { publicKey } = leaf;
  if (publicKey instanceof KeyError) return refuse(unreadable(proof.identity, publicKey.message));
  const scheme = holding(publicKey, proof);
  if (scheme === undefined) return refuse(wrongSignature(proof, publicKey, `${leaf.label} (${publicKey})`));
  return { kind: "proven", path: outcome.path, key: publicKey.toString(), scheme };
}

/** A certificate, or those inside PKCS #7: a set, in which the peer's own is the one that has issued none of the others. */
function readSent(der: Uint8Array): readonly Certificate[] | CertificateFault {
  const read = readCertificate(der);
  if (read instanceof Certificate) return [read];
  const wrapped = readPkcs7(der);
  if ("fault" in wrapped) return read;
  const issues = (one: Certificate) => wrapped.some((other) => other !== one && sameName(other.issuer, one.subject));
  return [...wrapped.filter((one) => !issues(one)), ...wrapped.filter(issues)];
}

/** A peer that sends its key, or nothing: what its section lists is tried. */
function byKey(proof: SignatureProof, trust: PeerTrust, at: number): ProofVerdict {
  const keys = candidates(proof, trust);
  for (const { publicKey, certificate } of keys.slice(0, mostKeys)) {
    const scheme = holding(publicKey, proof);
    if (scheme === undefined) continue;
    if (certificate !== undefined) return byCertificate({ ...proof, certificates: [certificate.der] }, trust, at);
    return { kind: "proven", path: undefined, key: publicKey.toString(), scheme };
  }
  const tried = keys.map(({ publicKey }) => publicKey.toString());
  return refuse({
    code: "unknown-key",
    identity: proof.identity.text,
    sent: proof.rawKey === undefined ? "neither a certificate nor a key" : shown(proof.rawKey),
    tried,
    trusted: trust.name,
  });
}

interface Candidate {
  readonly publicKey: PublicKey;
  readonly certificate?: Certificate;
}

function candidates({ rawKey }: SignatureProof, trust: PeerTrust): readonly Candidate[] {
  if (rawKey !== undefined) {
    const publicKey = importKey(rawKey);
    return publicKey !== undefined && trust.store.pinned.has(publicKey.fingerprint) ? [{ publicKey }] : [];
  }
  const listed = trust.listed.flatMap((certificate): Candidate[] => {
    const { publicKey } = certificate;
    return publicKey instanceof KeyError ? [] : [{ publicKey, certificate }];
  });
  return [...trust.keys.map((publicKey) => ({ publicKey })), ...listed];
}

function holding(key: PublicKey, { schemes, curve, octets, signature }: SignatureProof): SignatureScheme | undefined {
  if (curve !== undefined && !(key.algorithm.kind === "ec" && key.algorithm.curve === curve)) return undefined;
  return schemes.find((scheme) => verifySignature(key, scheme, octets, signature));
}

function importKey(spki: Uint8Array): PublicKey | undefined {
  try {
    return importPublicKey(spki);
  } catch (error) {
    if (error instanceof KeyError) return undefined;
    throw error;
  }
}

function shown(spki: Uint8Array): string {
  return importKey(spki)?.toString() ?? "a key that cannot be used";
}

function identityMissing(leaf: Certificate, identity: Identity): Reason {
  return {
    code: "identity-not-in-certificate",
    identity: identity.text,
    certificate: leaf.label,
    names: namesOfCertificate(leaf),
    inCommonName: onlyCommonName(leaf, identity),
  };
}

/** Why what a peer sent in CERT cannot be used. */
export function unreadable(identity: Identity, fault: string): Reason {
  return { code: "certificate-unreadable", identity: identity.text, fault };
}

function wrongSignature(proof: SignatureProof, publicKey: PublicKey, key: string): Reason {
  const { identity, schemes, refused = [], curve } = proof;
  const weak = holding(publicKey, { ...proof, schemes: refused });
  if (weak !== undefined) {
    const wanted = schemes.map(schemeName);
    return { code: "signature-not-allowed", identity: identity.text, seen: schemeName(weak), wanted };
  }
  const on = curve === undefined ? "" : ` on ${signatureCurves[curve].name}`;
  return { code: "wrong-signature", identity: identity.text, key, schemes: schemes.map((one) => schemeName(one) + on) };
}

function refuse(reason: Reason): ProofVerdict {
  return { kind: "refused", reason };
}
