/** Configured proposals brought into the form in which they may be offered: complete, and AEAD apart from the rest. */
import { findTransform, type Transform, type TransformType } from "../crypto/transforms.ts";
import type { ProposalProtocol, RowOf } from "./suite.ts";

/** One proposal as configured: every transform in it may be chosen, one of each type (RFC 7296 3.3). */
export interface DesiredProposal {
  readonly transforms: readonly Transform[];
}

/** One proposal that can go on the wire: of each type that its protocol needs at least one row, of the others none. */
export interface Alternative {
  readonly protocol: ProposalProtocol;
  readonly rows: { readonly [T in TransformType]: readonly RowOf<T>[] };
}

/**
 * What a list of configured proposals comes to, in its order.
 *
 * An AEAD cipher has no INTEG and others must have one (RFC 7296 3.3; RFC 8221 4 forbids encryption alone), so a proposal
 * with both kinds becomes two, first the kind named first. Transforms that the protocol has no use for, and rows that are
 * decode-only, fall out; ESP and AH without a word on ESN mean `noesn`; what is then incomplete or there already is left out.
 */
export function alternatives(list: ProposalList): readonly Alternative[] {
  const key = `${list.protocol} ${list.withKe} ${list.isInAh === true}`;
  const known = cache.get(list.ours)?.get(key);
  if (known !== undefined) return known;
  const found = compute(list);
  cache.set(list.ours, new Map([...(cache.get(list.ours) ?? []), [key, found]]));
  return found;
}

/** Configured proposals, and what they are for. */
export interface ProposalList {
  readonly protocol: ProposalProtocol;
  readonly ours: readonly DesiredProposal[];
  readonly withKe: boolean;
  /** AH stands around the ESP, which then needs no integrity of its own (RFC 8221 4). */
  readonly isInAh?: boolean;
}

/** By the configured list, which never changes: computing it took most of the 12 us of a choice. */
const cache = new WeakMap<readonly DesiredProposal[], ReadonlyMap<string, readonly Alternative[]>>();

function compute(list: ProposalList): readonly Alternative[] {
  const found = new Map<string, Alternative>();
  for (const desired of list.ours) {
    for (const alternative of split(desired, list)) {
      const key = Object.values(alternative.rows).flat().map(identify).join(" ");
      found.set(key, alternative);
    }
  }
  return [...found.values()];
}

function split({ transforms }: DesiredProposal, { protocol, withKe, isInAh }: ProposalList): Alternative[] {
  const usable = [...new Set(transforms)].filter(
    (row) => row.decodeOnly === undefined && serves(row, protocol, withKe),
  );
  const of = <T extends TransformType>(type: T): RowOf<T>[] =>
    usable.filter((row): row is RowOf<T> => row.type === type);
  const esn = of("ESN");
  const rows = {
    ENCR: of("ENCR"),
    PRF: of("PRF"),
    INTEG: of("INTEG"),
    KE: of("KE"),
    ESN: protocol === "ike" || esn.length > 0 ? esn : noEsn,
  };
  if (protocol === "ike" && (rows.PRF.length === 0 || rows.KE.length === 0)) return [];
  if (protocol === "ah") return rows.INTEG.length > 0 ? [{ protocol, rows }] : [];
  const aead = rows.ENCR.filter((row) => row.aead);
  const others = rows.ENCR.filter((row) => !row.aead);
  const both: Alternative[] = [];
  if (aead.length > 0) both.push({ protocol, rows: { ...rows, ENCR: aead, INTEG: [] } });
  if (others.length > 0 && (rows.INTEG.length > 0 || isInAh === true))
    both.push({ protocol, rows: { ...rows, ENCR: others } });
  return rows.ENCR[0]?.aead === false ? both.reverse() : both;
}

/** RFC 7296 3.3.3: which transform types a protocol has. */
function serves(row: Transform, protocol: ProposalProtocol, withKe: boolean): boolean {
  switch (row.type) {
    case "ENCR":
      return protocol !== "ah" && row.uses[protocol];
    case "INTEG":
      return row.uses[protocol];
    case "PRF":
      return protocol === "ike";
    case "KE":
      return protocol === "ike" || withKe;
    case "ESN":
      return protocol !== "ike";
  }
}

function identify(row: Transform): string {
  return `${row.type}:${row.keyword}`;
}

const noEsn: readonly RowOf<"ESN">[] = [findTransform("ESN", 0)].filter((row) => row !== undefined);
