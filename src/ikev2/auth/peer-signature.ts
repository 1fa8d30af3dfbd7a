/** A peer that signs: what AUTH and CERT hold, and whether that proves who it is (RFC 7296 2.15, 3.6, 3.8). */
import { allowedUrl } from "../../credentials/certificate-place.ts";
import type { CertificateReference, SignatureProof } from "../../credentials/examine.ts";
import type { Reason } from "../../negotiate/reason.ts";
import { decodeHashAndUrl } from "../../wire/ikev2/auth/hash-and-url.ts";
import type { CertPayload } from "../../wire/ikev2/payloads/identity.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { certEncoding } from "../../wire/ikev2/registry/identity.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { signedOctets } from "../psk-auth.ts";
import type { VerifyingMethod } from "./method.ts";
import { readSignature, signatureMethods } from "./signature-schemes.ts";

/** CERT payloads that are looked at: the messages of a peer that has proved nothing are bounded, and so is what they cost. */
const mostCertificates = 16;

/** Of them, those that are looked up. */
const mostReferences = 4;

export const peerSignature: VerifyingMethod<"trust"> = {
  label: "a signature",
  numbers: signatureMethods,
  verify(sa, { trust }, { identity, auth, signed, payloads }, then) {
    const prf = sa.keying?.suite.prf;
    if (prf === undefined) return;
    const read = readSignature(auth, trust.sha1);
    if ("seen" in read) return then({ code: "signature-not-allowed", identity: identity.text, ...read });
    const sent = readCertificates(payloads, trust.places ?? []);
    if ("fault" in sent) return then({ code: "certificate-unreadable", identity: identity.text, fault: sent.fault });
    const proof: SignatureProof = {
      ...sent,
      identity,
      schemes: read.schemes,
      refused: read.refused,
      curve: read.curve,
      octets: signedOctets(prf, signed),
      signature: Uint8Array.from(read.signature),
    };
    sa.host.compute(sa, { kind: "examine", proof, trust }, (result) => {
      if (result.kind === "proven") then(undefined);
      else if (result.kind === "refused") then(result.reason satisfies Reason);
    });
  },
};

type Sent = Pick<SignatureProof, "certificates" | "references" | "rawKey" | "ocspAnswers">;

/** The certificates of a message, the sender's own first; views of its octets. */
export function sentCertificates(payloads: readonly Payload[]): readonly Uint8Array[] {
  return payloads.flatMap((one) =>
    one.kind === "CERT" && one.encoding === certEncoding.X509_CERTIFICATE_SIGNATURE ? [one.data] : [],
  );
}

/** What of the CERT payloads is used here; of the first, which is the peer's own, nothing else is taken (RFC 7296 3.6). */
function readCertificates(payloads: readonly Payload[], places: readonly string[]): Sent | { readonly fault: string } {
  const certificates: Uint8Array[] = [];
  const references: CertificateReference[] = [];
  const ocspAnswers: Uint8Array[] = [];
  let rawKey: Uint8Array | undefined;
  let seen = 0;
  for (const payload of payloads) {
    if (payload.kind !== "CERT") continue;
    seen += 1;
    if (seen > mostCertificates) break;
    if (isCertificate(payload.encoding)) certificates.push(Uint8Array.from(payload.data));
    else if (payload.encoding === certEncoding.OCSP_CONTENT) ocspAnswers.push(Uint8Array.from(payload.data));
    else if (payload.encoding === certEncoding.RAW_PUBLIC_KEY) rawKey ??= Uint8Array.from(payload.data);
    else if (isReference(payload.encoding) && places.length > 0) {
      const reference = readReference(payload, places);
      if (!("fault" in reference)) {
        if (references.length < mostReferences) references.push({ ...reference, after: certificates.length });
      } else if (seen === 1) return reference;
    } else if (seen === 1) return { fault: `it is encoded as ${nameOf.cert(payload.encoding)}` };
  }
  return { certificates, ...(references.length > 0 && { references }), rawKey, ocspAnswers };
}

function isReference(encoding: number): boolean {
  return encoding === certEncoding.HASH_AND_URL_X509_CERTIFICATE || encoding === certEncoding.HASH_AND_URL_X509_BUNDLE;
}

function readReference(
  { encoding, data }: CertPayload,
  places: readonly string[],
): Omit<CertificateReference, "after"> | { readonly fault: string } {
  const read = decodeHashAndUrl(data);
  if (read === undefined) return { fault: "it names no URL that can be asked" };
  const url = allowedUrl(read.url, places);
  if (url === undefined)
    return { fault: `it is at ${read.url}, which is none of certificate-urls: ${places.join(", ")}` };
  return { hash: read.hash.slice(), url, bundle: encoding === certEncoding.HASH_AND_URL_X509_BUNDLE };
}

/** PKCS #7 is what peers from before RFC 7296 send. */
function isCertificate(encoding: number): boolean {
  const { X509_CERTIFICATE_SIGNATURE, PKCS7_WRAPPED_X509_CERTIFICATE } = certEncoding;
  return encoding === X509_CERTIFICATE_SIGNATURE || encoding === PKCS7_WRAPPED_X509_CERTIFICATE;
}
