/** Proposals: what we offer, what we choose as responder, and whether an answer is a choice among what we offered. */
import { findTransform, type TransformType } from "../crypto/transforms.ts";
import type { Proposal, Transform as WireTransform } from "../wire/ikev2/payloads/sa.ts";
import { protocolId } from "../wire/ikev2/registry/message.ts";
import { transformType } from "../wire/ikev2/registry/transform.ts";
import { type Alternative, alternatives, type DesiredProposal } from "./alternatives.ts";
import { describeDifference, formatAlternative, formatWireProposal } from "./proposal-text.ts";
import type { Reason } from "./reason.ts";
import { type Picks, type ProposalProtocol, type RowOf, type SuiteOf, suiteOf } from "./suite.ts";

/** What both ends' lists are compared for. */
export interface ProposalPolicy<P extends ProposalProtocol = ProposalProtocol> {
  readonly protocol: P;
  /** Our proposals, most preferred first. */
  readonly ours: readonly DesiredProposal[];
  /**
   * Child SAs: whether the exchange can carry a key exchange. Not in IKE_AUTH, whose proposals hold no transform of
   * type 4 (RFC 7296 1.2). IKE SAs always have one.
   */
  readonly withKe: boolean;
}

/** A suite that both ends agree on. */
export interface ChosenProposal<P extends ProposalProtocol = ProposalProtocol> {
  readonly ok: true;
  readonly suite: SuiteOf<P>;
  /** The peer's number of the proposal. */
  readonly number: number;
  /** The peer's SPI, copied out of the message: 4 octets for a Child SA, none or 8 for an IKE SA. */
  readonly peerSpi: Uint8Array;
}

/** What the responder answers with; `answer.spi` is the `spi` given. */
export interface ChosenAnswer<P extends ProposalProtocol = ProposalProtocol> extends ChosenProposal<P> {
  readonly answer: Proposal;
}

export interface RefusedProposal {
  readonly ok: false;
  readonly reason: Reason;
}

/**
 * Our proposals as they go on the wire, numbered from 1 (RFC 7296 3.3.1), each with our `spi`.
 *
 * An ordinary list comes to one wire proposal for its AEAD ciphers and one for its others (RFC 7296 3.3). Empty where no
 * proposal is complete for the protocol, which the configuration must not let happen.
 */
export function offerProposals(policy: ProposalPolicy, spi: Uint8Array): Proposal[] {
  return alternatives(policy).map((alternative, i) => ({
    number: i + 1,
    protocolId: protocolNumbers[policy.protocol],
    spi,
    transforms: typeOrder.flatMap((type) => alternative.rows[type].map(wireTransform)),
  }));
}

/** Our proposals in keywords, as `offerProposals` would send them. */
export function formatOffer(policy: ProposalPolicy): string[] {
  return alternatives(policy).map(formatAlternative);
}

/**
 * The responder's choice.
 *
 * RFC 7296 2.7 lets the responder choose any one suite of the offer; the initiator's order is its preference and does
 * not bind. Ours decides: our first proposal that any of the peer's meets, with the peer's first that meets it, and of
 * each type our first transform that the peer's proposal has. So the operator of each end can tell from his own file
 * what his end takes. One exception saves a round trip: of the key exchange methods that the chosen proposal leaves open,
 * the one whose value came in the KE payload (`keReceived`) is taken, since our list says that it is strong enough.
 */
export function chooseProposal<P extends ProposalProtocol>(
  policy: ProposalPolicy<P>,
  theirs: readonly Proposal[],
  options: { readonly keReceived?: number | undefined; readonly spi?: Uint8Array } = {},
): ChosenAnswer<P> | RefusedProposal {
  const offered = theirs.map((proposal) => ({ proposal, types: byType(proposal) }));
  const ours = alternatives(policy);
  for (const alternative of ours) {
    for (const { proposal, types } of offered) {
      if (types === undefined || proposal.protocolId !== protocolNumbers[policy.protocol]) continue;
      const match = matchProposal(alternative, types, policy, options.keReceived);
      const suite = match && suiteOf(policy.protocol, match.picks);
      if (match === undefined || suite === undefined) continue;
      const { number } = proposal;
      const peerSpi = proposal.spi.slice();
      const spi = options.spi ?? new Uint8Array(0);
      const answer = { number, protocolId: proposal.protocolId, spi, transforms: match.transforms };
      return { ok: true, suite, number, peerSpi, answer };
    }
  }
  return {
    ok: false,
    reason: {
      code: "no-common-proposal",
      protocol: policy.protocol,
      ours: ours.map(formatAlternative),
      theirs: theirs.map(formatWireProposal),
      difference: describeDifference(policy, ours, theirs),
    },
  };
}

/**
 * The initiator's check of an answer: exactly one proposal, with the number, the protocol and exactly one transform of
 * each type of one that was sent (RFC 7296 3.3.6). A NONE for a type that was not sent says nothing, and passes.
 */
export function verifyAnswer<P extends ProposalProtocol>(
  protocol: P,
  sent: readonly Proposal[],
  answer: readonly Proposal[],
): ChosenProposal<P> | RefusedProposal {
  const chosen = answer.length === 1 ? answer[0] : undefined;
  const offer = sent.find(({ number }) => number === chosen?.number);
  const suite = chosen && offer && acceptedSuite(protocol, offer, chosen);
  if (chosen !== undefined && suite !== undefined) {
    return { ok: true, suite, number: chosen.number, peerSpi: chosen.spi.slice() };
  }
  return {
    ok: false,
    reason: {
      code: "proposal-not-offered",
      protocol,
      sent: sent.map(formatWireProposal),
      answer: answer.map(formatWireProposal),
    },
  };
}

type ByType = Readonly<Record<TransformType, readonly WireTransform[]>>;

/** The transforms by type, or undefined where one has a type that we do not understand (RFC 7296 3.3.6). */
function byType(proposal: Proposal): ByType | undefined {
  const types = { ENCR: [], PRF: [], INTEG: [], KE: [], ESN: [] } as Record<TransformType, WireTransform[]>;
  for (const transform of proposal.transforms) {
    const type = typeOrder.find((name) => transformType[name] === transform.type);
    if (type === undefined) return undefined;
    types[type].push(transform);
  }
  return types;
}

interface Match {
  readonly picks: Picks;
  /** In the order of their types. */
  readonly transforms: WireTransform[];
}

function matchProposal(
  { rows }: Alternative,
  theirs: ByType,
  policy: ProposalPolicy,
  keReceived: number | undefined,
): Match | undefined {
  const picks: { -readonly [T in TransformType]?: RowOf<T> } = {};
  const transforms: WireTransform[] = [];
  const take = <T extends TransformType>(type: T, ours: readonly RowOf<T>[]): boolean => {
    if (ours.length === 0) {
      if (theirs[type].length === 0) return true;
      const none = optionalTypes.has(type) && theirs[type].find(isNone);
      if (none) transforms.push({ type: none.type, id: none.id });
      return Boolean(none);
    }
    const row = ours.find((mine) => theirs[type].some((wire) => rowOf(type, wire) === mine));
    if (row === undefined) return false;
    // One generic slot per type: the compiler cannot see that T is the same on both sides.
    (picks as Record<TransformType, unknown>)[type] = row;
    transforms.push(wireTransform(row));
    return true;
  };
  const ke = [...rows.KE].sort((a, b) => Number(b.ikev2 === keReceived) - Number(a.ikev2 === keReceived));
  const complete =
    take("ENCR", rows.ENCR) &&
    take("PRF", rows.PRF) &&
    take("INTEG", rows.INTEG) &&
    // A peer that puts key exchange methods into IKE_AUTH breaks RFC 7296 1.2; they mean nothing there.
    (!policy.withKe && policy.protocol !== "ike" ? true : take("KE", ke)) &&
    take("ESN", rows.ESN);
  return complete ? { picks, transforms } : undefined;
}

function acceptedSuite<P extends ProposalProtocol>(
  protocol: P,
  offer: Proposal,
  chosen: Proposal,
): SuiteOf<P> | undefined {
  if (chosen.protocolId !== protocolNumbers[protocol] || offer.protocolId !== chosen.protocolId) return undefined;
  const offered = byType(offer);
  const accepted = byType(chosen);
  if (offered === undefined || accepted === undefined) return undefined;
  const picks: Partial<Record<TransformType, unknown>> = {};
  for (const type of typeOrder) {
    const [one, ...more] = accepted[type];
    if (more.length > 0) return undefined;
    if (offered[type].length === 0) {
      if (one !== undefined && !(optionalTypes.has(type) && isNone(one))) return undefined;
      continue;
    }
    const row = one && rowOf(type, one);
    if (row === undefined || !offered[type].some((transform) => rowOf(type, transform) === row)) return undefined;
    picks[type] = row;
  }
  return suiteOf(protocol, picks as Picks);
}

/** The row of a transform on the wire; undefined where we know none, or it has an attribute that we do not understand. */
function rowOf<T extends TransformType>(type: T, { id, keyLength, attributes }: WireTransform): RowOf<T> | undefined {
  if (attributes !== undefined && attributes.length > 0) return undefined;
  // A Key Length of 0 is no key length, and is not the same as none.
  return keyLength === 0 ? undefined : findTransform(type, id, keyLength);
}

function isNone({ id, keyLength, attributes }: WireTransform): boolean {
  return id === 0 && keyLength === undefined && attributes === undefined;
}

function wireTransform(row: RowOf<TransformType>): WireTransform {
  const type = transformType[row.type];
  const id = row.ikev2;
  return row.type === "ENCR" && row.keyLengthAttribute ? { type, id, keyLength: row.keyBits } : { type, id };
}

/** Types of which a proposal may hold a NONE (RFC 7296 3.3.2 and 3.3.3). */
const optionalTypes: ReadonlySet<TransformType> = new Set(["INTEG", "KE"]);

const typeOrder: readonly TransformType[] = ["ENCR", "PRF", "INTEG", "KE", "ESN"];

const protocolNumbers: Readonly<Record<ProposalProtocol, number>> = {
  ike: protocolId.IKE,
  ah: protocolId.AH,
  esp: protocolId.ESP,
};
