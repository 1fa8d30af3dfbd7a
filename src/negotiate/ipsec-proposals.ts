/** Phase 2 of IKEv1: what we offer for an IPsec SA, what we choose, and whether an answer is what we offered (RFC 2407 4.4, 4.5). */
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import { type Attribute, attributeNumber, numericAttribute } from "../wire/ikev1/payloads/attribute.ts";
import type { Proposal, Transform } from "../wire/ikev1/payloads/sa.ts";
import { protocolId } from "../wire/ikev1/registry/message.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import { encapsulationMode, phase2Attribute } from "../wire/ikev1/registry/phase2.ts";
import { formatSuite } from "./allowed-suite.ts";
import { alternatives, type DesiredProposal } from "./alternatives.ts";
import { readLifetimes, secondsAttributes } from "./ikev1-lifetime.ts";
import type { Reason } from "./reason.ts";
import type { ChildSuite, RowOf } from "./suite.ts";

/** What both ends' lists are compared for. */
export interface IpsecPolicy {
  readonly protocol: "esp" | "ah";
  /** Our proposals, most preferred first. */
  readonly ours: readonly DesiredProposal[];
  readonly mode: "tunnel" | "transport";
  /** ESP goes in UDP; `draft`: under the private numbers that came before RFC 3947. */
  readonly encapsulation: "none" | "udp" | "draft";
}

/** What both ends agree on. */
export interface IpsecTerms {
  readonly suite: ChildSuite;
  readonly peerSpi: Uint8Array;
  readonly seconds: number | undefined;
  readonly kilobytes: number | undefined;
}

export type IpsecAnswer =
  | { readonly ok: true; readonly terms: IpsecTerms; answer(spi: Uint8Array): Proposal }
  | { readonly ok: false; readonly reason: Reason };

/** The suites that IKEv1 can name of those that are configured, in their order. */
export function ipsecSuites({ protocol, ours }: Pick<IpsecPolicy, "protocol" | "ours">): readonly ChildSuite[] {
  const suites: ChildSuite[] = [];
  for (const { rows } of alternatives({ protocol, ours, withKe: true })) {
    for (const suite of combinations(rows)) if (isNameable(suite, protocol)) suites.push(suite);
  }
  return suites;
}

/** The group of perfect forward secrecy that we ask for: one for all transforms, since one KE payload serves (RFC 2409 5.5). */
export function offeredGroup(policy: IpsecPolicy): KeTransform | undefined {
  return ipsecSuites(policy)[0]?.ke;
}

/** The one proposal of our SA payload: a transform for each suite with the group that is asked for. */
export function offerIpsec(policy: IpsecPolicy, spi: Uint8Array, seconds: number): Proposal {
  const group = offeredGroup(policy);
  const suites = ipsecSuites(policy)
    .filter(({ ke }) => ke === group)
    .slice(0, mostTransforms);
  return {
    number: 1,
    protocolId: protocolNumbers[policy.protocol],
    spi,
    transforms: suites.map((suite, i) => ({
      number: i + 1,
      id: transformId(suite, policy.protocol),
      attributes: attributesOf(suite, policy, seconds),
    })),
  };
}

/**
 * The responder's choice: our first suite that a proposal of the peer's has a transform for. Proposals of one number belong
 * together (RFC 2408 4.2), so that one with a fellow asks for more than a single protocol, and is not taken for less.
 */
export function chooseIpsec(policy: IpsecPolicy, theirs: readonly Proposal[], group: "sent" | "absent"): IpsecAnswer {
  const single = theirs.filter(
    (one) =>
      one.protocolId === protocolNumbers[policy.protocol] &&
      theirs.filter(({ number }) => number === one.number).length === 1,
  );
  for (const suite of ipsecSuites(policy)) {
    if ((suite.ke === undefined) !== (group === "absent")) continue;
    for (const proposal of single) {
      for (const transform of proposal.transforms) {
        const terms = termsOf(policy, suite, proposal, transform);
        if (terms === undefined) continue;
        const answer = (spi: Uint8Array): Proposal => ({ ...proposal, spi, transforms: [transform] });
        return { ok: true, terms, answer };
      }
    }
  }
  const ours = formatIpsecOffer(policy);
  const list = theirs.flatMap((one) =>
    one.transforms.map((transform) => formatIpsecTransform(one.protocolId, transform)),
  );
  const [mine, other] = [ours[0], list[0]];
  const difference =
    mine === undefined || other === undefined
      ? undefined
      : {
          ours: mine,
          theirs: other,
          transformType: "phase 2",
          oursOfType: ours,
          theirsOfType: list.slice(0, mostNamed),
        };
  return {
    ok: false,
    reason: {
      code: "no-common-proposal",
      protocol: policy.protocol,
      ours,
      theirs: list.slice(0, mostNamed),
      difference,
    },
  };
}

/** The initiator's check of an answer: one transform of those that were sent. */
export function verifyIpsec(
  policy: IpsecPolicy,
  answer: readonly Proposal[],
): { readonly ok: true; readonly terms: IpsecTerms } | { readonly ok: false; readonly reason: Reason } {
  const [proposal] = answer;
  const [transform] = proposal?.transforms ?? [];
  const isOne = answer.length === 1 && proposal?.transforms.length === 1;
  if (isOne && transform !== undefined && proposal.protocolId === protocolNumbers[policy.protocol]) {
    const group = offeredGroup(policy);
    for (const suite of ipsecSuites(policy)) {
      const terms = suite.ke === group ? termsOf(policy, suite, proposal, transform) : undefined;
      if (terms !== undefined) return { ok: true, terms };
    }
  }
  const said = answer.flatMap((one) => one.transforms.map((each) => formatIpsecTransform(one.protocolId, each)));
  const sent = formatIpsecOffer(policy);
  return { ok: false, reason: { code: "proposal-not-offered", protocol: policy.protocol, sent, answer: said } };
}

/** Our suites in keywords. */
export function formatIpsecOffer(policy: IpsecPolicy): string[] {
  return ipsecSuites(policy).map(formatSuite);
}

/** The mode that a peer's proposals ask for, and whether in UDP; that of the first transform that says one. */
export function modeOf(theirs: readonly Proposal[]): "tunnel" | "transport" {
  for (const { transforms } of theirs) {
    for (const { attributes } of transforms) {
      const mode = attributes.find(({ type }) => type === phase2Attribute.ENCAPSULATION_MODE);
      const number = mode === undefined ? undefined : attributeNumber(mode);
      if (number !== undefined) return transportModes.has(number) ? "transport" : "tunnel";
    }
  }
  // RFC 2407 4.5: left to the host where it is not said; nearly everybody means tunnel mode.
  return "tunnel";
}

/** What a transform says, in registered names. */
export function formatIpsecTransform(protocol: number, { id, attributes }: Transform): string {
  const words = [nameOf.transform(protocol, id)];
  for (const attribute of attributes) {
    const number = attributeNumber(attribute) ?? 0;
    if (attribute.type === phase2Attribute.KEY_LENGTH) words.push(String(number));
    else if (attribute.type === phase2Attribute.AUTHENTICATION_ALGORITHM)
      words.push(nameOf.authenticationAlgorithm(number));
    else if (attribute.type === phase2Attribute.GROUP_DESCRIPTION) words.push(`group_${number}`);
    else if (attribute.type === phase2Attribute.ENCAPSULATION_MODE) words.push(nameOf.encapsulation(number));
    else if (attribute.type === phase2Attribute.EXTENDED_SEQUENCE_NUMBER) words.push("esn");
  }
  return words.join("-").replaceAll(" ", "_");
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

function isNameable({ encr, integ, ke }: ChildSuite, protocol: "esp" | "ah"): boolean {
  if (ke !== undefined && ke.ikev1 === undefined) return false;
  if (integ !== undefined && integ.ikev1 === undefined) return false;
  return protocol === "ah" ? integ !== undefined : encr?.ikev1?.esp !== undefined;
}

function termsOf(
  policy: IpsecPolicy,
  suite: ChildSuite,
  proposal: Proposal,
  { id, attributes }: Transform,
): IpsecTerms | undefined {
  if (id !== transformId(suite, policy.protocol)) return undefined;
  const numbers = new Map<number, number | undefined>();
  for (const one of attributes) {
    if (!understood.has(one.type)) return undefined;
    numbers.set(one.type, attributeNumber(one));
  }
  const { encr, integ, ke, esn } = suite;
  const auth = numbers.get(phase2Attribute.AUTHENTICATION_ALGORITHM);
  const fits =
    numbers.get(phase2Attribute.KEY_LENGTH) === (encr?.keyLengthAttribute === true ? encr.keyBits : undefined) &&
    // RFC 4106 8.3: with a cipher that authenticates by itself the attribute must not be there.
    auth === integ?.ikev1?.auth &&
    numbers.get(phase2Attribute.GROUP_DESCRIPTION) === ke?.ikev1 &&
    (numbers.get(phase2Attribute.EXTENDED_SEQUENCE_NUMBER) === 1) === (esn.ikev2 === 1) &&
    modeNumbers(policy).includes(numbers.get(phase2Attribute.ENCAPSULATION_MODE) ?? encapsulationMode.TUNNEL);
  if (!fits) return undefined;
  const lifetimes = readLifetimes(attributes, phase2Attribute.SA_LIFE_TYPE, phase2Attribute.SA_LIFE_DURATION);
  return { suite, peerSpi: proposal.spi.slice(), ...lifetimes };
}

function attributesOf({ encr, integ, ke, esn }: ChildSuite, policy: IpsecPolicy, seconds: number): Attribute[] {
  const attributes = secondsAttributes(seconds, phase2Attribute.SA_LIFE_TYPE, phase2Attribute.SA_LIFE_DURATION);
  if (ke?.ikev1 !== undefined) attributes.push(numericAttribute(phase2Attribute.GROUP_DESCRIPTION, ke.ikev1));
  attributes.push(numericAttribute(phase2Attribute.ENCAPSULATION_MODE, modeNumbers(policy)[0] ?? 0));
  if (integ?.ikev1 !== undefined)
    attributes.push(numericAttribute(phase2Attribute.AUTHENTICATION_ALGORITHM, integ.ikev1.auth));
  if (encr?.keyLengthAttribute === true) attributes.push(numericAttribute(phase2Attribute.KEY_LENGTH, encr.keyBits));
  if (esn.ikev2 === 1) attributes.push(numericAttribute(phase2Attribute.EXTENDED_SEQUENCE_NUMBER, 1));
  return attributes;
}

function transformId(
  { encr, integ }: { encr?: EncrTransform | undefined; integ?: IntegTransform | undefined },
  protocol: "esp" | "ah",
): number {
  return (protocol === "ah" ? integ?.ikev1?.ah : encr?.ikev1?.esp) ?? 0;
}

/** Those that mean what the policy does, the one that we send first. */
function modeNumbers({ mode, encapsulation }: IpsecPolicy): readonly number[] {
  const tunnel = mode === "tunnel";
  if (encapsulation === "none") return [tunnel ? encapsulationMode.TUNNEL : encapsulationMode.TRANSPORT];
  const rfc = tunnel ? encapsulationMode.UDP_ENCAPSULATED_TUNNEL : encapsulationMode.UDP_ENCAPSULATED_TRANSPORT;
  const draft = tunnel
    ? encapsulationMode.UDP_ENCAPSULATED_TUNNEL_DRAFT
    : encapsulationMode.UDP_ENCAPSULATED_TRANSPORT_DRAFT;
  return encapsulation === "draft" ? [draft, rfc] : [rfc, draft];
}

const transportModes: ReadonlySet<number> = new Set([
  encapsulationMode.TRANSPORT,
  encapsulationMode.UDP_ENCAPSULATED_TRANSPORT,
  encapsulationMode.UDP_ENCAPSULATED_TRANSPORT_DRAFT,
]);

const protocolNumbers = { esp: protocolId.IPSEC_ESP, ah: protocolId.IPSEC_AH } as const;

/** A proposal's one octet counts no more. */
const mostTransforms = 255;

/** Transforms of the peer's that a reason names. */
const mostNamed = 16;

const understood: ReadonlySet<number> = new Set([
  phase2Attribute.SA_LIFE_TYPE,
  phase2Attribute.SA_LIFE_DURATION,
  phase2Attribute.GROUP_DESCRIPTION,
  phase2Attribute.ENCAPSULATION_MODE,
  phase2Attribute.AUTHENTICATION_ALGORITHM,
  phase2Attribute.KEY_LENGTH,
  phase2Attribute.EXTENDED_SEQUENCE_NUMBER,
]);
