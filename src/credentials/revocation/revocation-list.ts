/** Certificate revocation lists (RFC 5280 5), whole and delta. */

import { type Asn1Limits, type Element, readElement } from "../../asn1/element.ts";
import { Asn1Error, type Asn1Fault } from "../../asn1/error.ts";
import {
  boolean,
  enumerated,
  explicit,
  Fields,
  implicit,
  integerOctets,
  sequenceOf,
  universal,
} from "../../asn1/fields.ts";
import { firstSlice, type Slice, slices } from "../../asn1/slices.ts";
import { time } from "../../asn1/time.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import type { SignatureScheme } from "../../crypto/signature/scheme.ts";
import { verifyElsewhere, verifySignature } from "../../crypto/signature/verify.ts";
import { compareOctets } from "../../negotiate/address.ts";
import { type Certificate, type Signed, signedParts } from "../certificate.ts";
import { type DistributionPoint, distributionPointsOf, extension, pointNames } from "../extensions.ts";
import type { GeneralName } from "../general-name.ts";
import { type Name, nameOf } from "../name.ts";

/** When and why a certificate was revoked. */
export interface Revoked {
  /** ms since 1970. */
  readonly since: number;
  /** RFC 5280 5.3.1. */
  readonly reason: string;
}

/** issuingDistributionPoint (RFC 5280 5.2.5): which certificates a list is about. */
export interface ListScope {
  readonly names: readonly GeneralName[];
  readonly onlyHosts: boolean;
  readonly onlyAuthorities: boolean;
  /** It is for some reasons, for another issuer's certificates or for attributes: nothing follows from it here. */
  readonly beyondUs: boolean;
}

interface ListBody {
  readonly issuer: Name;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  /** By serial number in hexadecimal digits. */
  readonly entries: ReadonlyMap<string, Revoked>;
  readonly number: bigint | undefined;
  /** It holds what changed since the list of that number. */
  readonly deltaBase: bigint | undefined;
  readonly scope: ListScope | undefined;
  readonly freshestPoints: readonly DistributionPoint[];
  /** A critical extension that nobody here knows; nothing follows from such a list (RFC 5280 5.2). */
  readonly unknownCritical: string | undefined;
}

/** Octets of a list that are read: 8 MiB are 200,000 entries, which take some seconds, in slices of a few milliseconds. */
export const longestList = 1 << 23;
const mostEntries = 300_000;
/** Entries that are read at a time. */
const entriesAtOnce = 100;

/** One list; it never changes. */
export class RevocationList implements ListBody {
  readonly der: Uint8Array;
  readonly issuer: Name;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
  readonly entries: ReadonlyMap<string, Revoked>;
  readonly number: bigint | undefined;
  readonly deltaBase: bigint | undefined;
  readonly scope: ListScope | undefined;
  readonly freshestPoints: readonly DistributionPoint[];
  readonly unknownCritical: string | undefined;
  readonly #signed: Signed;
  readonly #verdicts = new Map<string, boolean>();

  constructor(der: Uint8Array, signed: Signed, body: ListBody) {
    this.der = der;
    this.#signed = signed;
    this.issuer = body.issuer;
    this.thisUpdate = body.thisUpdate;
    this.nextUpdate = body.nextUpdate;
    this.entries = body.entries;
    this.number = body.number;
    this.deltaBase = body.deltaBase;
    this.scope = body.scope;
    this.freshestPoints = body.freshestPoints;
    this.unknownCritical = body.unknownCritical;
  }

  /** Whether the authority signed it; asked once for each, since a list is long. */
  isSignedBy({ fingerprint, publicKey }: Certificate): boolean {
    const known = this.#verdicts.get(fingerprint);
    if (known !== undefined) return known;
    const scheme = this.#scheme();
    const holds =
      scheme !== undefined &&
      !(publicKey instanceof KeyError) &&
      verifySignature(publicKey, scheme, this.#signed.toBeSigned, this.#signed.signature);
    this.#verdicts.set(fingerprint, holds);
    return holds;
  }

  /** Finds out on another thread, so that `isSignedBy` knows; undefined where it does. Never rejects. */
  verifyElsewhere({ fingerprint, publicKey }: Certificate): Promise<void> | undefined {
    const scheme = this.#scheme();
    if (this.#verdicts.has(fingerprint) || scheme === undefined || publicKey instanceof KeyError) return undefined;
    const { toBeSigned, signature } = this.#signed;
    return verifyElsewhere(publicKey, scheme, toBeSigned, signature).then((holds) => {
      this.#verdicts.set(fingerprint, holds);
    });
  }

  #scheme(): SignatureScheme | undefined {
    const { scheme } = this.#signed.algorithm;
    return scheme !== undefined && "hash" in scheme && scheme.hash === "sha1" ? undefined : scheme;
  }
}

/** The list that `der` is, or why it is none. Never throws. */
export function readRevocationList(der: Uint8Array): RevocationList | ListFault {
  const steps = readingRevocationList(der);
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Octets that are no list. */
export interface ListFault {
  readonly fault: Asn1Fault;
  readonly sentence: string;
}

/** The same, step by step, so that others can have their turn meanwhile. Never throws. */
export function* readingRevocationList(der: Uint8Array): Generator<void, RevocationList | ListFault> {
  try {
    if (der.length > longestList)
      return { fault: "too-large", sentence: `${der.length} octets; at most ${longestList} are read` };
    const octets = Uint8Array.from(der);
    const { contents, whole } = firstSlice(octets, "the list");
    const [list, identifier, signature, more] = [...slices(contents, "the list")];
    if (whole.length !== octets.length || more !== undefined || octets[0] !== sequenceTag)
      throw new Asn1Error("malformed", "the list is followed by something, or is none");
    if (list === undefined || identifier === undefined || signature === undefined || list.tag !== sequenceTag)
      throw new Asn1Error("structure", "the list is not what was signed, by what, and the signature");
    const signed = signedParts(list.whole, readElement(identifier.whole, small), readElement(signature.whole, small));
    return new RevocationList(octets, signed, yield* readingBody(list.contents, signed));
  } catch (error) {
    if (error instanceof Asn1Error) return { fault: error.fault, sentence: error.message };
    throw error;
  }
}

const sequenceTag = 0x30;
const mostFields = 8;

function* readingBody(contents: Uint8Array, { algorithmDer }: Signed): Generator<void, ListBody> {
  const fields: Slice[] = [];
  for (const slice of slices(contents, "the list")) {
    fields.push(slice);
    if (fields.length > mostFields) throw new Asn1Error("structure", "the list has an element too many");
  }
  const next = (...tags: readonly number[]): Slice | undefined => {
    const [field] = fields;
    return field !== undefined && tags.includes(field.tag) ? fields.shift() : undefined;
  };
  next(universal.integer);
  const algorithm = element(next(sequenceTag), "signature algorithm");
  // RFC 5280 5.1.1.2: the one within is signed, the other is not.
  if (compareOctets(algorithm.whole, algorithmDer) !== 0)
    throw new Asn1Error("structure", "the list names two signature algorithms");
  const issuer = nameOf(element(next(sequenceTag), "issuer"));
  const thisUpdate = time(element(next(...times), "thisUpdate"), "thisUpdate");
  const until = next(...times);
  const { entries, unknown } = yield* readingEntries(next(sequenceTag));
  const extensions = next(0xa0);
  if (fields.length > 0) throw new Asn1Error("structure", "the list has an element too many");
  const rest =
    extensions === undefined
      ? noExtensions
      : extensionsOf(explicit(element(extensions, "extensions"), "the list's extensions"));
  return {
    issuer,
    thisUpdate,
    nextUpdate: until === undefined ? undefined : time(element(until, "nextUpdate"), "nextUpdate"),
    entries,
    ...rest,
    unknownCritical: unknown ?? rest.unknownCritical,
  };
}

const times = [universal.utcTime, universal.generalizedTime];

function element(slice: Slice | undefined, what: string): Element {
  if (slice === undefined) throw new Asn1Error("structure", `the list has no ${what}`);
  return readElement(slice.whole, small);
}

interface Entries {
  readonly entries: ReadonlyMap<string, Revoked>;
  readonly unknown: string | undefined;
}

function* readingEntries(revoked: Slice | undefined): Generator<void, Entries> {
  const entries = new Map<string, Revoked>();
  let unknown: string | undefined;
  let count = 0;
  for (const { whole } of slices(revoked?.contents ?? new Uint8Array(0), "an entry")) {
    count += 1;
    if (count > mostEntries) throw new Asn1Error("too-large", `a list of more than ${mostEntries} entries`);
    const entry = entryOf(readElement(whole, small));
    entries.set(entry.serial, { since: entry.since, reason: entry.reason });
    unknown = entry.unknown ?? unknown;
    if (count % entriesAtOnce === 0) yield;
  }
  return { entries, unknown };
}

function entryOf(whole: Element): Revoked & { readonly serial: string; readonly unknown?: string } {
  const fields = new Fields(whole, "an entry");
  const serial = Buffer.from(integerOctets(fields.any("serial number"), "an entry's serial number")).toString("hex");
  const since = time(fields.any("date"), "an entry's date");
  const extensions = fields.optional(universal.sequence);
  fields.end();
  let reason = "unspecified";
  let unknown: string | undefined;
  for (const each of extensions === undefined ? [] : sequenceOf(extensions, "an entry's extensions")) {
    const { id, critical, value } = extension(each);
    if (id === reasonCode) reason = reasonOf(readElement(value, small));
    else if (critical) unknown = id;
  }
  return { serial, since, reason, ...(unknown !== undefined && { unknown }) };
}

type ListExtensions = Pick<ListBody, "number" | "deltaBase" | "scope" | "freshestPoints" | "unknownCritical">;

const noExtensions: ListExtensions = {
  number: undefined,
  deltaBase: undefined,
  scope: undefined,
  freshestPoints: [],
  unknownCritical: undefined,
};

function extensionsOf(element: Element): ListExtensions {
  const into: { -readonly [K in keyof ListExtensions]: ListExtensions[K] } = { ...noExtensions };
  for (const each of sequenceOf(element, "the list's extensions")) {
    const { id, critical, value } = extension(each);
    switch (id) {
      case "2.5.29.20":
        into.number = numberOf(readElement(value, small));
        break;
      case "2.5.29.27":
        into.deltaBase = numberOf(readElement(value, small));
        break;
      case "2.5.29.28":
        into.scope = scopeOf(readElement(value, small));
        break;
      case "2.5.29.46":
        into.freshestPoints = distributionPointsOf(readElement(value, small));
        break;
      case "2.5.29.35":
        break;
      default:
        if (critical) into.unknownCritical = id;
    }
  }
  return into;
}

function scopeOf(element: Element): ListScope {
  const fields = new Fields(element, "issuingDistributionPoint");
  const name = fields.context(0);
  const [hosts, authorities, reasons, indirect, attributes] = [1, 2, 3, 4, 5].map((tag) => fields.context(tag));
  fields.end();
  return {
    names: name === undefined ? [] : pointNames(name),
    onlyHosts: isTrue(hosts),
    onlyAuthorities: isTrue(authorities),
    beyondUs: reasons !== undefined || isTrue(indirect) || isTrue(attributes),
  };
}

function isTrue(element: Element | undefined): boolean {
  return element !== undefined && boolean(implicit(element, universal.boolean), "issuingDistributionPoint");
}

function numberOf(element: Element): bigint {
  const octets = integerOctets(element, "a list's number");
  if (octets.length > 21) throw new Asn1Error("too-large", "a list's number of more than 20 octets");
  return BigInt(`0x${Buffer.from(octets).toString("hex")}`);
}

/** RFC 5280 5.3.1. */
export function reasonOf(element: Element): string {
  return reasons[enumerated(element, "a reason")] ?? "unspecified";
}

const small: Asn1Limits = { octets: 16_384, elements: 1000, depth: 12 };
const reasonCode = "2.5.29.21";
const reasons: Readonly<Record<number, string>> = {
  1: "keyCompromise",
  2: "cACompromise",
  3: "affiliationChanged",
  4: "superseded",
  5: "cessationOfOperation",
  6: "certificateHold",
  8: "removeFromCRL",
  9: "privilegeWithdrawn",
  10: "aACompromise",
};
