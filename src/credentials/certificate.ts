/** X.509 certificates (RFC 5280 4): octets in, one value with everything that is asked of a certificate out. */

import { type Asn1Limits, type Element, readElement } from "../asn1/element.ts";
import { Asn1Error, type Asn1Fault } from "../asn1/error.ts";
import { bitStringOctets, explicit, Fields, integerOctets, sequenceOf, smallInteger } from "../asn1/fields.ts";
import { time } from "../asn1/time.ts";
import { hash } from "../crypto/hash.ts";
import { KeyError } from "../crypto/signature/key-error.ts";
import { importPublicKey, type PublicKey } from "../crypto/signature/public-key.ts";
import { compareOctets } from "../negotiate/address.ts";
import { type NamedScheme, signatureAlgorithmOf } from "./algorithm-identifier.ts";
import { type Extensions, extensionsOf } from "./extensions.ts";
import { type Name, nameOf } from "./name.ts";

/** Octets that are no certificate: `too-large` beyond our limits, else `malformed` or of another `structure`. */
export interface CertificateFault {
  readonly fault: Asn1Fault;
  readonly sentence: string;
}

/** What was signed, by what, and the signature: the frame that certificates, lists, requests and answers share. */
export interface Signed {
  /** The octets that are signed. */
  readonly toBeSigned: Uint8Array;
  readonly algorithm: NamedScheme;
  /** The AlgorithmIdentifier's octets. */
  readonly algorithmDer: Uint8Array;
  readonly signature: Uint8Array;
}

/** What a certificate's fields say. */
interface Body {
  /** Hexadecimal digits. */
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  /** ms since 1970, both within. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Uint8Array;
  readonly extensions: Extensions;
}

/** RFC 7296 2.5: no more fits into a message. */
const limits: Asn1Limits = { octets: 65_535, elements: 10_000, depth: 20 };
const longestSerial = 21;
const none: Extensions = { unknownCritical: [] };

/** One certificate, whose octets are copied; it never changes. */
export class Certificate {
  readonly der: Uint8Array;
  readonly signed: Signed;
  readonly serial: string;
  readonly issuer: Name;
  readonly subject: Name;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly spki: Uint8Array;
  readonly extensions: Extensions;
  #publicKey: PublicKey | KeyError | undefined;
  #fingerprint: string | undefined;

  constructor(der: Uint8Array, signed: Signed, body: Body) {
    this.der = der;
    this.signed = signed;
    this.serial = body.serial;
    this.issuer = body.issuer;
    this.subject = body.subject;
    this.notBefore = body.notBefore;
    this.notAfter = body.notAfter;
    this.spki = body.spki;
    this.extensions = body.extensions;
  }

  /** Its key, imported when it is first asked for; or why it must not be used. */
  get publicKey(): PublicKey | KeyError {
    this.#publicKey ??= importOrRefuse(this.spki);
    return this.#publicKey;
  }

  /** SHA-256 of the certificate in hexadecimal digits. */
  get fingerprint(): string {
    this.#fingerprint ??= hash("sha256", this.der).toString("hex");
    return this.#fingerprint;
  }

  /** For people: the subject, or where there is none, its first other name. */
  get label(): string {
    return this.subject.rdns.length > 0 ? this.subject.text : `serial ${this.serial} of ${this.issuer.text}`;
  }
}

/** The certificate that `der` is, or why it is none. Never throws. */
export function readCertificate(der: Uint8Array): Certificate | CertificateFault {
  try {
    // The cap is asked before the copy.
    if (der.length > limits.octets)
      return { fault: "too-large", sentence: `${der.length} octets; at most ${limits.octets} are read` };
    const octets = Uint8Array.from(der);
    const { signed, body } = signedOf(readElement(octets, limits), "the certificate");
    return new Certificate(octets, signed, bodyOf(body, signed));
  } catch (error) {
    if (error instanceof Asn1Error) return { fault: error.fault, sentence: error.message };
    throw error;
  }
}

/** The frame around what is signed. Throws Asn1Error. */
export function signedOf(element: Element, what: string): { readonly signed: Signed; readonly body: Element } {
  const fields = new Fields(element, what);
  const body = fields.any("body");
  const signed = signedParts(body.whole, fields.any("signature algorithm"), fields.any("signature"));
  fields.end();
  return { signed, body };
}

/** The same, where its three parts were read apart. Throws Asn1Error. */
export function signedParts(toBeSigned: Uint8Array, identifier: Element, signature: Element): Signed {
  const algorithm = signatureAlgorithmOf(identifier);
  return {
    toBeSigned,
    algorithm,
    algorithmDer: identifier.whole,
    signature: bitStringOctets(signature, "the signature"),
  };
}

function bodyOf(element: Element, { algorithmDer }: Signed): Body {
  const fields = new Fields(element, "the certificate");
  const version = fields.context(0);
  const number = version === undefined ? 0 : smallInteger(explicit(version, "the version"), "the version");
  const serial = integerOctets(fields.any("serial number"), "the serial number");
  if (serial.length > longestSerial) throw new Asn1Error("too-large", "a serial number of more than 20 octets");
  const inner = fields.any("signature algorithm").whole;
  // RFC 5280 4.1.2.3: the one within is signed, the other is not.
  if (compareOctets(inner, algorithmDer) !== 0)
    throw new Asn1Error("structure", "the certificate names two signature algorithms");
  const issuer = nameOf(fields.any("issuer"));
  const validity = new Fields(fields.any("validity"), "the validity");
  const notBefore = time(validity.any("beginning"), "notBefore");
  const notAfter = time(validity.any("end"), "notAfter");
  validity.end();
  const subject = nameOf(fields.any("subject"));
  const spki = fields.any("public key");
  sequenceOf(spki, "the public key");
  fields.context(1);
  fields.context(2);
  const extensions = fields.context(3);
  fields.end();
  if (extensions !== undefined && number !== 2)
    throw new Asn1Error("structure", "extensions in a certificate that is not of version 3");
  return {
    serial: Buffer.from(serial).toString("hex"),
    issuer,
    subject,
    notBefore,
    notAfter,
    spki: spki.whole,
    extensions: extensions === undefined ? none : extensionsOf(explicit(extensions, "the extensions")),
  };
}

function importOrRefuse(spki: Uint8Array): PublicKey | KeyError {
  try {
    return importPublicKey(spki);
  } catch (error) {
    if (error instanceof KeyError) return error;
    throw error;
  }
}
