import { type KeyedPrf, keyPrf, prfPlus } from "./prf.ts";
import { type EncrTransform, encrKeyLength } from "./transforms/encr.ts";
import type { IntegTransform } from "./transforms/integ.ts";
import type { PrfTransform } from "./transforms/prf.ts";

/** Key derivation of IKEv2 (RFC 7296 2.14, 2.17, 2.18), as pure functions. */

/** The seven secrets of an IKE SA (RFC 7296 2.14); SK_ai and SK_ar are empty with an AEAD cipher. */
export interface IkeKeys {
  readonly skD: Buffer;
  readonly skAi: Buffer;
  readonly skAr: Buffer;
  readonly skEi: Buffer;
  readonly skEr: Buffer;
  readonly skPi: Buffer;
  readonly skPr: Buffer;
}

/** What one end sends a Child SA's packets with; `encrKey` includes the salt, either is empty when not negotiated. */
export interface ChildKeys {
  readonly encrKey: Buffer;
  readonly integKey: Buffer;
}

// RFC 7296 2.14: AES-XCBC-PRF-128 and AES-CMAC-PRF-128 take the first 64 bits of each nonce here, and only here.
const FIXED_KEY_NONCE_OCTETS = 8;

/** SKEYSEED = prf(Ni | Nr, g^ir) of a new IKE SA (RFC 7296 2.14). */
export function skeyseed(prf: PrfTransform, ni: Uint8Array, nr: Uint8Array, shared: Uint8Array): Buffer {
  const key = prf.fixedKey
    ? Buffer.concat([ni.subarray(0, FIXED_KEY_NONCE_OCTETS), nr.subarray(0, FIXED_KEY_NONCE_OCTETS)])
    : Buffer.concat([ni, nr]);
  return signOnce(prf, key, shared);
}

/** SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr) of a rekeyed IKE SA, with the old SA's PRF (RFC 7296 2.18). */
export function rekeySkeyseed(
  prf: PrfTransform,
  skD: KeyedPrf | Uint8Array,
  shared: Uint8Array,
  ni: Uint8Array,
  nr: Uint8Array,
): Buffer {
  return skD instanceof Uint8Array ? signOnce(prf, skD, shared, ni, nr) : skD.sign(shared, ni, nr);
}

/** SK_d | SK_ai | SK_ar | SK_ei | SK_er | SK_pi | SK_pr = prf+(SKEYSEED, Ni | Nr | SPIi | SPIr) (RFC 7296 2.14). */
export function deriveIkeKeys(
  suite: { readonly encr: EncrTransform; readonly integ?: IntegTransform | undefined; readonly prf: PrfTransform },
  seed: Uint8Array,
  ni: Uint8Array,
  nr: Uint8Array,
  spiI: Uint8Array,
  spiR: Uint8Array,
): IkeKeys {
  const skELength = encrKeyLength(suite.encr);
  const skALength = suite.encr.aead ? 0 : (suite.integ?.keyLength ?? 0);
  const skPLength = suite.prf.keyLength;
  const stream = ikeKeyStream(suite.prf, seed, ni, nr, spiI, spiR, 3 * skPLength + 2 * skALength + 2 * skELength);
  const take = slices(stream);
  return {
    skD: take(skPLength),
    skAi: take(skALength),
    skAr: take(skALength),
    skEi: take(skELength),
    skEr: take(skELength),
    skPi: take(skPLength),
    skPr: take(skPLength),
  };
}

/** The first `octets` of prf+(SKEYSEED, Ni | Nr | SPIi | SPIr), of which the seven secrets are slices (RFC 7296 2.14). */
export function ikeKeyStream(
  prf: PrfTransform,
  seed: Uint8Array,
  ni: Uint8Array,
  nr: Uint8Array,
  spiI: Uint8Array,
  spiR: Uint8Array,
  octets: number,
): Buffer {
  const keyed = keyPrf(prf, seed);
  const stream = prfPlus(keyed, Buffer.concat([ni, nr, spiI, spiR]), octets);
  keyed.destroy();
  return stream;
}

/**
 * KEYMAT = prf+(SK_d, [g^ir (new) |] Ni | Nr) of a Child SA (RFC 7296 2.17): the initiator's keys first, and in each
 * direction encryption before integrity. The nonces are those of the exchange that makes the Child SA.
 */
export function deriveChildKeys(
  prf: PrfTransform,
  skD: KeyedPrf | Uint8Array,
  suite: { readonly encr?: EncrTransform | undefined; readonly integ?: IntegTransform | undefined },
  ni: Uint8Array,
  nr: Uint8Array,
  shared?: Uint8Array,
): { readonly initiator: ChildKeys; readonly responder: ChildKeys } {
  const encrLength = suite.encr === undefined ? 0 : encrKeyLength(suite.encr);
  const integLength = suite.encr?.aead === true ? 0 : (suite.integ?.keyLength ?? 0);
  const take = slices(childKeymat(prf, skD, ni, nr, shared, 2 * (encrLength + integLength)));
  return {
    initiator: { encrKey: take(encrLength), integKey: take(integLength) },
    responder: { encrKey: take(encrLength), integKey: take(integLength) },
  };
}

/** The first `octets` of a Child SA's KEYMAT, with the new shared secret where there was one (RFC 7296 2.17). */
export function childKeymat(
  prf: PrfTransform,
  skD: KeyedPrf | Uint8Array,
  ni: Uint8Array,
  nr: Uint8Array,
  shared: Uint8Array | undefined,
  octets: number,
): Buffer {
  const keyed = skD instanceof Uint8Array ? keyPrf(prf, skD) : skD;
  const seed = shared === undefined ? Buffer.concat([ni, nr]) : Buffer.concat([shared, ni, nr]);
  const stream = prfPlus(keyed, seed, octets);
  if (keyed !== skD) keyed.destroy();
  if (shared !== undefined) seed.fill(0);
  return stream;
}

function signOnce(prf: PrfTransform, key: Uint8Array, ...chunks: Uint8Array[]): Buffer {
  const keyed = keyPrf(prf, key);
  const output = keyed.sign(...chunks);
  keyed.destroy();
  return output;
}

function slices(stream: Buffer): (length: number) => Buffer {
  let offset = 0;
  return (length) => {
    offset += length;
    return stream.subarray(offset - length, offset);
  };
}
