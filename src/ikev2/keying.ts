/** The keys of a new IKE SA (RFC 7296 2.14). */
import { deriveIkeKeys, rekeySkeyseed, skeyseed } from "../crypto/ikev2-keys.ts";
import { type KeyedPrf, keyPrf } from "../crypto/prf.ts";
import { wipe } from "../crypto/secret.ts";
import { makeSkCipher, type SkCipher } from "../crypto/sk-cipher.ts";
import type { IkeSuite } from "../negotiate/suite.ts";
import type { Role } from "../sa/any-ike-sa.ts";
import type { KeyWitness } from "../sa/key-witness.ts";

import { ikeSpiOctets } from "./payloads.ts";

/** What stands once IKE_SA_INIT has run. */
export interface IkeKeying {
  readonly suite: IkeSuite;
  /** Protects what we send. */
  readonly sending: SkCipher;
  /** Opens what the peer sends. */
  readonly receiving: SkCipher;
  readonly skD: KeyedPrf;
}

export interface KeyingInput {
  readonly role: Role;
  readonly suite: IkeSuite;
  readonly secret: Uint8Array;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly witness?: KeyWitness | undefined;
}

/** What protects messages, and SK_pi and SK_pr, which only IKE_AUTH needs. Wipes the shared secret. */
export function deriveKeying(input: KeyingInput): { keying: IkeKeying; skPi: Uint8Array; skPr: Uint8Array } {
  const { skD, ...rest } = deriveTicketKeying(input);
  wipe(skD);
  return rest;
}

/** The same, with the SK_d that a ticket holds (RFC 5723 5). */
export function deriveTicketKeying(input: KeyingInput): TicketKeying {
  return expand(input, skeyseed(input.suite.prf, input.ni, input.nr, input.secret));
}

/** What an IKE SA has that is resumed from the SK_d of one that is gone (RFC 5723 5.1). */
export function deriveResumedKeying(input: Omit<KeyingInput, "secret">, skD: KeyedPrf | Uint8Array): TicketKeying {
  const { suite, ni, nr } = input;
  const secret = Buffer.from("Resumption", "ascii");
  return expand({ ...input, secret }, rekeySkeyseed(suite.prf, skD, secret, ni, nr));
}

/** The same for an IKE SA that replaces another, whose SK_d and PRF give the seed (RFC 7296 2.18). */
export function deriveSuccessorKeying(
  input: Omit<KeyingInput, "initiatorSpi" | "responderSpi"> & { readonly localSpi: bigint; readonly remoteSpi: bigint },
  old: IkeKeying,
): IkeKeying {
  const { role, localSpi, remoteSpi } = input;
  const [initiatorSpi, responderSpi] = role === "initiator" ? [localSpi, remoteSpi] : [remoteSpi, localSpi];
  const seed = rekeySkeyseed(old.suite.prf, old.skD, input.secret, input.ni, input.nr);
  const { keying, skPi, skPr, skD } = expand({ ...input, initiatorSpi, responderSpi }, seed);
  // Nobody authenticates again.
  wipe(skPi, skPr, skD);
  return keying;
}

/** The keys of a new IKE SA, and octets that the caller wipes. */
export interface TicketKeying {
  readonly keying: IkeKeying;
  readonly skPi: Uint8Array;
  readonly skPr: Uint8Array;
  readonly skD: Uint8Array;
}

/** Wipes the seed and the shared secret. */
function expand(input: KeyingInput, seed: Buffer): TicketKeying {
  const { role, suite, ni, nr } = input;
  const keys = deriveIkeKeys(suite, seed, ni, nr, ikeSpiOctets(input.initiatorSpi), ikeSpiOctets(input.responderSpi));
  wipe(seed, input.secret);
  const { initiatorSpi, responderSpi } = input;
  input.witness?.({ version: 2, initiatorSpi, responderSpi, encr: suite.encr, integ: suite.integ, ...keys });
  const fromInitiator = makeSkCipher(suite.encr, suite.integ, keys.skEi, keys.skAi);
  const fromResponder = makeSkCipher(suite.encr, suite.integ, keys.skEr, keys.skAr);
  const skD = keyPrf(suite.prf, keys.skD);
  const skPi = Uint8Array.from(keys.skPi);
  const skPr = Uint8Array.from(keys.skPr);
  const ticketSkD = Uint8Array.from(keys.skD);
  wipe(...Object.values(keys));
  const [sending, receiving] = role === "initiator" ? [fromInitiator, fromResponder] : [fromResponder, fromInitiator];
  return { keying: { suite, sending, receiving, skD }, skPi, skPr, skD: ticketSkD };
}

/** The lesser of two nonces by their first 8 octets, for the comparison of RFC 7296 2.8.1. */
export function lowestNonce(ni: Uint8Array, nr: Uint8Array): bigint {
  const lowest = Buffer.compare(ni, nr) < 0 ? ni : nr;
  return Buffer.from(lowest.buffer, lowest.byteOffset, 8).readBigUInt64BE(0);
}
