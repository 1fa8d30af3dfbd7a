import { type HashName, hash } from "./hash.ts";
import { type KeyedPrf, keyPrf } from "./prf.ts";
import { type EncrTransform, encrKeyLength } from "./transforms/encr.ts";
import type { IntegTransform } from "./transforms/integ.ts";
import type { PrfTransform } from "./transforms/prf.ts";

/**
 * Key derivation and hashes of IKEv1 (RFC 2409 5 and appendix B), as pure functions. The PRF is the negotiated one or
 * the HMAC of the negotiated hash; nonces, identities and SA are payload bodies without their generic header.
 */

/** The cookies of an ISAKMP SA, eight octets each. */
export interface Cookies {
  readonly initiator: Uint8Array;
  readonly responder: Uint8Array;
}

/** The three secrets that SKEYID gives (RFC 2409 5). */
export interface SkeyidKeys {
  /** Of the keys of IPsec SAs. */
  readonly d: Buffer;
  /** Of the hashes that authenticate messages. */
  readonly a: Buffer;
  /** Of the key that encrypts messages. */
  readonly e: Buffer;
}

/** What one end's IPsec SA protects packets with; `encrKey` includes the salt, either is empty when not negotiated. */
export interface IpsecKeys {
  readonly encrKey: Buffer;
  readonly integKey: Buffer;
}

/** The SA for packets to the end that chose `spi`: one row of a Quick Mode's proposal (RFC 2409 5.5). */
export interface KeymatSa {
  /** Protocol-ID of the proposal: 2 is AH, 3 is ESP. */
  readonly protocolId: number;
  readonly spi: Uint8Array;
  readonly encr?: EncrTransform | undefined;
  readonly integ?: IntegTransform | undefined;
}

/** SKEYID = prf(pre-shared-key, Ni_b | Nr_b). */
export function skeyidPreSharedKey(prf: PrfTransform, psk: Uint8Array, ni: Uint8Array, nr: Uint8Array): Buffer {
  return signOnce(prf, psk, ni, nr);
}

/** SKEYID = prf(Ni_b | Nr_b, g^xy), for authentication with signatures. */
export function skeyidSignature(prf: PrfTransform, ni: Uint8Array, nr: Uint8Array, shared: Uint8Array): Buffer {
  return signOnce(prf, Buffer.concat([ni, nr]), shared);
}

/** SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R), for both authentications with public key encryption. */
export function skeyidPublicKey(
  prf: PrfTransform,
  hashName: HashName,
  ni: Uint8Array,
  nr: Uint8Array,
  cookies: Cookies,
): Buffer {
  return signOnce(prf, hash(hashName, Buffer.concat([ni, nr])), cookies.initiator, cookies.responder);
}

/** SKEYID = prf(Ni_b | Nr_b, CKY-I | CKY-R): what Cisco IOS takes instead of {@link skeyidPublicKey}. */
export function skeyidPublicKeyCisco(prf: PrfTransform, ni: Uint8Array, nr: Uint8Array, cookies: Cookies): Buffer {
  return signOnce(prf, Buffer.concat([ni, nr]), cookies.initiator, cookies.responder);
}

/** SKEYID_d, SKEYID_a and SKEYID_e = prf(SKEYID, [previous |] g^xy | CKY-I | CKY-R | 0, 1, 2). */
export function deriveSkeyidKeys(skeyid: KeyedPrf, shared: Uint8Array, cookies: Cookies): SkeyidKeys {
  const { initiator, responder } = cookies;
  const d = skeyid.sign(shared, initiator, responder, octet0);
  const a = skeyid.sign(d, shared, initiator, responder, octet1);
  const e = skeyid.sign(a, shared, initiator, responder, octet2);
  return { d, a, e };
}

/**
 * The key of a cipher from SKEYID_e (or from Ne_i of RFC 2409 5.3): its first octets, or where it is too short those of
 * K1 | K2 | … with K1 = prf(SKEYID_e, 0) and Kn = prf(SKEYID_e, Kn-1) (RFC 2409 appendix B).
 */
export function expandCipherKey(prf: PrfTransform, encr: EncrTransform, skeyidE: Uint8Array): Buffer {
  const length = encrKeyLength(encr);
  if (length <= skeyidE.length) return Buffer.from(skeyidE.subarray(0, length));
  const keyed = keyPrf(prf, skeyidE);
  const key = feedback(keyed, length, (previous) => keyed.sign(previous ?? octet0));
  keyed.destroy();
  return key;
}

/** Phase 1's first IV: hash(g^xi | g^xr), as long as a block (RFC 2409 appendix B). */
export function phase1Iv(hashName: HashName, encr: EncrTransform, gxi: Uint8Array, gxr: Uint8Array): Buffer {
  return hash(hashName, Buffer.concat([gxi, gxr])).subarray(0, encr.blockLength);
}

/**
 * The first IV of an exchange after phase 1: hash(last block of phase 1's last message | M-ID), as long as a block
 * (RFC 2409 appendix B).
 */
export function phase2Iv(hashName: HashName, encr: EncrTransform, lastBlock: Uint8Array, messageId: number): Buffer {
  return hash(hashName, Buffer.concat([lastBlock, octets32(messageId)])).subarray(0, encr.blockLength);
}

/** HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b). */
export function hashI(
  skeyid: KeyedPrf,
  gxi: Uint8Array,
  gxr: Uint8Array,
  cookies: Cookies,
  saBody: Uint8Array,
  idBody: Uint8Array,
): Buffer {
  return skeyid.sign(gxi, gxr, cookies.initiator, cookies.responder, saBody, idBody);
}

/** HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b). */
export function hashR(
  skeyid: KeyedPrf,
  gxi: Uint8Array,
  gxr: Uint8Array,
  cookies: Cookies,
  saBody: Uint8Array,
  idBody: Uint8Array,
): Buffer {
  return skeyid.sign(gxr, gxi, cookies.responder, cookies.initiator, saBody, idBody);
}

/**
 * HASH(1) = prf(SKEYID_a, M-ID | everything after the HASH payload without padding), of Quick Mode's first message, of
 * Informational exchanges (RFC 2409 5.7) and of transactions (draft-dukes-ike-mode-cfg-02 3.1.1).
 */
export function hash1(skeyidA: KeyedPrf, messageId: number, afterHash: Uint8Array): Buffer {
  return skeyidA.sign(octets32(messageId), afterHash);
}

/** HASH(2) = prf(SKEYID_a, M-ID | Ni_b | everything after the HASH payload without padding). */
export function hash2(skeyidA: KeyedPrf, messageId: number, ni: Uint8Array, afterHash: Uint8Array): Buffer {
  return skeyidA.sign(octets32(messageId), ni, afterHash);
}

/** HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b). */
export function hash3(skeyidA: KeyedPrf, messageId: number, ni: Uint8Array, nr: Uint8Array): Buffer {
  return skeyidA.sign(octet0, octets32(messageId), ni, nr);
}

/**
 * The keys of one IPsec SA: KEYMAT = K1 | K2 | … with Kn = prf(SKEYID_d, [Kn-1 |] [g(qm)^xy |] protocol | SPI | Ni_b |
 * Nr_b) (RFC 2409 5.5), encryption first. With AH and ESP together each has its own, and each direction its own SPI.
 */
export function deriveIpsecKeys(
  skeyidD: KeyedPrf,
  sa: KeymatSa,
  ni: Uint8Array,
  nr: Uint8Array,
  shared: Uint8Array = nothing,
): IpsecKeys {
  const encrLength = sa.encr === undefined ? 0 : encrKeyLength(sa.encr);
  const integLength = sa.encr?.aead === true ? 0 : (sa.integ?.keyLength ?? 0);
  const keymat = ipsecKeymat(skeyidD, sa, ni, nr, shared, encrLength + integLength);
  return { encrKey: keymat.subarray(0, encrLength), integKey: keymat.subarray(encrLength) };
}

/** The first `octets` of an IPsec SA's KEYMAT; `shared` is empty without a key exchange of its own (RFC 2409 5.5). */
export function ipsecKeymat(
  skeyidD: KeyedPrf,
  sa: Pick<KeymatSa, "protocolId" | "spi">,
  ni: Uint8Array,
  nr: Uint8Array,
  shared: Uint8Array,
  octets: number,
): Buffer {
  const protocol = Uint8Array.of(sa.protocolId);
  return feedback(skeyidD, octets, (previous) => skeyidD.sign(previous ?? nothing, shared, protocol, sa.spi, ni, nr));
}

const nothing = new Uint8Array(0);
const octet0 = Uint8Array.of(0);
const octet1 = Uint8Array.of(1);
const octet2 = Uint8Array.of(2);

/** `length` octets of the blocks that `next` gives, each made from the one before. */
function feedback(prf: KeyedPrf, length: number, next: (previous: Buffer | undefined) => Buffer): Buffer {
  // Memory of its own, because keys are kept as slices of it: a slice of Node's pool would keep 8 KiB alive.
  const stream = Buffer.allocUnsafeSlow(length);
  let previous: Buffer | undefined;
  for (let offset = 0; offset < length; offset += prf.outputLength) {
    const block = next(previous);
    block.copy(stream, offset);
    previous?.fill(0);
    previous = block;
  }
  previous?.fill(0);
  return stream;
}

function octets32(number: number): Buffer {
  const octets = Buffer.allocUnsafe(4);
  octets.writeUInt32BE(number);
  return octets;
}

function signOnce(prf: PrfTransform, key: Uint8Array, ...chunks: Uint8Array[]): Buffer {
  const keyed = keyPrf(prf, key);
  const output = keyed.sign(...chunks);
  keyed.destroy();
  return output;
}
