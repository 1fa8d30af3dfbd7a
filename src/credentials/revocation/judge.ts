/** Whether certificates of a path were revoked (RFC 5280 6.3, RFC 6960 3.2): from what was fetched, without fetching. */

import type { CertificateFinding } from "../../negotiate/reason.ts";
import type { Certificate } from "../certificate.ts";
import { type GeneralName, generalNameText } from "../general-name.ts";
import { sameName } from "../name.ts";
import type { Path } from "../path/candidates.ts";
import { refusal } from "../path/refusal.ts";
import type { RevocationPolicy } from "../peer-trust.ts";
import { isAnsweredFor, type OcspAnswer, singleFor } from "./ocsp.ts";
import type { RevocationList, Revoked } from "./revocation-list.ts";

/** What is known; nothing of it is trusted before it was verified for the very certificate. */
export interface RevocationEvidence {
  readonly lists: readonly RevocationList[];
  readonly answers: readonly OcspAnswer[];
}

export type RevocationStatus =
  | { readonly kind: "good" }
  | { readonly kind: "revoked"; readonly revoked: Revoked; readonly by: "list" | "answer" }
  | { readonly kind: "unknown"; readonly why: string };

/** Where more can be learnt about one certificate of a path that is trusted already. */
export interface RevocationSource {
  readonly kind: "list" | "answer";
  readonly url: string;
  readonly certificate: Certificate;
  readonly issuer: Certificate;
}

/** Two clocks may differ by that. */
const clockSkew = 300_000;
/** How long something without an end counts (RFC 5280 5.1.2.5 has lists with one always). */
const endless = 86_400_000;
const mostSources = 2;

/** Why the policy does not take the path. `at`: ms since 1970. */
export function judgeRevocation(
  path: Path,
  policy: RevocationPolicy,
  evidence: RevocationEvidence,
  at: number,
): CertificateFinding | undefined {
  if (policy === "off") return undefined;
  // The authority's first: what a revoked one says about those below counts for nothing.
  for (let depth = path.length - 2; depth >= 0; depth--) {
    const [certificate, issuer] = [path[depth], path[depth + 1]];
    if (certificate === undefined || issuer === undefined) continue;
    const status = revocationStatus(certificate, issuer, evidence, at);
    if (status.kind === "revoked") {
      const { since, reason } = status.revoked;
      const by = status.by === "list" ? "its authority's list" : "its authority's responder";
      const seen = `revoked at ${new Date(since).toISOString()} (${reason}), says ${by}`;
      return refusal("revoked", certificate, depth, "a certificate that is not revoked", seen);
    }
    if (status.kind === "unknown" && policy === "strict")
      return refusal("revocation-unknown", certificate, depth, "a fresh list or answer of its authority", status.why);
  }
  return undefined;
}

/** Of one certificate, whatever the policy. What says `revoked` counts above what says `good`. */
export function revocationStatus(
  certificate: Certificate,
  issuer: Certificate,
  evidence: RevocationEvidence,
  at: number,
): RevocationStatus {
  const fromAnswers = byAnswers(certificate, issuer, evidence.answers, at);
  const fromLists = byLists(certificate, issuer, evidence.lists, at);
  if (fromAnswers.kind === "revoked") return fromAnswers;
  if (fromLists.kind !== "unknown") return fromLists;
  if (fromAnswers.kind === "good") return fromAnswers;
  return { kind: "unknown", why: `${fromAnswers.why}, and ${fromLists.why}` };
}

/** Where to ask about the certificates of which nothing is known: responders, or with `lists` the lists too. */
export function revocationSources(
  path: Path,
  evidence: RevocationEvidence,
  at: number,
  kind: RevocationSource["kind"],
): readonly RevocationSource[] {
  return path.slice(0, -1).flatMap((certificate, depth) => {
    const issuer = path[depth + 1];
    if (issuer === undefined) return [];
    const urls =
      revocationStatus(certificate, issuer, evidence, at).kind === "unknown" ? urlsOf(certificate, kind) : [];
    const fresher = kind === "list" ? deltaUrls(certificate, issuer, evidence, at) : [];
    return [...urls, ...fresher].map((url) => ({ kind, url, certificate, issuer }));
  });
}

function urlsOf({ extensions }: Certificate, kind: RevocationSource["kind"]): readonly string[] {
  if (kind === "answer") return (extensions.ocspLocations ?? []).filter(canFetch).slice(0, mostSources);
  const points = (extensions.distributionPoints ?? []).filter(({ indirect, partial }) => !indirect && !partial);
  return points.flatMap(({ names }) => names.flatMap(urlOf)).slice(0, mostSources);
}

/** RFC 5280 5.2.6: a delta, where a whole list is there and says where its changes are. */
function deltaUrls(
  certificate: Certificate,
  issuer: Certificate,
  { lists }: RevocationEvidence,
  at: number,
): readonly string[] {
  const base = newest(lists.filter((list) => list.deltaBase === undefined && isAbout(list, certificate, issuer, at)));
  if (base === undefined || lists.some((list) => isDeltaOf(list, base) && isAbout(list, certificate, issuer, at)))
    return [];
  const points = certificate.extensions.freshestPoints ?? base.freshestPoints;
  return points.flatMap(({ names }) => names.flatMap(urlOf)).slice(0, 1);
}

function urlOf(name: GeneralName): readonly string[] {
  return name.kind === "uri" && canFetch(name.text) ? [name.text] : [];
}

function canFetch(url: string): boolean {
  return /^https?:\/\/[^/]/i.test(url) && url.length <= 1024;
}

function byAnswers(
  certificate: Certificate,
  issuer: Certificate,
  answers: readonly OcspAnswer[],
  at: number,
): RevocationStatus {
  let known: RevocationStatus = { kind: "unknown", why: "no answer of a responder" };
  for (const answer of answers) {
    const single = singleFor(answer, certificate, issuer);
    if (single === undefined) continue;
    if (!isFresh(single, at)) known = preferGood(known, "the responder's answer is too old, or from the future");
    else if (!isAnsweredFor(answer, issuer, at))
      known = preferGood(known, "the answer is not signed by a responder of its authority");
    else if (single.status === "unknown") known = preferGood(known, "the responder does not know it");
    else if (single.status === "good") known = { kind: "good" };
    else return { kind: "revoked", revoked: single.status, by: "answer" };
  }
  return known;
}

function preferGood(known: RevocationStatus, why: string): RevocationStatus {
  return known.kind === "good" ? known : { kind: "unknown", why };
}

function byLists(
  certificate: Certificate,
  issuer: Certificate,
  lists: readonly RevocationList[],
  at: number,
): RevocationStatus {
  const usable = lists.filter((list) => isAbout(list, certificate, issuer, at));
  const base = newest(usable.filter(({ deltaBase }) => deltaBase === undefined));
  if (base === undefined) {
    const stale = lists.some((list) => sameName(list.issuer, certificate.issuer) && !isFresh(list, at));
    return { kind: "unknown", why: stale ? "its authority's list is too old" : "no list of its authority" };
  }
  const delta = newest(usable.filter((list) => isDeltaOf(list, base)));
  const change = delta?.entries.get(certificate.serial);
  // RFC 5280 5.2.4: what a delta says about a certificate takes the place of what the whole list says.
  const revoked = change ?? base.entries.get(certificate.serial);
  if (revoked === undefined || revoked.reason === "removeFromCRL") return { kind: "good" };
  return { kind: "revoked", revoked, by: "list" };
}

/** RFC 5280 6.3.3 (b), (c), (f), (g): its scope has the certificate, and the certificate's own authority signed it. */
function isAbout(list: RevocationList, certificate: Certificate, issuer: Certificate, at: number): boolean {
  if (list.unknownCritical !== undefined || !sameName(list.issuer, certificate.issuer) || !isFresh(list, at))
    return false;
  if (list.scope !== undefined && !isInScope(list.scope, certificate)) return false;
  const { keyUsage } = issuer.extensions;
  return (keyUsage === undefined || keyUsage.has("cRLSign")) && list.isSignedBy(issuer);
}

function isInScope(
  { names, onlyHosts, onlyAuthorities, beyondUs }: NonNullable<RevocationList["scope"]>,
  { extensions }: Certificate,
): boolean {
  const isAuthority = extensions.basicConstraints?.ca === true;
  if (beyondUs || (onlyHosts && isAuthority) || (onlyAuthorities && !isAuthority)) return false;
  if (names.length === 0) return true;
  // RFC 5280 6.3.3 (b) (2) (i): else a list of the same authority for other certificates would clear this one.
  const own = new Set((extensions.distributionPoints ?? []).flatMap((point) => point.names.map(generalNameText)));
  return names.some((name) => own.has(generalNameText(name)));
}

function isDeltaOf(list: RevocationList, base: RevocationList): boolean {
  const { deltaBase, number } = list;
  if (deltaBase === undefined || number === undefined || base.number === undefined) return false;
  return deltaBase <= base.number && number > base.number;
}

function isFresh(
  { thisUpdate, nextUpdate }: { readonly thisUpdate: number; readonly nextUpdate: number | undefined },
  at: number,
): boolean {
  return at >= thisUpdate - clockSkew && at < (nextUpdate ?? thisUpdate + endless) + clockSkew;
}

function newest(lists: readonly RevocationList[]): RevocationList | undefined {
  return lists.reduce<RevocationList | undefined>(
    (best, list) => (best === undefined || list.thisUpdate > best.thisUpdate ? list : best),
    undefined,
  );
}
