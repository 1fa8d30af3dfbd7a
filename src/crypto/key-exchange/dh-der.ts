import { BIT_STRING, integer, OCTET_STRING, SEQUENCE, tlv } from "./der.ts";

/** Diffie-Hellman keys as DER (PKCS #3 dhKeyAgreement), the only form in which `crypto.diffieHellman` takes them. */

// OBJECT IDENTIFIER 1.2.840.113549.1.3.1, dhKeyAgreement.
const dhKeyAgreement = Buffer.from("06092a864886f70d010301", "hex");

/** The AlgorithmIdentifier of a group, the same for its public and private keys. */
export function dhAlgorithm(prime: Uint8Array, generator: Uint8Array): Buffer {
  return tlv(SEQUENCE, dhKeyAgreement, tlv(SEQUENCE, integer(prime), integer(generator)));
}

/** The SubjectPublicKeyInfo of a big-endian public value. */
export function encodeDhPublic(algorithm: Buffer, publicValue: Uint8Array): Buffer {
  return tlv(SEQUENCE, algorithm, tlv(BIT_STRING, Buffer.of(0), integer(publicValue)));
}

/** The PKCS #8 PrivateKeyInfo of a big-endian exponent. */
export function encodeDhPrivate(algorithm: Buffer, exponent: Uint8Array): Buffer {
  return tlv(SEQUENCE, integer(Buffer.of(0)), algorithm, tlv(OCTET_STRING, integer(exponent)));
}

/** The public value in a SubjectPublicKeyInfo made by OpenSSL, filled up to `length` octets. */
export function decodeDhPublic(spki: Buffer, length: number): Buffer {
  const bitString = elements(content(spki))[1];
  const value = bitString === undefined ? undefined : elements(content(bitString).subarray(1))[0];
  if (value === undefined) throw new TypeError("not the SubjectPublicKeyInfo of a Diffie-Hellman key");
  const octets = content(value);
  const significant = octets.subarray(Math.max(0, octets.length - length));
  return Buffer.concat([Buffer.alloc(length - significant.length), significant]);
}

function elements(octets: Buffer): Buffer[] {
  const found: Buffer[] = [];
  for (let rest = octets; rest.length > 0; ) {
    const end = contentOffset(rest) + contentLength(rest);
    found.push(rest.subarray(0, end));
    rest = rest.subarray(end);
  }
  return found;
}

function content(element: Buffer): Buffer {
  return element.subarray(contentOffset(element));
}

function contentOffset(element: Buffer): number {
  const first = element[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

function contentLength(element: Buffer): number {
  const first = element[1] ?? 0;
  return first < 0x80 ? first : element.readUIntBE(2, first & 0x7f);
}
