/**
 * Phase 2 of IKEv1: what we offer, what we choose, and whether an answer is what we offered (RFC 2407 4.4, 4.5). Proposals
 * of one number belong together (RFC 2408 4.2): ESP or AH by itself, AH around ESP, and IPComp inside any of them.
 */
import type { IntegTransform } from "../crypto/transforms/integ.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { Proposal, Transform } from "../wire/ikev1/payloads/sa.ts";
import { formatSuite } from "./allowed-suite.ts";
import { alternatives, type DesiredProposal } from "./alternatives.ts";
import {
  formatIpsecTransform,
  type IpsecMode,
  type IpsecProtocol,
  ipsecTransform,
  isNameable,
  isPart,
  partOf,
  protocolNumbers,
  readTransform,
  type Said,
  transformMode,
} from "./ipsec-transform.ts";
import type { Reason } from "./reason.ts";
import type { ChildSuite, RowOf } from "./suite.ts";

/** What the algorithms of a child are. */
export interface IpsecAlgorithms {
  readonly protocol: "esp" | "ah";
  /** Our proposals, most preferred first. */
  readonly ours: readonly DesiredProposal[];
  /** With ESP: those of the AH around it, which is then demanded. */
  readonly ah?: readonly DesiredProposal[] | undefined;
}

/** What both ends' lists are compared for. */
export interface IpsecPolicy extends IpsecAlgorithms, IpsecMode {
  /** IPComp inside is taken, and asked for. */
  readonly compress?: boolean | undefined;
}

/** The SPIs of one end: that of the SA itself, and of what goes with it. */
export interface IpsecSpis {
  readonly spi: number;
  readonly ahSpi?: number | undefined;
  readonly cpi?: number | undefined;
}

/** What both ends agree on. */
export interface IpsecTerms {
  readonly suite: ChildSuite;
  /** The peer's; none of them is a reserved value. */
  readonly spis: IpsecSpis;
  readonly seconds: number | undefined;
  readonly kilobytes: number | undefined;
}

export type IpsecAnswer =
  | { readonly ok: true; readonly terms: IpsecTerms; answer(spis: IpsecSpis): Proposal[] }
  | { readonly ok: false; readonly reason: Reason };

/** The suites that IKEv1 can name of those that are configured, in their order. */
export function ipsecSuites({ protocol, ours, ah }: IpsecAlgorithms): readonly ChildSuite[] {
  const suites: ChildSuite[] = [];
  const around = ah === undefined ? [undefined] : integrities(ah);
  for (const { rows } of alternatives({ protocol, ours, withKe: true, isInAh: ah !== undefined })) {
    for (const suite of combinations(rows)) {
      if (isNameable(suite, protocol)) for (const integ of around) suites.push({ ...suite, ah: integ });
    }
  }
  return suites;
}

/** The group of perfect forward secrecy that we ask for: one for all transforms, since one KE payload serves (RFC 2409 5.5). */
export function offeredGroup(policy: IpsecPolicy): KeTransform | undefined {
  return ipsecSuites(policy)[0]?.ke;
}

/**
 * The proposals of our SA payload, with a transform for each suite that has the group that is asked for. IPComp can be had
 * or not: that is two proposals, of which the peer chooses one.
 */
export function offerIpsec(policy: IpsecPolicy, spis: IpsecSpis, seconds: number): Proposal[] {
  const group = offeredGroup(policy);
  const suites = ipsecSuites(policy).filter(({ ke }) => ke === group);
  const proposal = (number: number, protocol: IpsecProtocol): Proposal => ({
    number,
    protocolId: protocolNumbers[protocol],
    spi: spiField(protocol, policy.protocol, spis),
    transforms: distinct(suites, protocol).map((part, i) =>
      ipsecTransform(protocol, part, { mode: policy, seconds, number: i + 1 }),
    ),
  });
  const protocols = protocolsOf(policy);
  const plain = (number: number): Proposal[] => protocols.map((protocol) => proposal(number, protocol));
  return spis.cpi === undefined ? plain(1) : [...plain(1), proposal(1, "ipcomp"), ...plain(2)];
}

/** The responder's choice: our first suite that a set of the peer's has transforms for; one with IPComp before one without. */
export function chooseIpsec(policy: IpsecPolicy, theirs: readonly Proposal[], group: "sent" | "absent"): IpsecAnswer {
  const sets = setsOf(policy, theirs);
  for (const suite of ipsecSuites(policy)) {
    if ((suite.ke === undefined) !== (group === "absent")) continue;
    for (const set of sets) {
      const found = match(policy, suite, set);
      if (found === undefined) continue;
      const answer = (spis: IpsecSpis): Proposal[] =>
        found.chosen.map(({ protocol, proposal, transform }) => {
          const spi = spiField(protocol, policy.protocol, spis);
          // A CPI in as many octets as the peer's (RFC 3173 4.1).
          return { ...proposal, spi: padded(spi, proposal.spi.length), transforms: [transform] };
        });
      return { ok: true, terms: found.terms, answer };
    }
  }
  const ours = formatIpsecOffer(policy);
  const list = formatSets(theirs).slice(0, mostNamed);
  const reason: Reason = {
    code: "no-common-proposal",
    protocol: policy.protocol,
    ours,
    theirs: list,
    difference: differenceOf(policy, theirs, sets.length > 0, ours, list),
  };
  return { ok: false, reason };
}

/**
 * The initiator's check of an answer: one set of those that were sent, with one transform for each protocol. charon, where
 * it takes IPComp, repeats the same set without: what the SPIs stand for is then the same, with one thing more in the first.
 */
export function verifyIpsec(
  policy: IpsecPolicy,
  answer: readonly Proposal[],
): { readonly ok: true; readonly terms: IpsecTerms } | { readonly ok: false; readonly reason: Reason } {
  const numbers = new Set(answer.map(({ number }) => number)).size;
  const sets = answer.every(({ transforms }) => transforms.length === 1) ? setsOf(policy, answer) : [];
  const [set, ...more] = sets.length === numbers ? sets : [];
  if (set !== undefined && more.every((other) => isWithoutIpcomp(other, set))) {
    const group = offeredGroup(policy);
    for (const suite of ipsecSuites(policy)) {
      const found = suite.ke === group ? match(policy, suite, set) : undefined;
      if (found !== undefined) return { ok: true, terms: found.terms };
    }
  }
  const sent = formatIpsecOffer(policy);
  return {
    ok: false,
    reason: { code: "proposal-not-offered", protocol: policy.protocol, sent, answer: formatSets(answer) },
  };
}

/** Our suites in keywords. */
export function formatIpsecOffer(policy: IpsecAlgorithms): string[] {
  return ipsecSuites(policy).map(formatSuite);
}

/**
 * The mode that a peer's proposals ask for: that of the first transform that says one. What stands around ESP, or inside, is
 * not asked: the ESP makes the tunnel.
 */
export function modeOf(theirs: readonly Proposal[]): "tunnel" | "transport" {
  const esp = theirs.filter(({ protocolId }) => protocolId === protocolNumbers.esp);
  for (const { transforms } of esp.length > 0 ? esp : theirs) {
    for (const transform of transforms) {
      const mode = transformMode(transform);
      if (mode !== undefined) return mode;
    }
  }
  // RFC 2407 4.5: left to the host where it is not said; nearly everybody means tunnel mode.
  return "tunnel";
}

/** Proposals of one number that could be what the policy wants; each with what its transforms say. */
interface ProposalSet {
  readonly members: readonly Member[];
  readonly spis: IpsecSpis;
}

interface Member {
  readonly protocol: IpsecProtocol;
  readonly proposal: Proposal;
  readonly transforms: readonly (readonly [Transform, Said])[];
}

interface Match {
  readonly terms: IpsecTerms;
  readonly chosen: readonly {
    readonly protocol: IpsecProtocol;
    readonly proposal: Proposal;
    readonly transform: Transform;
  }[];
}

/** What must be in a set. */
function protocolsOf({ protocol, ah }: IpsecAlgorithms): readonly ("esp" | "ah")[] {
  return ah === undefined ? [protocol] : ["ah", protocol];
}

/**
 * The sets that have the protocols of the policy and no other, those with IPComp first where it is wanted. More than was
 * asked for is not taken for less.
 */
function setsOf(policy: IpsecPolicy, theirs: readonly Proposal[]): ProposalSet[] {
  const numbers = [...new Set(theirs.map(({ number }) => number))];
  const sets = numbers.flatMap(
    (number) =>
      setOf(
        policy,
        theirs.filter((one) => one.number === number),
      ) ?? [],
  );
  return sets.sort((a, b) => Number(b.spis.cpi !== undefined) - Number(a.spis.cpi !== undefined));
}

function setOf(policy: IpsecPolicy, proposals: readonly Proposal[]): ProposalSet | undefined {
  const members: Member[] = [];
  const numbers: Partial<Record<IpsecProtocol, number>> = {};
  for (const proposal of proposals) {
    const protocol = protocolOfNumber(proposal.protocolId);
    if (protocol === undefined || numbers[protocol] !== undefined) return undefined;
    const value = Buffer.from(proposal.spi).readUIntBE(0, proposal.spi.length);
    // RFC 2407 4.6.2.1, RFC 3173 3.3: what is below 256 names no SA that was negotiated.
    if (value < 256 || (protocol === "ipcomp" && value > 0xffff)) return undefined;
    numbers[protocol] = value;
    const transforms = proposal.transforms.flatMap((transform) => {
      const said = readTransform(transform);
      return said === undefined ? [] : [[transform, said] as const];
    });
    members.push({ protocol, proposal, transforms });
  }
  const { ipcomp: cpi, ...mains } = numbers;
  const spi = mains[policy.protocol];
  const wanted = protocolsOf(policy);
  if (spi === undefined || Object.keys(mains).length !== wanted.length) return undefined;
  if (wanted.some((protocol) => mains[protocol] === undefined)) return undefined;
  if (cpi !== undefined && policy.compress !== true) return undefined;
  return { members, spis: { spi, ahSpi: policy.ah === undefined ? undefined : mains.ah, cpi } };
}

/** Whether a set is another, of the very same SPIs and algorithms, but for its IPComp. */
function isWithoutIpcomp(set: ProposalSet, whole: ProposalSet): boolean {
  if (set.spis.cpi !== undefined || whole.spis.cpi === undefined) return false;
  return set.members.every(({ protocol, proposal, transforms: [own] }) => {
    const same = whole.members.find((member) => member.protocol === protocol);
    const [theirs] = same?.transforms ?? [];
    return (
      same !== undefined &&
      own !== undefined &&
      theirs !== undefined &&
      Buffer.compare(same.proposal.spi, proposal.spi) === 0 &&
      distinguishing.every((what) => own[1][what] === theirs[1][what])
    );
  });
}

const distinguishing = ["id", "keyBits", "auth", "group", "esn", "mode"] as const satisfies readonly (keyof Said)[];

/** The first transform of each member that is its part of the suite. */
function match(policy: IpsecPolicy, suite: ChildSuite, { members, spis }: ProposalSet): Match | undefined {
  const chosen: { protocol: IpsecProtocol; proposal: Proposal; transform: Transform }[] = [];
  let seconds: number | undefined;
  let kilobytes: number | undefined;
  for (const { protocol, proposal, transforms } of members) {
    const part = partOf(suite, protocol);
    const how = { mode: policy, isAround: protocol === "ah" && policy.ah !== undefined };
    const found = transforms.find(([, said]) => isPart(said, protocol, part, how));
    if (found === undefined) return undefined;
    const [transform, said] = found;
    chosen.push({ protocol, proposal, transform });
    seconds = least(seconds, said.seconds);
    kilobytes = least(kilobytes, said.kilobytes);
  }
  return { terms: { suite, spis, seconds, kilobytes }, chosen };
}

function least(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

type Rows = { readonly [T in "ENCR" | "INTEG" | "KE" | "ESN"]: readonly RowOf<T>[] };

function* combinations(rows: Rows): Generator<ChildSuite> {
  const orNone = <T>(list: readonly T[]): readonly (T | undefined)[] => (list.length === 0 ? [undefined] : list);
  for (const ke of orNone(rows.KE)) {
    for (const encr of orNone(rows.ENCR)) {
      for (const integ of orNone(rows.INTEG)) for (const esn of rows.ESN) yield { encr, integ, ke, esn };
    }
  }
}

/** The algorithms of AH around ESP, each once; group and numbers are those of ESP. */
function integrities(ours: readonly DesiredProposal[]): IntegTransform[] {
  const rows = alternatives({ protocol: "ah", ours, withKe: false }).flatMap((one) => one.rows.INTEG);
  return [...new Set(rows)].filter(({ ikev1 }) => ikev1 !== undefined);
}

/** What the suites are for one protocol, each once. */
function distinct(suites: readonly ChildSuite[], protocol: IpsecProtocol): ChildSuite[] {
  if (protocol === "ipcomp") return suites.slice(0, 1).map((suite) => partOf(suite, protocol));
  const parts = suites.map((suite) => partOf({ ...suite, ah: protocol === "ah" ? suite.ah : undefined }, protocol));
  return [...new Map(parts.map((part) => [formatSuite(part), part])).values()].slice(0, mostTransforms);
}

/** RFC 3173 4.1: a CPI takes two octets. */
function spiField(protocol: IpsecProtocol, main: "esp" | "ah", { spi, ahSpi, cpi }: IpsecSpis): Uint8Array {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE((protocol === "ipcomp" ? cpi : protocol === main ? spi : ahSpi) ?? 0);
  return protocol === "ipcomp" ? octets.subarray(2) : octets;
}

function padded(spi: Uint8Array, octets: number): Uint8Array {
  return spi.length >= octets ? spi : Buffer.concat([Buffer.alloc(octets - spi.length), spi]);
}

function protocolOfNumber(number: number): IpsecProtocol | undefined {
  return ipsecProtocols.find((protocol) => protocolNumbers[protocol] === number);
}

/** One text for each transform, and where protocols belong together for each combination of their first ones. */
function formatSets(theirs: readonly Proposal[]): string[] {
  return theirs.flatMap((one, at) => {
    const fellows = theirs.filter(({ number }) => number === one.number);
    if (fellows.length === 1) return one.transforms.map((each) => formatIpsecTransform(one.protocolId, each));
    if (fellows[0] !== one || theirs.indexOf(one) !== at) return [];
    const texts = fellows.map(({ protocolId, transforms }) =>
      transforms.map((each) => formatIpsecTransform(protocolId, each)).join("/"),
    );
    return [texts.join(" and ")];
  });
}

function differenceOf(
  policy: IpsecPolicy,
  theirs: readonly Proposal[],
  isSet: boolean,
  ours: readonly string[],
  list: readonly string[],
): Extract<Reason, { code: "no-common-proposal" }>["difference"] {
  const [mine, other] = [ours[0], list[0]];
  if (mine === undefined || other === undefined) return undefined;
  const common = { ours: mine, theirs: other };
  if (isSet) return { ...common, transformType: "phase 2", oursOfType: ours, theirsOfType: list };
  const sets = [...new Set(theirs.map(({ number }) => number))].map((number) =>
    theirs
      .filter((one) => one.number === number)
      .map(({ protocolId }) => protocolOfNumber(protocolId) ?? `protocol ${protocolId}`)
      .join(" and "),
  );
  const oursOfType = [protocolsOf(policy).join(" and ")];
  return { ...common, transformType: "protocol", oursOfType, theirsOfType: [...new Set(sets)].slice(0, mostNamed) };
}

const ipsecProtocols: readonly IpsecProtocol[] = ["esp", "ah", "ipcomp"];

/** A proposal's one octet counts no more. */
const mostTransforms = 255;

/** Transforms of the peer's that a reason names. */
const mostNamed = 16;
