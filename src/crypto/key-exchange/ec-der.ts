import { BIT_STRING, integer, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, tlv } from "./der.ts";

/** Elliptic curve keys as DER, the form in which `crypto.diffieHellman` takes them. */

/** id-ecPublicKey (RFC 5480 2.1.1). */
const ecPublicKey = tlv(OBJECT_IDENTIFIER, Buffer.from("2a8648ce3d0201", "hex"));

/** RFC 5480 2.1.1.1, RFC 5639 4.1: the named curves by OpenSSL's names. */
const curveOids: ReadonlyMap<string, Buffer> = new Map(
  [
    ["secp384r1", "2b81040022"],
    ["secp521r1", "2b81040023"],
    ["brainpoolP224r1", "2b2403030208010105"],
    ["brainpoolP256r1", "2b2403030208010107"],
    ["brainpoolP384r1", "2b240303020801010b"],
    ["brainpoolP512r1", "2b240303020801010d"],
  ].map(([name = "", digits = ""]) => [name, tlv(OBJECT_IDENTIFIER, Buffer.from(digits, "hex"))]),
);

/** The OBJECT IDENTIFIER element of a curve, for `encodeEcPrivate` and `encodeEcPublic`. */
export function curveOid(openssl: string): Buffer | undefined {
  return curveOids.get(openssl);
}

/** The ECPrivateKey of SEC 1 C.4 and RFC 5915 3, with its public point so that OpenSSL need not compute it. */
export function encodeEcPrivate(oid: Buffer, scalar: Uint8Array, point: Uint8Array): Buffer {
  const parameters = tlv(0xa0, oid);
  const publicKey = tlv(0xa1, tlv(BIT_STRING, Buffer.of(0), point));
  return tlv(SEQUENCE, integer(Buffer.of(1)), tlv(OCTET_STRING, scalar), parameters, publicKey);
}

/** The SubjectPublicKeyInfo of an uncompressed point, 0x04 | x | y (RFC 5480 2). */
export function encodeEcPublic(oid: Buffer, point: Uint8Array): Buffer {
  return tlv(SEQUENCE, tlv(SEQUENCE, ecPublicKey, oid), tlv(BIT_STRING, Buffer.of(0), point));
}
