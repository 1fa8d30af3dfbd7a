/** OCSP (RFC 6960): what is asked about one certificate, and what a responder answers. */

import { type Asn1Limits, type Element, readElement } from "../../asn1/element.ts";
import { objectIdentifier, octets, sequence, tagged } from "../../asn1/encode.ts";
import { Asn1Error, type Asn1Fault } from "../../asn1/error.ts";
import {
  bitStringOctets,
  enumerated,
  explicit,
  Fields,
  implicit,
  integerOctets,
  octetString,
  oid,
  sequenceOf,
  universal,
} from "../../asn1/fields.ts";
import { time } from "../../asn1/time.ts";
import { hash } from "../../crypto/hash.ts";
import { KeyError } from "../../crypto/signature/key-error.ts";
import { verifySignature } from "../../crypto/signature/verify.ts";
import { compareOctets } from "../../negotiate/address.ts";
import { signatureAlgorithmOf } from "../algorithm-identifier.ts";
import { Certificate, readCertificate, type Signed } from "../certificate.ts";
import { extension } from "../extensions.ts";
import { type Revoked, reasonOf } from "./revocation-list.ts";

/** What a responder says about one certificate. */
export interface SingleAnswer {
  readonly hash: "sha1" | "sha256" | "sha384" | "sha512";
  readonly issuerNameHash: Uint8Array;
  readonly issuerKeyHash: Uint8Array;
  /** Hexadecimal digits. */
  readonly serial: string;
  readonly status: "good" | "unknown" | Revoked;
  readonly thisUpdate: number;
  readonly nextUpdate: number | undefined;
}

/** One response (RFC 6960 4.2.1); nothing of it is verified yet. */
export interface OcspAnswer {
  readonly der: Uint8Array;
  readonly signed: Signed;
  readonly singles: readonly SingleAnswer[];
  readonly nonce: Uint8Array | undefined;
  /** Sent along: among them the responder's, where it is not the authority itself. */
  readonly certificates: readonly Certificate[];
}

/** Octets that are no answer; or `refused`: the responder's own word for why it gives none. */
export interface OcspFault {
  readonly fault: Asn1Fault | "refused";
  readonly sentence: string;
}

const limits: Asn1Limits = { octets: 1 << 18, elements: 20_000, depth: 24 };
const mostSingles = 64;
const mostCertificates = 8;

/** An OCSPRequest for one certificate, with a nonce of 16 to 32 octets (RFC 8954 2.1). */
export function ocspRequest(certificate: Certificate, issuer: Certificate, nonce: Uint8Array): Uint8Array {
  // RFC 5019 2.1.1: SHA-1 is what every responder knows; nothing rests on it.
  const algorithm = sequence(objectIdentifier("1.3.14.3.2.26"), Uint8Array.of(5, 0));
  const names = octets(hash("sha1", issuer.subject.der));
  const id = sequence(algorithm, names, octets(hash("sha1", keyOctets(issuer))), integerOf(certificate.serial));
  const extensions = sequence(sequence(objectIdentifier(nonceOid), octets(octets(nonce))));
  return sequence(sequence(sequence(sequence(id)), tagged(2, "constructed", extensions)));
}

/** The answer that `der` is, or why it is none. Never throws. */
export function readOcspAnswer(der: Uint8Array): OcspAnswer | OcspFault {
  try {
    if (der.length > limits.octets)
      return { fault: "too-large", sentence: `${der.length} octets; at most ${limits.octets} are read` };
    const octets = Uint8Array.from(der);
    const fields = new Fields(readElement(octets, limits), "the answer");
    const status = enumerated(fields.any("status"), "the answer's status");
    const bytes = fields.context(0);
    fields.end();
    if (status !== 0 || bytes === undefined)
      return { fault: "refused", sentence: `the responder says ${statuses[status] ?? status}` };
    const typed = new Fields(explicit(bytes, "the answer"), "the answer");
    if (oid(typed.any("type"), "the answer's type") !== "1.3.6.1.5.5.7.48.1.1")
      throw new Asn1Error("structure", "the answer is of another type than a basic one");
    return { der: octets, ...basicAnswer(readElement(octetString(typed.any("response"), "the answer"), limits)) };
  } catch (error) {
    if (error instanceof Asn1Error) return { fault: error.fault, sentence: error.message };
    throw error;
  }
}

/** What the answer says about a certificate, where it says anything. */
export function singleFor(answer: OcspAnswer, certificate: Certificate, issuer: Certificate): SingleAnswer | undefined {
  return answer.singles.find(
    (single) =>
      single.serial === certificate.serial &&
      compareOctets(single.issuerNameHash, hash(single.hash, issuer.subject.der)) === 0 &&
      compareOctets(single.issuerKeyHash, hash(single.hash, keyOctets(issuer))) === 0,
  );
}

/**
 * Whether the authority, or who it delegated that to (RFC 6960 4.2.2.2: a certificate for OCSPSigning that the authority
 * itself issued, within its time), signed the answer.
 */
export function isAnsweredFor({ signed, certificates }: OcspAnswer, issuer: Certificate, at: number): boolean {
  if (verifies(signed, issuer)) return true;
  return certificates.some(
    (responder) =>
      responder.issuer.key === issuer.subject.key &&
      responder.extensions.extendedKeyUsage?.includes("1.3.6.1.5.5.7.3.9") === true &&
      responder.extensions.unknownCritical.length === 0 &&
      at >= responder.notBefore &&
      at < responder.notAfter + 1000 &&
      verifies(responder.signed, issuer) &&
      verifies(signed, responder),
  );
}

function verifies({ algorithm: { scheme }, toBeSigned, signature }: Signed, { publicKey }: Certificate): boolean {
  if (scheme === undefined || ("hash" in scheme && scheme.hash === "sha1")) return false;
  return !(publicKey instanceof KeyError) && verifySignature(publicKey, scheme, toBeSigned, signature);
}

function basicAnswer(element: Element): Omit<OcspAnswer, "der"> {
  const fields = new Fields(element, "the answer");
  const data = fields.any("response data");
  const identifier = fields.any("signature algorithm");
  const signature = bitStringOctets(fields.any("signature"), "the signature");
  const certificates = fields.context(0);
  fields.end();
  const signed: Signed = {
    toBeSigned: data.whole,
    algorithm: signatureAlgorithmOf(identifier),
    algorithmDer: identifier.whole,
    signature,
  };
  const sent = certificates === undefined ? [] : sequenceOf(explicit(certificates, "certificates"), "certificates");
  const read = sent.slice(0, mostCertificates).map(({ whole }) => readCertificate(whole));
  return { signed, ...dataOf(data), certificates: read.filter((each) => each instanceof Certificate) };
}

function dataOf(element: Element): Pick<OcspAnswer, "singles" | "nonce"> {
  const fields = new Fields(element, "the response data");
  fields.context(0);
  if (fields.context(1) === undefined && fields.context(2) === undefined)
    throw new Asn1Error("structure", "the answer does not say who gives it");
  time(fields.any("producedAt"), "producedAt");
  const singles = sequenceOf(fields.any("responses"), "the responses");
  const extensions = fields.context(1);
  fields.end();
  if (singles.length > mostSingles) throw new Asn1Error("too-large", `an answer about ${singles.length} certificates`);
  return {
    singles: singles.map(singleOf).filter((single) => single !== undefined),
    nonce: extensions === undefined ? undefined : nonceOf(explicit(extensions, "the answer's extensions")),
  };
}

function singleOf(element: Element): SingleAnswer | undefined {
  const fields = new Fields(element, "a response");
  const id = new Fields(fields.any("certificate"), "a response's certificate");
  const status = fields.any("status");
  const thisUpdate = time(fields.any("thisUpdate"), "thisUpdate");
  const next = fields.context(0);
  fields.context(1);
  fields.end();
  const algorithm = new Fields(id.any("hash"), "a hash algorithm");
  const name = hashes.get(oid(algorithm.any("identifier"), "a hash algorithm"));
  const issuerNameHash = octetString(id.any("issuer's name"), "the issuer's name");
  const issuerKeyHash = octetString(id.any("issuer's key"), "the issuer's key");
  const serial = Buffer.from(integerOctets(id.any("serial number"), "the serial number")).toString("hex");
  id.end();
  if (name === undefined) return undefined;
  const nextUpdate = next === undefined ? undefined : time(explicit(next, "nextUpdate"), "nextUpdate");
  return { hash: name, issuerNameHash, issuerKeyHash, serial, status: statusOf(status), thisUpdate, nextUpdate };
}

function statusOf(element: Element): SingleAnswer["status"] {
  if (element.tagClass !== "context" || element.tag > 2) throw new Asn1Error("structure", "a response has no status");
  if (element.tag === 0) return "good";
  if (element.tag === 2) return "unknown";
  const fields = new Fields(implicit(element, universal.sequence), "a revocation");
  const since = time(fields.any("time"), "a revocation's time");
  const reason = fields.context(0);
  fields.end();
  return { since, reason: reason === undefined ? "unspecified" : reasonOf(explicit(reason, "a reason")) };
}

function nonceOf(element: Element): Uint8Array | undefined {
  for (const each of sequenceOf(element, "the answer's extensions")) {
    const { id, value } = extension(each);
    // RFC 8954 2.1 has an OCTET STRING inside; some responders give the octets alone.
    if (id === nonceOid)
      return value[0] === universal.octetString && value[1] === value.length - 2 ? value.subarray(2) : value;
  }
  return undefined;
}

/** RFC 6960 4.1.1: of the key, the BIT STRING's octets alone. */
function keyOctets({ spki }: Certificate): Uint8Array {
  const key = readElement(spki, limits).children[1];
  if (key === undefined) throw new Asn1Error("structure", "a key without octets");
  return bitStringOctets(key, "a key");
}

function integerOf(serial: string): Uint8Array {
  // As it stands in the certificate, negative ones too.
  const contents = Buffer.from(serial, "hex");
  return Buffer.concat([Buffer.of(universal.integer, contents.length), contents]);
}

const nonceOid = "1.3.6.1.5.5.7.48.1.2";
const hashes: ReadonlyMap<string, SingleAnswer["hash"]> = new Map([
  ["1.3.14.3.2.26", "sha1"],
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);
const statuses: Readonly<Record<number, string>> = {
  1: "malformedRequest",
  2: "internalError",
  3: "tryLater",
  5: "sigRequired",
  6: "unauthorized",
};
