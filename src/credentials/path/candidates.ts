/** Paths that may lead from a certificate to an authority, by names alone: nothing is verified here (RFC 5280 6.1, RFC 4158). */
import { compareOctets } from "../../negotiate/address.ts";
import type { Certificate } from "../certificate.ts";
import { sameName } from "../name.ts";
import type { TrustStore } from "../trust-store.ts";
import { type Steps, stepCosts } from "./steps.ts";

/** Certificates from the peer's own to the authority's, both included. */
export type Path = readonly [Certificate, ...Certificate[]];

/** The longest path: deeper hierarchies than six authorities have not been seen. */
export const longestPath = 8;
/** Paths that are tried in full, each with at most a signature per certificate. */
const mostPaths = 8;

export interface Candidates {
  readonly paths: readonly Path[];
  /** Where there is none: the longest piece of one. */
  readonly furthest: Path;
  /** Some were left out. */
  readonly limited: boolean;
}

/** Every path within the limits, those with matching key identifiers first. */
export function candidatePaths(
  leaf: Certificate,
  intermediates: readonly Certificate[],
  trust: TrustStore,
  steps: Steps,
): Candidates {
  const paths: Path[] = [];
  let furthest: Path = [leaf];
  let limited = false;
  // From there no authority was reached; coming there again by another way changes nothing.
  const deadEnds = new Set<Certificate>();
  const extend = (path: Path): void => {
    if (path.length > furthest.length) furthest = path;
    const last = path[path.length - 1] ?? leaf;
    const found = paths.length;
    for (const anchor of preferred(last, trust.anchorsNamed(last.issuer))) {
      if (paths.length === mostPaths) limited = true;
      else paths.push(last.fingerprint === anchor.fingerprint ? path : [...path, anchor]);
    }
    if (!steps.take(stepCosts.comparison * intermediates.length)) limited = true;
    if (limited) return;
    const fitting = intermediates.filter(
      (each) => sameName(each.subject, last.issuer) && !deadEnds.has(each) && !isOn(path, each),
    );
    if (fitting.length > 0 && path.length + 1 >= longestPath) limited = true;
    for (const next of preferred(last, fitting)) if (!limited) extend([...path, next]);
    if (paths.length === found) deadEnds.add(last);
  };
  extend([leaf]);
  return { paths, furthest, limited };
}

/** RFC 5280 6.1: no certificate twice; nor one with the same name and key, which leads nowhere else (RFC 4158 2.4.2). */
function isOn(path: Path, candidate: Certificate): boolean {
  return path.some(
    ({ spki, subject }) => compareOctets(spki, candidate.spki) === 0 && sameName(subject, candidate.subject),
  );
}

/** RFC 5280 4.2.1.1: of authorities with one name, the one with the key that the certificate names comes first. */
function preferred(certificate: Certificate, issuers: readonly Certificate[]): readonly Certificate[] {
  const wanted = certificate.extensions.authorityKeyId;
  if (wanted === undefined || issuers.length < 2) return issuers;
  const fits = ({ extensions: { subjectKeyId } }: Certificate): boolean =>
    subjectKeyId !== undefined && compareOctets(subjectKeyId, wanted) === 0;
  return [...issuers.filter(fits), ...issuers.filter((issuer) => !fits(issuer))];
}
