import { OBJECT_IDENTIFIER, SEQUENCE, tlv } from "../key-exchange/der.ts";

/** Curves of ECDSA keys, by OpenSSL's names. */
export type SignatureCurve =
  | "prime256v1"
  | "secp384r1"
  | "secp521r1"
  | "brainpoolP256r1"
  | "brainpoolP384r1"
  | "brainpoolP512r1";

interface CurveRow {
  /** As people call it. */
  readonly name: string;
  /** Octets of a coordinate, and of r and of s (RFC 4754 7). */
  readonly octets: number;
  /** The OBJECT IDENTIFIER element of the curve. */
  readonly oid: Uint8Array;
  /** The AlgorithmIdentifier of its keys: id-ecPublicKey with the named curve (RFC 5480 2.1.1, RFC 5639 4.1). */
  readonly identifier: Uint8Array;
}

const ecPublicKey = tlv(OBJECT_IDENTIFIER, Buffer.from("2a8648ce3d0201", "hex"));

function row(name: string, octets: number, digits: string): CurveRow {
  const oid = tlv(OBJECT_IDENTIFIER, Buffer.from(digits, "hex"));
  return { name, octets, oid, identifier: tlv(SEQUENCE, ecPublicKey, oid) };
}

/** The curves that keys may be on: RFC 4754, RFC 7427 with Brainpool. */
export const signatureCurves: Readonly<Record<SignatureCurve, CurveRow>> = {
  prime256v1: row("P-256", 32, "2a8648ce3d030107"),
  secp384r1: row("P-384", 48, "2b81040022"),
  secp521r1: row("P-521", 66, "2b81040023"),
  brainpoolP256r1: row("brainpoolP256r1", 32, "2b2403030208010107"),
  brainpoolP384r1: row("brainpoolP384r1", 48, "2b240303020801010b"),
  brainpoolP512r1: row("brainpoolP512r1", 64, "2b240303020801010d"),
};

/** Whether OpenSSL's name is that of a curve in the table. */
export function isSignatureCurve(openssl: string | undefined): openssl is SignatureCurve {
  return openssl !== undefined && Object.hasOwn(signatureCurves, openssl);
}
