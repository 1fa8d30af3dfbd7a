/** Certification requests (RFC 2986): what somebody wants to be called, under the key that signs it. */

import { readElement } from "../asn1/element.ts";
import { Asn1Error } from "../asn1/error.ts";
import { Fields, oid, setOf, smallInteger } from "../asn1/fields.ts";
import { importPublicKey, type PublicKey } from "../crypto/signature/public-key.ts";
import { verifySignature } from "../crypto/signature/verify.ts";
import { signedOf } from "./certificate.ts";
import { type Extensions, extensionsOf } from "./extensions.ts";
import { type Name, nameOf } from "./name.ts";

export interface Request {
  readonly subject: Name;
  readonly publicKey: PublicKey;
  /** What it asks for; nobody has granted any of it. */
  readonly extensions: Extensions;
}

/** Reads a request and verifies that it was signed with its own key. Throws Asn1Error, KeyError. */
export function readRequest(der: Uint8Array): Request {
  const { signed, body } = signedOf(readElement(der, { octets: 65_535, elements: 10_000, depth: 20 }), "the request");
  const fields = new Fields(body, "the request");
  smallInteger(fields.any("version"), "the version");
  const subject = nameOf(fields.any("subject"));
  const publicKey = importPublicKey(fields.any("public key").whole);
  const attributes = fields.context(0)?.children ?? [];
  fields.end();
  const { scheme, name } = signed.algorithm;
  if (scheme === undefined || !verifySignature(publicKey, scheme, signed.toBeSigned, signed.signature))
    throw new Asn1Error("structure", `the request is not signed with its own key (${name})`);
  const wanted = attributes.find((attribute) => {
    const type = new Fields(attribute, "an attribute").any("type");
    return oid(type, "an attribute") === "1.2.840.113549.1.9.14";
  });
  const [extensions] = wanted?.children[1] === undefined ? [] : setOf(wanted.children[1], "extensionRequest");
  return {
    subject,
    publicKey,
    extensions: extensions === undefined ? { unknownCritical: [] } : extensionsOf(extensions),
  };
}
