/** Phase 1 of IKEv1: what we offer for an ISAKMP SA, what we choose, and whether an answer is what we offered (RFC 2409 5, appendix A). */
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import { type KeTransform, keTransforms } from "../crypto/transforms/ke.ts";
import type { PrfTransform } from "../crypto/transforms/prf.ts";
import { transforms } from "../crypto/transforms.ts";
import { type Attribute, attributeNumber, numericAttribute } from "../wire/ikev1/payloads/attribute.ts";
import type { Proposal, Transform } from "../wire/ikev1/payloads/sa.ts";
import { protocolId } from "../wire/ikev1/registry/message.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import { isakmpTransform, lifeType, phase1Attribute } from "../wire/ikev1/registry/phase1.ts";
import { formatSuite } from "./allowed-suite.ts";
import { alternatives, type DesiredProposal } from "./alternatives.ts";
import { readLifetimes } from "./ikev1-lifetime.ts";
import type { Reason } from "./reason.ts";
import type { IkeSuite } from "./suite.ts";

/** What both ends' lists are compared for. */
export interface IsakmpPolicy {
  /** Our proposals, most preferred first. */
  readonly ours: readonly DesiredProposal[];
  /** Authentication Methods, best first. */
  readonly methods: readonly number[];
  /** The one group that can be had, where the key exchange has begun: aggressive mode (RFC 2409 5.4). */
  readonly group?: KeTransform | undefined;
  /** The first suite alone: something is encrypted with it before the peer has chosen (RFC 2409 5.3). */
  readonly single?: boolean;
}

/** What both ends agree on. */
export interface IsakmpTerms {
  readonly suite: IkeSuite;
  /** The Authentication Method. */
  readonly method: number;
  /** Seconds that the ISAKMP SA lives; undefined where none were said. */
  readonly seconds: number | undefined;
}

export type IsakmpAnswer =
  | { readonly ok: true; readonly terms: IsakmpTerms; readonly answer: Proposal }
  | { readonly ok: false; readonly reason: Reason };

/** The suites that IKEv1 can name of those that are configured, in their order; a cipher that authenticates by itself is none. */
export function isakmpSuites(ours: readonly DesiredProposal[]): readonly IkeSuite[] {
  const known = cache.get(ours);
  if (known !== undefined) return known;
  const suites: IkeSuite[] = [];
  for (const { rows } of alternatives({ protocol: "ike", ours, withKe: true })) {
    for (const encr of rows.ENCR) {
      if (encr.ikev1?.ike === undefined) continue;
      for (const prf of rows.PRF) {
        if (prf.ikev1 === undefined) continue;
        for (const ke of rows.KE) if (ke.ikev1 !== undefined) suites.push({ encr, prf, ke });
      }
    }
  }
  cache.set(ours, suites);
  return suites;
}

const cache = new WeakMap<readonly DesiredProposal[], readonly IkeSuite[]>();

/** The one proposal of our SA payload: a transform for each suite, which lives for `seconds`. */
export function offerIsakmp(policy: IsakmpPolicy, seconds: number): Proposal {
  const list = suitesOf(policy)
    .flatMap((suite) => policy.methods.map((method) => ({ suite, method })))
    .slice(0, mostTransforms);
  return {
    number: 1,
    protocolId: protocolId.ISAKMP,
    spi: new Uint8Array(0),
    transforms: list.map(({ suite, method }, i) => ({
      number: i + 1,
      id: isakmpTransform.KEY_IKE,
      attributes: attributesOf(suite, method, seconds),
    })),
  };
}

/** The responder's choice: our first suite that the peer offers. It answers with that transform as it came (RFC 2408 4.2). */
export function chooseIsakmp(policy: IsakmpPolicy, theirs: readonly Proposal[]): IsakmpAnswer {
  const offered = theirs
    .filter((proposal) => proposal.protocolId === protocolId.ISAKMP)
    .flatMap((proposal) => proposal.transforms.map((transform) => ({ proposal, transform, seen: read(transform) })));
  for (const suite of suitesOf(policy)) {
    for (const { proposal, transform, seen } of offered) {
      const method = policy.methods.find((one) => seen !== undefined && isSuite(seen, suite, one));
      if (seen === undefined || method === undefined) continue;
      const answer = { ...proposal, spi: proposal.spi.slice(), transforms: [transform] };
      return { ok: true, terms: { suite, method, seconds: seen.seconds }, answer };
    }
  }
  const ours = suitesOf(policy).map(formatSuite);
  const list = offered.slice(0, mostNamed).map(({ transform }) => formatIsakmpTransform(transform));
  const [mine, other] = [ours[0], list[0]];
  const difference =
    mine === undefined || other === undefined
      ? undefined
      : { ours: mine, theirs: other, transformType: "phase 1", oursOfType: ours, theirsOfType: list };
  return { ok: false, reason: { code: "no-common-proposal", protocol: "ike", ours, theirs: list, difference } };
}

/** The initiator's check of an answer: one transform of those that were sent. */
export function verifyIsakmp(
  policy: IsakmpPolicy,
  answer: readonly Proposal[],
): { readonly ok: true; readonly terms: IsakmpTerms } | { readonly ok: false; readonly reason: Reason } {
  const [proposal] = answer;
  const [transform] = proposal?.transforms ?? [];
  if (answer.length === 1 && proposal?.transforms.length === 1 && transform !== undefined) {
    const seen = read(transform);
    for (const suite of suitesOf(policy)) {
      const method = policy.methods.find((one) => seen !== undefined && isSuite(seen, suite, one));
      if (seen !== undefined && method !== undefined)
        return { ok: true, terms: { suite, method, seconds: seen.seconds } };
    }
  }
  const sent = suitesOf(policy).map(formatSuite);
  const said = answer.flatMap((one) => one.transforms).map(formatIsakmpTransform);
  return { ok: false, reason: { code: "proposal-not-offered", protocol: "ike", sent, answer: said } };
}

/** Our suites in keywords. */
export function formatIsakmpOffer(policy: IsakmpPolicy): string[] {
  return suitesOf(policy).map(formatSuite);
}

/** What a transform says, in keywords or, where we know none, in registered names. */
export function formatIsakmpTransform(transform: Transform): string {
  const seen = read(transform);
  if (seen === undefined) return "attributes that nobody here knows";
  const { encryption, keyLength, hash, group } = seen;
  const encr = encrOf(encryption, keyLength);
  const prf = prfOf(hash);
  const ke = keTransforms.find((row) => row.ikev1 === group);
  return [
    encr?.keyword ?? `${nameOf.encryption(encryption ?? 0)}${keyLength === undefined ? "" : `_${keyLength}`}`,
    prf?.keyword ?? nameOf.hash(hash ?? 0),
    ke?.keyword ?? `group_${group ?? 0}`,
    nameOf.authenticationMethod(seen.method ?? 0),
  ].join("-");
}

/** A phase 1 transform as read. */
interface Seen {
  readonly encryption: number | undefined;
  readonly keyLength: number | undefined;
  readonly hash: number | undefined;
  readonly method: number | undefined;
  readonly group: number | undefined;
  readonly seconds: number | undefined;
}

function suitesOf({ ours, group, single }: IsakmpPolicy): readonly IkeSuite[] {
  const suites = single === true ? isakmpSuites(ours).slice(0, 1) : isakmpSuites(ours);
  return group === undefined ? suites : suites.filter(({ ke }) => ke === group);
}

/** Undefined where an attribute is there that changes what is meant, and that we do not do. */
function read({ id, attributes }: Transform): Seen | undefined {
  if (id !== isakmpTransform.KEY_IKE) return undefined;
  const numbers = new Map<number, number | undefined>();
  for (const one of attributes) {
    if (!understood.has(one.type)) return undefined;
    numbers.set(one.type, attributeNumber(one));
  }
  return {
    encryption: numbers.get(phase1Attribute.ENCRYPTION_ALGORITHM),
    keyLength: numbers.get(phase1Attribute.KEY_LENGTH),
    hash: numbers.get(phase1Attribute.HASH_ALGORITHM),
    method: numbers.get(phase1Attribute.AUTHENTICATION_METHOD),
    // RFC 2409 appendix A: group 1 where none is named.
    group: numbers.get(phase1Attribute.GROUP_DESCRIPTION) ?? 1,
    seconds: readLifetimes(attributes, phase1Attribute.LIFE_TYPE, phase1Attribute.LIFE_DURATION).seconds,
  };
}

function isSuite(seen: Seen, { encr, prf, ke }: IkeSuite, method: number): boolean {
  return (
    seen.encryption === encr.ikev1?.ike &&
    seen.keyLength === (encr.keyLengthAttribute ? encr.keyBits : undefined) &&
    seen.hash === prf.ikev1?.hash &&
    seen.group === ke.ikev1 &&
    seen.method === method
  );
}

function attributesOf({ encr, prf, ke }: IkeSuite, method: number, seconds: number): Attribute[] {
  const attributes = [numericAttribute(phase1Attribute.ENCRYPTION_ALGORITHM, encr.ikev1?.ike ?? 0)];
  if (encr.keyLengthAttribute) attributes.push(numericAttribute(phase1Attribute.KEY_LENGTH, encr.keyBits));
  attributes.push(
    numericAttribute(phase1Attribute.HASH_ALGORITHM, prf.ikev1?.hash ?? 0),
    numericAttribute(phase1Attribute.AUTHENTICATION_METHOD, method),
    numericAttribute(phase1Attribute.GROUP_DESCRIPTION, ke.ikev1 ?? 0),
    numericAttribute(phase1Attribute.LIFE_TYPE, lifeType.SECONDS),
    numericAttribute(phase1Attribute.LIFE_DURATION, seconds),
  );
  return attributes;
}

function encrOf(encryption: number | undefined, keyLength: number | undefined): EncrTransform | undefined {
  return transforms.find(
    (row): row is EncrTransform =>
      row.type === "ENCR" &&
      encryption !== undefined &&
      row.ikev1?.ike === encryption &&
      (row.keyLengthAttribute ? row.keyBits : undefined) === keyLength,
  );
}

function prfOf(hash: number | undefined): PrfTransform | undefined {
  return transforms.find(
    (row): row is PrfTransform => row.type === "PRF" && hash !== undefined && row.ikev1?.hash === hash,
  );
}

/** A proposal's one octet counts no more. */
const mostTransforms = 255;

/** Transforms of the peer's that a reason names. */
const mostNamed = 16;

const understood: ReadonlySet<number> = new Set([
  phase1Attribute.ENCRYPTION_ALGORITHM,
  phase1Attribute.HASH_ALGORITHM,
  phase1Attribute.AUTHENTICATION_METHOD,
  phase1Attribute.GROUP_DESCRIPTION,
  phase1Attribute.LIFE_TYPE,
  phase1Attribute.LIFE_DURATION,
  phase1Attribute.KEY_LENGTH,
]);
