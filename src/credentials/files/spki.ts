/** SubjectPublicKeyInfo (RFC 5280 4.1.2.7) around keys that come without one. */
import { BIT_STRING, integer, SEQUENCE, tlv } from "../../crypto/key-exchange/der.ts";
import { type SignatureCurve, signatureCurves } from "../../crypto/signature/curves.ts";

const rsaIdentifier = Buffer.from("300d06092a864886f70d0101010500", "hex");

/** Of modulus and exponent, big-endian (RFC 3279 2.3.1). */
export function rsaSpki(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  return spki(rsaIdentifier, tlv(SEQUENCE, integer(modulus), integer(exponent)));
}

/** Of an RSAPublicKey (RFC 8017 A.1.1). */
export function pkcs1Spki(rsaPublicKey: Uint8Array): Uint8Array {
  return spki(rsaIdentifier, rsaPublicKey);
}

/** Of a point of a curve (RFC 5480 2). */
export function ecSpki(curve: SignatureCurve, point: Uint8Array): Uint8Array {
  return spki(signatureCurves[curve].identifier, point);
}

/** RFC 8410 4. */
export function eddsaSpki(curve: "ed25519" | "ed448", key: Uint8Array): Uint8Array {
  return spki(Buffer.from(curve === "ed25519" ? "300506032b6570" : "300506032b6571", "hex"), key);
}

function spki(identifier: Uint8Array, key: Uint8Array): Uint8Array {
  return tlv(SEQUENCE, identifier, tlv(BIT_STRING, Buffer.of(0), key));
}
