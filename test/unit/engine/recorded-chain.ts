/** IKEv1's encryption of a recorded handshake, whose IVs are the last blocks of what was said before (RFC 2409 appendix B). */
import { expandCipherKey, phase1Iv, phase2Iv } from "../../../src/crypto/ikev1-keys.ts";
import { IsakmpCipher } from "../../../src/crypto/isakmp-cipher.ts";
import type { EncrTransform } from "../../../src/crypto/transforms/encr.ts";
import { decodeMessage } from "../../../src/wire/ikev1/message.ts";
import type { KnownExchange } from "../crypto/ikev1-replay.ts";

const headerLength = 28;

/** The IVs of one conversation. */
class Chain {
  readonly #exchange: KnownExchange;
  readonly #encr: EncrTransform;
  readonly #ivs = new Map<number, Buffer>();

  constructor(exchange: KnownExchange, encr: EncrTransform) {
    this.#exchange = exchange;
    this.#encr = encr;
    this.#ivs.set(0, phase1Iv(exchange.hash.method.hash, encr, exchange.gxi, exchange.gxr));
  }

  iv(messageId: number): Buffer {
    const phase1 = this.#ivs.get(0) ?? Buffer.alloc(0);
    return this.#ivs.get(messageId) ?? phase2Iv(this.#exchange.hash.method.hash, this.#encr, phase1, messageId);
  }

  /** That message was said. */
  said(messageId: number, ciphertext: Uint8Array): void {
    this.#ivs.set(messageId, Buffer.from(ciphertext.subarray(-this.#encr.blockLength)));
  }
}

/**
 * Says recorded messages in another conversation with the same keys: where what the engine said differs from what was
 * recorded, the IVs after it do, so that the recorded plaintext is encrypted again. Where nothing differs, nothing changes.
 */
export class Retelling {
  readonly #cipher: IsakmpCipher;
  readonly #recorded: Chain;
  readonly #here: Chain;

  constructor(exchange: KnownExchange, encr: EncrTransform) {
    this.#cipher = new IsakmpCipher(encr, expandCipherKey(exchange.hash, encr, exchange.keys.e));
    this.#recorded = new Chain(exchange, encr);
    this.#here = new Chain(exchange, encr);
  }

  /** A message of the end whose place the engine takes: as recorded, and as the engine said it. */
  replaced(recorded: Buffer, ours: Buffer): void {
    follow(this.#recorded, recorded);
    follow(this.#here, ours);
  }

  /** A message of the other end, as it is to be said here. */
  retold(recorded: Buffer): Buffer {
    const message = decodeMessage(recorded, everything);
    if (!("ciphertext" in message)) return recorded;
    const { messageId } = message.header;
    const plaintext = this.#cipher.decrypt(this.#recorded.iv(messageId), message.ciphertext);
    if (plaintext === undefined) throw new Error("not of whole blocks");
    const ciphertext = this.#cipher.encrypt(this.#here.iv(messageId), plaintext);
    this.#recorded.said(messageId, message.ciphertext);
    this.#here.said(messageId, ciphertext);
    return Buffer.concat([recorded.subarray(0, headerLength), ciphertext]);
  }
}

/** Payloads that may be encrypted by themselves are not looked into. */
const everything: ReadonlySet<number> = new Set([5, 10]);

function follow(chain: Chain, octets: Buffer): void {
  const message = decodeMessage(octets, everything);
  if ("ciphertext" in message) chain.said(message.header.messageId, message.ciphertext);
}
