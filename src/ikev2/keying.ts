/** The keys of a new IKE SA (RFC 7296 2.14). */
import { deriveIkeKeys, skeyseed } from "../crypto/ikev2-keys.ts";
import { keyPrf } from "../crypto/prf.ts";
import { wipe } from "../crypto/secret.ts";
import { makeSkCipher } from "../crypto/sk-cipher.ts";
import type { IkeSuite } from "../negotiate/suite.ts";
import type { IkeKeying, Role } from "./ike-sa.ts";
import { ikeSpiOctets } from "./payloads.ts";

export interface KeyingInput {
  readonly role: Role;
  readonly suite: IkeSuite;
  readonly secret: Uint8Array;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
}

/** What protects messages, and SK_pi and SK_pr, which only IKE_AUTH needs. Wipes the shared secret. */
export function deriveKeying(input: KeyingInput): { keying: IkeKeying; skPi: Uint8Array; skPr: Uint8Array } {
  const { role, suite, ni, nr } = input;
  const seed = skeyseed(suite.prf, ni, nr, input.secret);
  const keys = deriveIkeKeys(suite, seed, ni, nr, ikeSpiOctets(input.initiatorSpi), ikeSpiOctets(input.responderSpi));
  wipe(seed, input.secret);
  const fromInitiator = makeSkCipher(suite.encr, suite.integ, keys.skEi, keys.skAi);
  const fromResponder = makeSkCipher(suite.encr, suite.integ, keys.skEr, keys.skAr);
  const skD = keyPrf(suite.prf, keys.skD);
  const skPi = Uint8Array.from(keys.skPi);
  const skPr = Uint8Array.from(keys.skPr);
  wipe(...Object.values(keys));
  const [sending, receiving] = role === "initiator" ? [fromInitiator, fromResponder] : [fromResponder, fromInitiator];
  return { keying: { suite, sending, receiving, skD }, skPi, skPr };
}

/** The lesser of two nonces by their first 8 octets, for the comparison of RFC 7296 2.8.1. */
export function lowestNonce(ni: Uint8Array, nr: Uint8Array): bigint {
  const lowest = Buffer.compare(ni, nr) < 0 ? ni : nr;
  return Buffer.from(lowest.buffer, lowest.byteOffset, 8).readBigUInt64BE(0);
}
