/** Encryption of ISAKMP messages, and the chain of IVs through each exchange (RFC 2409 appendix B). */
import { phase2Iv } from "../crypto/ikev1-keys.ts";
import type { Header } from "../wire/ikev1/header.ts";
import {
  decodeProtected,
  type EncodedPayloads,
  encodeEncrypted,
  encodeMessage,
  type Protected,
} from "../wire/ikev1/message.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import { hashOf, type IsakmpKeying } from "./keying.ts";

/** Where an exchange stands in its chain of IVs: each message's is the last block of the one before. */
export interface Chain {
  iv: Buffer;
}

/** A decrypted message: its chain goes on only once it has been found authentic. */
export interface Opened {
  readonly message: Protected;
  readonly nextIv: Buffer;
}

/** Writes the messages of one ISAKMP SA, and opens the peer's. */
export class MessageCoder {
  readonly #sa: IkeV1Sa;

  constructor(sa: IkeV1Sa) {
    this.#sa = sa;
  }

  /** The chain of an exchange after phase 1. */
  chainOf(messageId: number): Chain | undefined {
    const { keying, phase1Chain } = this.#sa;
    if (keying === undefined || phase1Chain === undefined) return undefined;
    const { suite } = keying;
    return { iv: phase2Iv(hashOf(suite), suite.encr, phase1Chain.iv, messageId) };
  }

  /** A message in clear, as phase 1 begins. */
  clear(exchangeType: number, messageId: number, payloads: readonly Payload[]): Buffer {
    return encodeMessage(this.#header(exchangeType, messageId), payloads);
  }

  /** An encrypted message; the chain goes on. */
  seal(keying: IsakmpKeying, exchangeType: number, messageId: number, chain: Chain, payloads: EncodedPayloads): Buffer {
    const ciphertext = keying.cipher.encrypt(chain.iv, payloads.octets);
    payloads.octets.fill(0);
    chain.iv = keying.cipher.ivAfter(ciphertext);
    return encodeEncrypted(this.#header(exchangeType, messageId), payloads.firstType, ciphertext);
  }

  /** Decrypts; undefined where that cannot be. Throws WireError where what comes out is no chain of payloads. */
  open(header: Header, ciphertext: Uint8Array, chain: Chain): Opened | undefined {
    const { keying } = this.#sa;
    const plaintext = keying?.cipher.decrypt(chain.iv, ciphertext);
    if (keying === undefined || plaintext === undefined) return undefined;
    return { message: decodeProtected(header.nextPayload, plaintext), nextIv: keying.cipher.ivAfter(ciphertext) };
  }

  #header(exchangeType: number, messageId: number) {
    const { initiatorSpi, responderSpi } = this.#sa;
    return { initiatorCookie: initiatorSpi, responderCookie: responderSpi, exchangeType, flags: 0, messageId };
  }
}
