/** What each address has shown that it would take: its own offers and its choices. */
import { findTransform } from "../crypto/transforms.ts";
import { formatWireProposal } from "../negotiate/proposal-text.ts";
import type { Proposal } from "../wire/ikev2/payloads/sa.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { transformType } from "../wire/ikev2/registry/transform.ts";

const maxProposals = 64;

/** Transform types in the order in which differences are looked for. */
const order: readonly number[] = [
  transformType.ENCR,
  transformType.INTEG,
  transformType.PRF,
  transformType.KE,
  transformType.ESN,
];

const words: Readonly<Record<number, string>> = {
  [transformType.ENCR]: "encryption",
  [transformType.INTEG]: "integrity",
  [transformType.PRF]: "the PRF",
  [transformType.KE]: "the key exchange",
  [transformType.ESN]: "extended sequence numbers",
};

/** The first type on which two lists have nothing in common, and each list's values of it. */
export interface FirstDifference {
  readonly what: string;
  readonly mine: string;
  readonly theirs: string;
}

/** Collects proposals by address and protocol. */
export class KnownLists {
  readonly #lists = new Map<string, Proposal[]>();

  /** An address offered these, or chose one of them. */
  learn(address: string, proposals: readonly Proposal[]): void {
    for (const proposal of proposals) {
      const key = `${address} ${proposal.protocolId}`;
      const list = this.#lists.get(key) ?? [];
      if (list.length < maxProposals) list.push(proposal);
      this.#lists.set(key, list);
    }
  }

  /** What is known of an address for that protocol. */
  of(address: string, protocol: number): readonly Proposal[] {
    return this.#lists.get(`${address} ${protocol}`) ?? [];
  }
}

/** In keywords, one proposal after the other. */
export function proposalsText(proposals: readonly Proposal[]): string {
  return proposals.map(formatWireProposal).join(" or ");
}

/** Between the two proposals that agree on the most; undefined where a pair agrees on all, or a list is empty. */
export function firstDifference(mine: readonly Proposal[], theirs: readonly Proposal[]): FirstDifference | undefined {
  let best: { readonly agreed: number; readonly difference: FirstDifference } | undefined;
  for (const own of mine) {
    for (const other of theirs) {
      const found = compare(own, other);
      if (found === undefined) return undefined;
      if (best === undefined || found.agreed > best.agreed) best = found;
    }
  }
  return best?.difference;
}

function compare(own: Proposal, other: Proposal): { agreed: number; difference: FirstDifference } | undefined {
  let difference: FirstDifference | undefined;
  let agreed = 0;
  for (const type of order) {
    const [a, b] = [valuesOf(own, type), valuesOf(other, type)];
    if ((a.length === 0 && b.length === 0) || a.some((value) => b.includes(value))) agreed += 1;
    else difference ??= { what: words[type] ?? "", mine: a.join(" or ") || "none", theirs: b.join(" or ") || "none" };
  }
  return difference === undefined ? undefined : { agreed, difference };
}

const tableTypes = { 1: "ENCR", 2: "PRF", 3: "INTEG", 4: "KE", 5: "ESN" } as const;

function valuesOf(proposal: Proposal, type: number): string[] {
  return proposal.transforms
    .filter((transform) => transform.type === type)
    .map(({ id, keyLength }) => {
      const table = type >= 1 && type <= 5 ? tableTypes[type as 1 | 2 | 3 | 4 | 5] : undefined;
      const row = table === undefined ? undefined : findTransform(table, id, keyLength);
      return row?.keyword ?? nameOf.transform(type, id);
    })
    .filter((word) => word !== "none" && word !== "noesn" && word !== "NONE");
}
