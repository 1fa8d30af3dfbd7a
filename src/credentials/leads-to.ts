/** Which of several sections a peer's certificates lead to, by names alone: a choice, and no proof of anything. */
import { type Certificate, readCertificate } from "./certificate.ts";
import { candidatePaths } from "./path/candidates.ts";
import { mostSteps, Steps } from "./path/steps.ts";
import type { PeerTrust } from "./peer-trust.ts";
import { isCertificate } from "./trust-store.ts";

/** Certificates of a message that are looked at. */
const mostCertificates = 16;

/** Answers for one message, whose certificates are read when first asked; `sent`: DER, the peer's own first. */
export function leadsTo(sent: readonly Uint8Array[]): (trust: PeerTrust) => boolean {
  let read: readonly Certificate[] | undefined;
  const steps = new Steps(mostSteps);
  return ({ store }) => {
    read ??= sent.slice(0, mostCertificates).map(readCertificate).filter(isCertificate);
    const [leaf, ...others] = read;
    if (leaf === undefined) return false;
    if (store.listed.has(leaf.fingerprint)) return true;
    const { publicKey } = leaf;
    if (store.pinned.size > 0 && !("reason" in publicKey) && store.pinned.has(publicKey.fingerprint)) return true;
    return candidatePaths(leaf, others, store, steps).paths.length > 0;
  };
}
