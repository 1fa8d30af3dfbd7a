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
import { time } from "../../asn1/time.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import { verifySignature } from "../../crypto/signature/verify.ts";
import { type Certificate, type Signed, signedOf } from "../certificate.ts";
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

/** 1 MiB are 25,000 entries; reading them takes half a second. */
const limits: Asn1Limits = { octets: 1 << 20, elements: 200_000, depth: 16 };

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
    const { scheme } = this.#signed.algorithm;
    const strong = scheme !== undefined && !("hash" in scheme && scheme.hash === "sha1");
    const holds =
      strong &&
      !(publicKey instanceof KeyError) &&
      verifySignature(publicKey, scheme, this.#signed.toBeSigned, this.#signed.signature);
    this.#verdicts.set(fingerprint, holds);
    return holds;
  }
}

/** The list that `der` is, or why it is none. Never throws. */
export function readRevocationList(
  der: Uint8Array,
): RevocationList | { readonly fault: Asn1Fault; readonly sentence: string } {
  try {
    if (der.length > limits.octets)
      return { fault: "too-large", sentence: `${der.length} octets; at most ${limits.octets} are read` };
    const octets = Uint8Array.from(der);
    const { signed, body } = signedOf(readElement(octets, limits), "the list");
    return new RevocationList(octets, signed, bodyOf(body));
  } catch (error) {
    if (error instanceof Asn1Error) return { fault: error.fault, sentence: error.message };
    throw error;
  }
}

function bodyOf(element: Element): ListBody {
  const fields = new Fields(element, "the list");
  fields.optional(universal.integer);
  fields.any("signature algorithm");
  const issuer = nameOf(fields.any("issuer"));
  const thisUpdate = time(fields.any("thisUpdate"), "thisUpdate");
  const next = fields.optional(universal.utcTime) ?? fields.optional(universal.generalizedTime);
  const revoked = fields.optional(universal.sequence);
  const extensions = fields.context(0);
  fields.end();
  const { entries, unknown } = entriesOf(revoked);
  const rest = extensions === undefined ? noExtensions : extensionsOf(explicit(extensions, "the list's extensions"));
  return {
    issuer,
    thisUpdate,
    nextUpdate: next === undefined ? undefined : time(next, "nextUpdate"),
    entries,
    ...rest,
    unknownCritical: unknown ?? rest.unknownCritical,
  };
}

function entriesOf(revoked: Element | undefined): {
  readonly entries: ReadonlyMap<string, Revoked>;
  readonly unknown: string | undefined;
} {
  const entries = new Map<string, Revoked>();
  let unknown: string | undefined;
  for (const element of revoked === undefined ? [] : sequenceOf(revoked, "the entries")) {
    const fields = new Fields(element, "an entry");
    const serial = Buffer.from(integerOctets(fields.any("serial number"), "an entry's serial number")).toString("hex");
    const since = time(fields.any("date"), "an entry's date");
    const extensions = fields.optional(universal.sequence);
    fields.end();
    let reason = "unspecified";
    for (const each of extensions === undefined ? [] : sequenceOf(extensions, "an entry's extensions")) {
      const { id, critical, value } = extension(each);
      if (id === reasonCode) reason = reasonOf(readElement(value, small));
      else if (critical) unknown = id;
    }
    entries.set(serial, { since, reason });
  }
  return { entries, unknown };
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
