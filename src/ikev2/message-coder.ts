/** The messages of one IKE SA, between payloads and octets: headers, IVs, sealing and opening (RFC 7296 3.1, 3.14). */
import type { SkCipher } from "../crypto/sk-cipher.ts";
import { WireError } from "../wire/error.ts";
import { flag, type Header } from "../wire/ikev2/header.ts";
import { decodeMessage, encodeMessage } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { IkeSa } from "./ike-sa.ts";
import { find } from "./payloads.ts";
import { openMessage, sealMessage } from "./protected-message.ts";

/** What was in a protected message; `fault` where it is authentic and yet malformed. */
export type Opened = { readonly payloads: Payload[] } | { readonly fault: string };

/** Makes and opens messages under the keys that the IKE SA has at the time. */
export class MessageCoder {
  readonly #sa: IkeSa;
  #ivCounter = 0n;

  constructor(sa: IkeSa) {
    this.#sa = sa;
  }

  /** A message in clear; its message ID is 0, for only IKE_SA_INIT is one. `flags`: `flag.response` or 0. */
  clear(type: number, payloads: readonly Payload[], flags: number): Buffer {
    return encodeMessage(this.#header(type, 0, flags), this.#rewritten(type, flags, payloads));
  }

  /** A protected message. `flags`: `flag.response` or 0. Throws RangeError where the IKE SA has no keys. */
  seal(type: number, messageId: number, payloads: readonly Payload[], flags: number): Buffer {
    const { keying } = this.#sa;
    if (keying === undefined) throw new RangeError("an IKE SA without keys cannot seal");
    this.#sa.lastSent = this.#sa.host.now();
    const sealed = this.#rewritten(type, flags, payloads);
    return sealMessage(this.#header(type, messageId, flags), sealed, keying.sending, this.#nextIv(keying.sending));
  }

  /** Decrypts; undefined where the message is not authentic. Throws WireError where what is not encrypted is malformed. */
  open(header: Header, octets: Uint8Array): Opened | undefined {
    const { keying } = this.#sa;
    if (keying === undefined) return undefined;
    const sk = find(decodeMessage(octets, header).payloads, "SK");
    if (sk === undefined) return undefined;
    try {
      const payloads = openMessage(octets, sk, keying.receiving);
      if (payloads === undefined) this.#sa.drop("integrity check failed", header);
      return payloads === undefined ? undefined : { payloads };
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return { fault: error.message };
    }
  }

  #rewritten(type: number, flags: number, payloads: readonly Payload[]): readonly Payload[] {
    const { rewrite } = this.#sa.host;
    return rewrite === undefined ? payloads : rewrite(type, (flags & flag.response) !== 0, payloads);
  }

  /** CBC wants unpredictable IVs; for counter modes a counter is all that is needed, and never repeats (RFC 5282 3.1). */
  #nextIv(cipher: SkCipher): Uint8Array {
    if (cipher.randomIv) return this.#sa.host.random(cipher.ivLength);
    const iv = Buffer.alloc(cipher.ivLength);
    this.#ivCounter += 1n;
    iv.writeBigUInt64BE(this.#ivCounter, cipher.ivLength - 8);
    return iv;
  }

  #header(type: number, messageId: number, flags: number) {
    return {
      initiatorSpi: this.#sa.initiatorSpi,
      responderSpi: this.#sa.responderSpi,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: type,
      flags: flags | (this.#sa.role === "initiator" ? flag.initiator : 0),
      messageId,
    };
  }
}
