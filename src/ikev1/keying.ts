/** The keys of an ISAKMP SA (RFC 2409 5 and appendix B). */

import type { HashName } from "../crypto/hash.ts";
import {
  type Cookies,
  deriveSkeyidKeys,
  expandCipherKey,
  phase1Iv,
  skeyidPreSharedKey,
  skeyidPublicKey,
  skeyidSignature,
} from "../crypto/ikev1-keys.ts";
import { IsakmpCipher } from "../crypto/isakmp-cipher.ts";
import { type KeyedPrf, keyPrf } from "../crypto/prf.ts";
import { wipe } from "../crypto/secret.ts";
import { type PrfTransform, prfTransforms } from "../crypto/transforms/prf.ts";
import { encryptionMethod, signatureMethod } from "../negotiate/isakmp-methods.ts";
import type { IsakmpTerms } from "../negotiate/isakmp-proposals.ts";
import type { IkeSuite } from "../negotiate/suite.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import { cookieOctets } from "./payloads.ts";

/** What stands once the key exchange of phase 1 has run. */
export interface IsakmpKeying {
  readonly suite: IkeSuite;
  readonly cipher: IsakmpCipher;
  /** Gives the keys of IPsec SAs. */
  readonly skeyidD: KeyedPrf;
  /** Authenticates the messages of phase 2. */
  readonly skeyidA: KeyedPrf;
}

export interface KeyingInput {
  readonly terms: IsakmpTerms;
  /** Undefined: the two ends have keys of their own. */
  readonly psk: Uint8Array | undefined;
  readonly shared: Uint8Array;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
  readonly initiatorCookie: bigint;
  readonly responderCookie: bigint;
  readonly witness?: KeyWitness | undefined;
}

/** The keys, SKEYID for the two ends' proofs, and phase 1's first IV. Wipes the shared secret. */
export function deriveIsakmpKeying(input: KeyingInput): {
  readonly keying: IsakmpKeying;
  readonly skeyid: KeyedPrf;
  readonly iv: Buffer;
} {
  const { terms, shared, gxi, gxr } = input;
  const { suite } = terms;
  const cookies = { initiator: cookieOctets(input.initiatorCookie), responder: cookieOctets(input.responderCookie) };
  const seed = skeyidSeed(input, cookies);
  const keyed = keyPrf(suite.prf, seed);
  const { d, a, e } = deriveSkeyidKeys(keyed, shared, cookies);
  const key = expandCipherKey(suite.prf, suite.encr, e);
  input.witness?.({ version: 1, initiatorCookie: input.initiatorCookie, key });
  const keying: IsakmpKeying = {
    suite,
    cipher: new IsakmpCipher(suite.encr, key),
    skeyidD: keyPrf(suite.prf, d),
    skeyidA: keyPrf(suite.prf, a),
  };
  const iv = phase1Iv(hashOf(suite), suite.encr, gxi, gxr);
  const skeyid = keyPrf(proofPrf(terms), seed);
  keyed.destroy();
  wipe(seed, shared, d, a, e, key);
  return { keying, skeyid, iv };
}

/** SKEYID, in the way of the method (RFC 2409 5). */
function skeyidSeed({ terms, psk, shared, ni, nr }: KeyingInput, cookies: Cookies): Buffer {
  const { prf } = terms.suite;
  if (encryptionMethod(terms.method) !== undefined) return skeyidPublicKey(prf, hashOf(terms.suite), ni, nr, cookies);
  return psk === undefined ? skeyidSignature(prf, ni, nr, shared) : skeyidPreSharedKey(prf, psk, ni, nr);
}

/** RFC 2409 5.1: HASH_I and HASH_R are made with the hash that a signature is tied to, where it is tied to one. */
function proofPrf({ suite, method }: IsakmpTerms): PrfTransform {
  const tied = signatureMethod(method)?.hash;
  const row = prfTransforms.find((one) => one.method.kind === "hmac" && one.method.hash === tied);
  return row ?? suite.prf;
}

/** The hash that was negotiated, whose HMAC is the PRF (RFC 2409 4). */
export function hashOf({ prf }: IkeSuite): HashName {
  if (prf.method.kind !== "hmac") throw new RangeError(`${prf.name} is no HMAC, which IKEv1 needs`);
  return prf.method.hash;
}

/** Overwrites what can be. */
export function wipeKeying({ cipher, skeyidD, skeyidA }: IsakmpKeying): void {
  cipher.destroy();
  skeyidD.destroy();
  skeyidA.destroy();
}

/** The lesser of two nonces by their first 8 octets: of two SAs that crossed, the one with the least goes. */
export function lowestNonce(ni: Uint8Array, nr: Uint8Array): bigint {
  const lowest = Buffer.compare(ni, nr) < 0 ? ni : nr;
  return Buffer.from(lowest.buffer, lowest.byteOffset, 8).readBigUInt64BE(0);
}
