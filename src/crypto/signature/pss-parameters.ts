/** RSASSA-PSS-params (RFC 4055 3.1), and keys that have them. */
import { createPublicKey, type KeyObject } from "node:crypto";
import { BIT_STRING, integer, OBJECT_IDENTIFIER, SEQUENCE, tlv } from "../key-exchange/der.ts";
import { type PssScheme, type SignatureHash, signatureHashLength } from "./scheme.ts";

/** The contents of the OBJECT IDENTIFIERs, in hexadecimal digits. */
const pssDigits = "2a864886f70d01010a";
const mgf1Digits = "2a864886f70d010108";
const hashDigits: Readonly<Record<SignatureHash, string>> = {
  sha1: "2b0e03021a",
  sha224: "608648016503040204",
  sha256: "608648016503040201",
  sha384: "608648016503040202",
  sha512: "608648016503040203",
};

/** The AlgorithmIdentifier; RFC 7427 A.4.2: SHA-1 and its salt are the defaults, so DER leaves them out; the trailer too. */
export function pssIdentifier({ hash, mask, saltLength }: PssScheme): Buffer {
  const over = mask ?? hash;
  const parameters = [
    ...(hash === "sha1" ? [] : [tlv(0xa0, hashIdentifier(hash))]),
    ...(over === "sha1" ? [] : [tlv(0xa1, tlv(SEQUENCE, identifier(mgf1Digits), hashIdentifier(over)))]),
    ...(saltLength === signatureHashLength.sha1 ? [] : [tlv(0xa2, integer(saltOctets(saltLength)))]),
  ];
  return tlv(SEQUENCE, identifier(pssDigits), tlv(SEQUENCE, ...parameters));
}

/**
 * The same RSA key, bound to a scheme: OpenSSL takes the hash of MGF1 from the parameters of a key, and Node.js has no other
 * way to say it.
 */
export function boundToScheme(rsa: KeyObject, scheme: PssScheme): KeyObject {
  const bits = tlv(BIT_STRING, Uint8Array.of(0), rsa.export({ format: "der", type: "pkcs1" }));
  return createPublicKey({ key: tlv(SEQUENCE, pssIdentifier(scheme), bits), format: "der", type: "spki" });
}

function hashIdentifier(hash: SignatureHash): Buffer {
  return tlv(SEQUENCE, identifier(hashDigits[hash]), Uint8Array.of(5, 0));
}

function identifier(digits: string): Buffer {
  return tlv(OBJECT_IDENTIFIER, Buffer.from(digits, "hex"));
}

function saltOctets(length: number): Uint8Array {
  return Uint8Array.of(length >> 8, length & 0xff);
}
