/** Proposals in keywords, and the first thing on which two lists differ: what people read when nothing fits. */

import type { IntegTransform } from "../crypto/transforms/integ.ts";
import { findTransform, type TransformType, transforms } from "../crypto/transforms.ts";
import type { Proposal, Transform as WireTransform } from "../wire/ikev2/payloads/sa.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import type { Alternative } from "./alternatives.ts";
import type { ProposalDifference } from "./reason.ts";
import type { ProposalProtocol } from "./suite.ts";

/** `aes256gcm16-prfsha384-x25519`; as in the configuration, a PRF that the INTEG implies and a lone `noesn` go unsaid. */
export function formatAlternative({ rows }: Alternative): string {
  return joinKeywords(new Map(textOrder.map((type) => [type, rows[type].map(({ keyword }) => keyword)])));
}

/** A proposal from the wire in keywords; what we do not know prints by its registered name or its number. */
export function formatWireProposal(proposal: Proposal): string {
  return joinKeywords(wordsOf(proposal)) || "nothing";
}

/**
 * Where the two proposals that agree on the most types first differ; undefined where one list is empty or a pair agrees on
 * every type.
 */
export function describeDifference(
  policy: { readonly protocol: ProposalProtocol; readonly withKe: boolean },
  ours: readonly Alternative[],
  theirs: readonly Proposal[],
): ProposalDifference | undefined {
  let best: { readonly difference: ProposalDifference; readonly agreed: number } | undefined;
  for (const alternative of ours) {
    for (const proposal of theirs) {
      const found = compare(policy, alternative, proposal);
      if (found !== undefined && (best === undefined || found.agreed > best.agreed)) best = found;
    }
  }
  return best?.difference;
}

function compare(
  policy: { readonly protocol: ProposalProtocol; readonly withKe: boolean },
  alternative: Alternative,
  proposal: Proposal,
): { readonly difference: ProposalDifference; readonly agreed: number } | undefined {
  const words = wordsOf(proposal);
  const disagreements: Pick<ProposalDifference, "transformType" | "oursOfType" | "theirsOfType">[] = [];
  const protocol = nameOf.protocol(proposal.protocolId).toLowerCase();
  if (protocol !== policy.protocol) {
    disagreements.push({ transformType: "protocol", oursOfType: [policy.protocol], theirsOfType: [protocol] });
  }
  let agreed = 0;
  for (const type of new Set<string>([...textOrder, ...words.keys()])) {
    if (type === "KE" && policy.protocol !== "ike" && !policy.withKe) continue;
    const oursOfType = isKnownType(type) ? alternative.rows[type].map(({ keyword }) => keyword) : [];
    const theirsOfType = words.get(type) ?? [];
    if (agrees(oursOfType, theirsOfType, type)) agreed += 1;
    else disagreements.push({ transformType: type, oursOfType, theirsOfType });
  }
  const [first] = disagreements;
  if (first === undefined) return undefined;
  const difference = { ours: formatAlternative(alternative), theirs: formatWireProposal(proposal), ...first };
  // Another protocol is farther away than any difference within the right one.
  return { difference, agreed: first.transformType === "protocol" ? -1 : agreed };
}

function agrees(ours: readonly string[], theirs: readonly string[], type: string): boolean {
  if (ours.length > 0) return ours.some((word) => theirs.includes(word));
  return theirs.length === 0 || ((type === "INTEG" || type === "KE") && theirs.includes("none"));
}

function wordsOf(proposal: Proposal): Map<string, string[]> {
  const words = new Map<string, string[]>(textOrder.map((type) => [type, []]));
  for (const transform of proposal.transforms) {
    const type = nameOf.transformType(transform.type);
    const list = words.get(type) ?? [];
    const word = wordOf(type, transform);
    if (!list.includes(word)) list.push(word);
    words.set(type, list);
  }
  return words;
}

function wordOf(type: string, { id, keyLength, attributes, type: number }: WireTransform): string {
  if (isKnownType(type) && attributes === undefined) {
    if (id === 0 && keyLength === undefined && (type === "INTEG" || type === "KE")) return "none";
    const row = keyLength === 0 ? undefined : findTransform(type, id, keyLength);
    if (row !== undefined) return row.keyword;
  }
  const name = nameOf.transform(number, id).replaceAll(" ", "_");
  const length = keyLength === undefined ? "" : `_${keyLength}`;
  const extras = attributes?.map((attribute) => `+attribute_${attribute.type}`).join("") ?? "";
  return `${name}${length}${extras}`;
}

/** Keywords by type, in that order, as one proposal. */
export function joinKeywords(words: ReadonlyMap<string, readonly string[]>): string {
  const said: string[] = [];
  for (const [type, list] of words) {
    if (type === "PRF" && implied(words.get("INTEG") ?? [], list)) continue;
    if (list.length === 1 && unsaid.has(`${type} ${list[0]}`)) continue;
    said.push(...list);
  }
  if (said.length <= maximumWords) return said.join("-");
  return `${said.slice(0, maximumWords).join("-")}-and_${said.length - maximumWords}_more`;
}

function implied(integ: readonly string[], prf: readonly string[]): boolean {
  if (prf.length === 0 || integ.length !== prf.length) return false;
  return integ.every((word, i) => impliedPrf.get(word) === prf[i]);
}

function isKnownType(type: string): type is TransformType {
  return textOrder.some((known) => known === type);
}

const impliedPrf: ReadonlyMap<string, string | undefined> = new Map(
  transforms
    .filter((row): row is IntegTransform => row.type === "INTEG")
    .map(({ keyword, impliedPrf }) => [keyword, impliedPrf]),
);

/** As proposals are written in the configuration, and the order in which differences are looked for. */
export const textOrder: readonly TransformType[] = ["ENCR", "INTEG", "PRF", "KE", "ESN"];

const unsaid: ReadonlySet<string> = new Set(["ESN noesn", "INTEG none", "KE none"]);

/** A peer may send 255 transforms in a proposal. */
const maximumWords = 32;
