/** Negotiating traffic selectors (RFC 7296 2.9): what we send, the responder's narrowing, the initiator's check. */
import type { Selector as WireSelector } from "../wire/ikev2/payloads/selectors.ts";
import type { Reason } from "./reason.ts";
import type { Selector } from "./selector.ts";
import {
  formatChildSelectors,
  formatSelectorLists,
  formatTrafficSelector,
  type SelectorLists,
  selectorDifference,
} from "./selector-text.ts";
import {
  type ChildSelectors,
  coversSelector,
  dropCovered,
  inexpressible,
  intersectSelectors,
  joinSelectors,
  kernelSelector,
  packetSelectors,
  type TrafficSelector,
} from "./traffic-selector.ts";

/** The bodies of a TSi and a TSr payload. */
export interface SelectorOffer {
  readonly tsi: readonly WireSelector[];
  readonly tsr: readonly WireSelector[];
}

/**
 * How what was agreed stands to what was asked: `same`; `ours`: the peer offered more than we have, and we have all of
 * ours; `narrowed`: it is less than we have.
 */
export type SelectorFit = (typeof fits)[number];

/** Traffic selectors that both ends agree on. */
export interface AgreedSelectors {
  readonly ok: true;
  readonly fit: SelectorFit;
  /** Outbound; `reverseSelector` gives the inbound ones. More than one where the lists are a cross product. */
  readonly selectors: readonly Selector[];
}

/** What the responder answers. */
export interface NarrowedSelectors extends AgreedSelectors {
  readonly tsi: readonly TrafficSelector[];
  readonly tsr: readonly TrafficSelector[];
  /** More would have been acceptable, in another SA: the ADDITIONAL_TS_POSSIBLE notify of RFC 7296 2.9. */
  readonly additional: boolean;
}

export interface RefusedSelectors {
  readonly ok: false;
  readonly reason: Reason;
}

/** What the initiator sends; the selectors of the packet that asked for the SA stand first (RFC 7296 2.9, SHOULD). */
export function offerSelectors(
  child: ChildSelectors,
  packet?: Selector,
): { readonly tsi: readonly TrafficSelector[]; readonly tsr: readonly TrafficSelector[] } {
  const specific = packet && packetSelectors(packet);
  const fits = specific && covers(child, specific) && !covers(specific, child);
  if (!specific || !fits) return { tsi: child.local, tsr: child.remote };
  return { tsi: [...specific.local, ...child.local], tsr: [...specific.remote, ...child.remote] };
}

/** What was sent, in words, for `peer-refused-selectors`: each entry the sender's own end first. */
export function formatSelectorOffer(child: ChildSelectors): string {
  return formatChildSelectors(child);
}

/**
 * The responder's narrowing, as RFC 7296 2.9 orders it.
 *
 * Where the offer holds all that the child protects, the answer is exactly that: it includes the initiator's first choice
 * whenever our policy does, and never less than what is configured. Where it holds a part, the answer is the part, the
 * piece with the initiator's first choice first, as far as the kernel can express it; a child that is `whole` refuses
 * that. Selectors of a type that is no address range are ignored.
 */
export function narrowSelectors(child: ChildSelectors, offer: SelectorOffer): NarrowedSelectors | RefusedSelectors {
  const theirs = { local: addressRanges(offer.tsr), remote: addressRanges(offer.tsi) };
  const local = narrowEnd(child.local, theirs.local);
  const remote = narrowEnd(child.remote, theirs.remote);
  const kept = {
    local: local.pieces.slice(0, maximumPieces(child.local)),
    remote: remote.pieces.slice(0, maximumPieces(child.remote)),
  };
  const { lists, selectors } = cross(kept);
  const fit = fits[Math.max(fits.indexOf(local.fit), fits.indexOf(remote.fit))] ?? "narrowed";
  if (selectors.length === 0 || (child.whole && fit === "narrowed")) return refuseSelectors([child], theirs);
  const dropped = kept.local.length < local.pieces.length || kept.remote.length < remote.pieces.length;
  return {
    ok: true,
    fit,
    selectors,
    tsi: lists.remote,
    tsr: lists.local,
    additional: dropped,
  };
}

/**
 * The initiator's check: the answer must be a subset of what was sent (RFC 7296 2.9), all of it where the child is `whole`,
 * and the kernel must be able to express it, since the peer will use all of it.
 */
export function verifySelectors(child: ChildSelectors, answer: SelectorOffer): AgreedSelectors | RefusedSelectors {
  const theirs = { local: addressRanges(answer.tsi), remote: addressRanges(answer.tsr) };
  const local = verifyEnd("our end", child.local, theirs.local, answer.tsi.length);
  const remote = verifyEnd("the peer's end", child.remote, theirs.remote, answer.tsr.length);
  if (!local.ok) return refuseSelectors([child], theirs, local);
  if (!remote.ok) return refuseSelectors([child], theirs, remote);
  const { selectors } = cross({ local: local.pieces, remote: remote.pieces });
  const fit = local.whole && remote.whole ? "same" : "narrowed";
  if (selectors.length === 0 || (child.whole && fit === "narrowed")) return refuseSelectors([child], theirs);
  return { ok: true, fit, selectors };
}

/** `selectors-do-not-fit`, with `difference` where it is known, else the first difference from the nearest candidate. */
export function refuseSelectors(
  candidates: readonly ChildSelectors[],
  theirs: SelectorLists,
  known: { readonly difference?: string } = {},
): RefusedSelectors {
  return {
    ok: false,
    reason: {
      code: "selectors-do-not-fit",
      ours: candidates.map(formatChildSelectors),
      theirs: [formatSelectorLists(theirs)],
      difference: known.difference ?? nearestDifference(candidates, theirs),
    },
  };
}

/**
 * The address ranges of a list, their octets copied out of the message. At most `maximumSelectors`: as responder that is
 * narrowing too, and it keeps the first choice.
 */
export function addressRanges(list: readonly WireSelector[]): readonly TrafficSelector[] {
  return list
    .flatMap((selector) => ("raw" in selector ? [] : [selector]))
    .slice(0, maximumSelectors)
    .map((range) => ({
      ...range,
      startAddress: range.startAddress.slice(),
      endAddress: range.endAddress.slice(),
    }));
}

function nearestDifference(candidates: readonly ChildSelectors[], theirs: SelectorLists): string {
  if (candidates.length === 0) return "nothing is configured here that could be meant";
  const [nearest] = candidates
    .flatMap((child) => {
      const difference = selectorDifference(child, theirs);
      return difference === undefined ? [] : [{ ...difference, whole: child.whole }];
    })
    .sort((a, b) => b.agreed - a.agreed);
  if (nearest === undefined) return "no packet matches the selectors of both ends";
  // RFC 7296 2.23.1: in transport mode the selectors MUST hold the addresses of the IKE SA.
  return nearest.whole && nearest.inAddresses
    ? `${nearest.text}; transport mode needs the addresses of the IKE SA itself`
    : nearest.text;
}

interface NarrowedEnd {
  readonly pieces: readonly TrafficSelector[];
  readonly fit: SelectorFit;
}

function narrowEnd(ours: readonly TrafficSelector[], theirs: readonly TrafficSelector[]): NarrowedEnd {
  const offered = joinSelectors(theirs);
  const wholes = ours.map((mine) => offered.find((selector) => coversSelector(selector, mine)));
  const pieces = ours.flatMap((mine, i) => {
    const whole = wholes[i];
    return whole === undefined ? expressiblePieces(mine, theirs) : expressible(mine, [whole]);
  });
  const kept = firstChoiceFirst(dropCovered(pieces), theirs[0]);
  if (wholes.includes(undefined)) return { pieces: kept, fit: "narrowed" };
  const own = joinSelectors(ours);
  const more = offered.some((selector) => !own.some((mine) => coversSelector(mine, selector)));
  return { pieces: kept, fit: more ? "ours" : "same" };
}

/** RFC 7296 2.9: where not all can be had, what holds the initiator's first selector is to be among it. */
function firstChoiceFirst(
  pieces: readonly TrafficSelector[],
  choice: TrafficSelector | undefined,
): readonly TrafficSelector[] {
  if (choice === undefined || pieces.length < 2) return pieces;
  const holds = (piece: TrafficSelector): boolean => intersectSelectors(piece, choice) !== undefined;
  return [...pieces.filter(holds), ...pieces.filter((piece) => !holds(piece))];
}

type VerifiedEnd =
  | { readonly ok: true; readonly pieces: readonly TrafficSelector[]; readonly whole: boolean }
  | { readonly ok: false; readonly difference: string };

function verifyEnd(
  end: string,
  ours: readonly TrafficSelector[],
  theirs: readonly TrafficSelector[],
  sent: number,
): VerifiedEnd {
  if (theirs.length < sent) {
    const limit = `only address ranges were sent, and at most ${maximumSelectors} are taken`;
    return { ok: false, difference: `${end}: ${limit}` };
  }
  const own = joinSelectors(ours);
  for (const selector of theirs) {
    if (!own.some((mine) => coversSelector(mine, selector))) {
      const answered = `the peer answered ${formatTrafficSelector(selector)}`;
      return { ok: false, difference: `${end}: we sent ${ours.map(formatTrafficSelector).join(", ")}, ${answered}` };
    }
    const fault = inexpressible(selector);
    if (fault !== undefined) return { ok: false, difference: `${end}: ${fault}` };
  }
  const pieces = dropCovered(ours.flatMap((mine) => expressiblePieces(mine, theirs)));
  const most = maximumPieces(ours);
  if (pieces.length > most) {
    const difference = `${end}: the peer answered ${pieces.length} ranges, at most ${most} are taken`;
    return { ok: false, difference };
  }
  const answered = joinSelectors(theirs);
  const whole = ours.every((mine) => answered.some((selector) => coversSelector(selector, mine)));
  return { ok: true, pieces, whole };
}

/** A joined range may be no prefix where one of its parts is, the initiator's first choice perhaps: both are tried. */
function expressiblePieces(ours: TrafficSelector, theirs: readonly TrafficSelector[]): readonly TrafficSelector[] {
  return dropCovered([...expressible(ours, theirs), ...expressible(ours, joinSelectors(theirs))]);
}

function expressible(ours: TrafficSelector, theirs: readonly TrafficSelector[]): TrafficSelector[] {
  return theirs
    .flatMap((selector) => intersectSelectors(selector, ours) ?? [])
    .filter((piece) => inexpressible(piece) === undefined);
}

/** The pairs that packets can match, and the pieces that are in one: TSi and TSr are a cross product (RFC 7296 3.13). */
function cross(pieces: SelectorLists): { readonly lists: SelectorLists; readonly selectors: readonly Selector[] } {
  const local = new Set<TrafficSelector>();
  const remote = new Set<TrafficSelector>();
  const selectors: Selector[] = [];
  for (const mine of pieces.local) {
    for (const other of pieces.remote) {
      const selector = kernelSelector(mine, other);
      if (selector === undefined) continue;
      local.add(mine);
      remote.add(other);
      selectors.push(selector);
    }
  }
  return { lists: { local: [...local], remote: [...remote] }, selectors };
}

function covers(outer: ChildSelectors, inner: ChildSelectors): boolean {
  return coversAll(outer.local, inner.local) && coversAll(outer.remote, inner.remote);
}

function coversAll(outer: readonly TrafficSelector[], inner: readonly TrafficSelector[]): boolean {
  return inner.every((selector) => outer.some((mine) => coversSelector(mine, selector)));
}

/** Best first. */
const fits = ["same", "ours", "narrowed"] as const;

/** Selectors of one TS payload that are looked at. */
const maximumSelectors = 64;

/** Pieces of one end in an answer: every pair of them costs the kernel a policy in each direction. */
function maximumPieces(ours: readonly TrafficSelector[]): number {
  return ours.length + 3;
}
