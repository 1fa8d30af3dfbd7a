/** What an end says of the proofs that it takes: hashes, authorities, methods (RFC 7427 4, RFC 7296 3.7, RFC 9593). */
import { type AuthAnnouncement, decodeAnnouncements } from "../../wire/ikev2/auth/announcements.ts";
import { decodeAuthorityHashes } from "../../wire/ikev2/auth/certificate-request.ts";
import { decodeHashAlgorithms } from "../../wire/ikev2/auth/hash-algorithms.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { certEncoding } from "../../wire/ikev2/registry/identity.ts";
import { hashAlgorithm, notifyType } from "../../wire/ikev2/registry/notify.ts";
import { findNotify } from "../payloads.ts";

/** All that a peer has said so far. */
export interface Wishes {
  /** Hashes that it verifies signatures with; undefined: it knows nothing of the method Digital Signature. */
  readonly hashes: readonly number[] | undefined;
  /** SHA-1 of the keys of the authorities that it trusts, in hexadecimal digits. */
  readonly authorities: ReadonlySet<string>;
  /** It wants an answer of our authority's responder along with our certificate (RFC 4806). */
  readonly ocspAnswer: boolean;
  /** The methods that it takes; undefined: it does not say. */
  readonly methods: readonly AuthAnnouncement[] | undefined;
}

export const noWishes: Wishes = { hashes: undefined, authorities: new Set(), ocspAnswer: false, methods: undefined };

/** Authorities that are kept of all a peer names, which has proved nothing yet: 25 KB, a hundred octets each. */
const mostAuthorities = 256;

/**
 * What an IKE_SA_INIT request says: hashes alone (RFC 7427 4). RFC 7296 3.7, RFC 9593 3.1: CERTREQ and SUPPORTED_AUTH_METHODS have their
 * places in its response and in the IKE_AUTH request; of who has not even shown its address nothing else is kept.
 */
export function firstWishes(payloads: readonly Payload[]): Wishes {
  const said = findNotify(payloads, notifyType.SIGNATURE_HASH_ALGORITHMS);
  return said === undefined ? noWishes : addWishes(noWishes, [said]);
}

/** What a message adds to what its sender has said before; whatever makes no sense adds nothing. */
export function addWishes(before: Wishes, payloads: readonly Payload[]): Wishes {
  let { hashes, methods, ocspAnswer } = before;
  const authorities = new Set(before.authorities);
  for (const payload of payloads) {
    if (payload.kind === "CERTREQ" && payload.encoding === certEncoding.X509_CERTIFICATE_SIGNATURE) {
      for (const each of decodeAuthorityHashes(payload.data))
        if (authorities.size < mostAuthorities) authorities.add(Buffer.from(each).toString("hex"));
    } else if (payload.kind === "CERTREQ" && payload.encoding === certEncoding.OCSP_CONTENT) {
      // RFC 4806 3.1: its hashes name responders that it trusts; ours answers for whoever its authority lets it.
      ocspAnswer = true;
    } else if (payload.kind === "N" && payload.type === notifyType.SIGNATURE_HASH_ALGORITHMS) {
      hashes = decodeHashAlgorithms(payload.data) ?? hashes;
    } else if (payload.kind === "N" && payload.type === notifyType.SUPPORTED_AUTH_METHODS) {
      methods = copied(decodeAnnouncements(payload.data)) ?? methods;
    }
  }
  return { hashes, authorities, ocspAnswer, methods };
}

/** The datagram's octets are not ours to keep. RFC 9593 3.1: an empty list says that it comes later. */
function copied(methods: readonly AuthAnnouncement[] | undefined): readonly AuthAnnouncement[] | undefined {
  if (methods === undefined || methods.length === 0) return undefined;
  return methods.map((one) => ({ ...one, algorithm: one.algorithm && Uint8Array.from(one.algorithm) }));
}

/** Registered names of hashes. */
export function hashNames(numbers: readonly number[]): readonly string[] {
  return numbers.map((number) => names.get(number) ?? `hash ${number}`);
}

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(hashAlgorithm).map(([name, number]) => [number, name]),
);
