import { parseProposal } from "../../../src/crypto/keywords.ts";
import { findKeyword, type Transform } from "../../../src/crypto/transforms.ts";
import type { DesiredProposal } from "../../../src/negotiate/alternatives.ts";
import type { ProposalPolicy } from "../../../src/negotiate/proposals.ts";
import type { ProposalProtocol } from "../../../src/negotiate/suite.ts";

/** A policy from proposals as the configuration writes them. */
export function policy<P extends ProposalProtocol>(protocol: P, texts: string[], withKe = true): ProposalPolicy<P> {
  return { protocol, ours: texts.map((text) => ({ transforms: parseProposal(text, protocol) })), withKe };
}

/** A proposal of rows that the configuration's own rules would not let stand together. */
export function rows(...keywords: string[]): DesiredProposal {
  return { transforms: keywords.map(row) };
}

export function row(keyword: string): Transform {
  const found = findKeyword(keyword);
  if (found === undefined) throw new Error(`no row ${keyword}`);
  return found;
}
