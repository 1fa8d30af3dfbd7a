/** What is known of one IKEv2 SA of a capture: its keys, the fragments on their way, what it has said. */
import { EspCipher } from "../../crypto/esp-cipher.ts";
import { makeSkCipher, type SkCipher, SkCipherError } from "../../crypto/sk-cipher.ts";
import { openBody } from "../../ikev2/protected-message.ts";
import { WireError } from "../../wire/error.ts";
import { flag } from "../../wire/ikev2/header.ts";
import { decodePayloads, type Message } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import type { Ikev2Keys } from "../keys/key-store.ts";
import { Repeats } from "../repeats.ts";

/** Bounds of what a capture can make us keep of one SA. */
const bounds = { fragments: 256, fragmentedMessages: 16 } as const;

/** What came of opening. */
export type Opened =
  | {
      readonly kind: "opened";
      readonly payloads: readonly Payload[];
      /**
       * The integrity check fails, and yet payloads come out: SK_a is wrong, or the sender computes it otherwise; or there
       * is no SK_a to check it with.
       */
      readonly unverified?: "failed" | "unchecked";
    }
  | { readonly kind: "no key" | "wrong" }
  | { readonly kind: "fragment"; readonly have: number; readonly of: number };

interface Fragments {
  readonly pieces: Map<number, Buffer>;
  readonly total: number;
  firstType: number;
}

/** One IKE SA. */
export class Ikev2Session {
  /** The octets of IKE_SA_INIT as they were last seen, for key derivation and authentication. */
  initRequest: { readonly octets: Uint8Array; readonly message: Message } | undefined;
  initResponse: { readonly octets: Uint8Array; readonly message: Message } | undefined;
  #ciphers: { readonly initiator: SkCipher; readonly responder: SkCipher } | undefined;
  #keys: Ikev2Keys | undefined;
  readonly #fragments = new Map<string, Fragments>();
  /** Its messages that were seen before. */
  readonly repeats = new Repeats();

  /** Whether messages can be opened. */
  get hasKeys(): boolean {
    return this.#keys !== undefined;
  }

  /** Throws {@link SkCipherError} where they do not fit their algorithms. */
  useKeys(keys: Ikev2Keys): void {
    this.#keys = keys;
    if (!keys.encr.aead && keys.integ === undefined) return;
    this.#ciphers = {
      initiator: makeSkCipher(keys.encr, keys.integ, keys.skEi, keys.skAi),
      responder: makeSkCipher(keys.encr, keys.integ, keys.skEr, keys.skAr),
    };
  }

  /** What is inside SK or, with the last of them, inside the fragments. Throws WireError where that is malformed. */
  open(message: Message, octets: Uint8Array): Opened | undefined {
    const last = message.payloads.at(-1);
    if (last === undefined || (last.kind !== "SK" && last.kind !== "SKF")) return undefined;
    if (this.#keys === undefined) return { kind: "no key" };
    const fromInitiator = (message.header.flags & flag.initiator) !== 0;
    if (this.#ciphers === undefined) return this.#unchecked(message, last, this.#keys, fromInitiator);
    const cipher = fromInitiator ? this.#ciphers.initiator : this.#ciphers.responder;
    const plaintext = opened(octets, last.body, cipher);
    if (plaintext === undefined) return this.#unverified(last, fromInitiator);
    if (last.kind === "SK")
      return { kind: "opened", payloads: decodePayloads(last.firstInner, plaintext, "protected") };
    return this.#collect(message, last, plaintext);
  }

  #unverified(last: Extract<Payload, { kind: "SK" | "SKF" }>, fromInitiator: boolean): Opened {
    const keys = this.#keys;
    if (keys === undefined || keys.encr.aead || last.kind === "SKF") return { kind: "wrong" };
    const plain = decrypted(last.body, keys, fromInitiator, keys.integ?.icvLength ?? 0);
    const payloads = plain === undefined ? undefined : payloadsIn(last.firstInner, plain);
    return payloads === undefined ? { kind: "wrong" } : { kind: "opened", payloads, unverified: "failed" };
  }

  /** Without SK_a the length of the ICV is told by what comes out, where the keys do not say it. */
  #unchecked(
    message: Message,
    last: Extract<Payload, { kind: "SK" | "SKF" }>,
    keys: Ikev2Keys,
    fromInitiator: boolean,
  ): Opened {
    for (const icvLength of keys.icvLength === undefined ? icvLengths : [keys.icvLength]) {
      const plain = decrypted(last.body, keys, fromInitiator, icvLength);
      if (plain === undefined) continue;
      if (last.kind === "SKF") return this.#collect(message, last, plain);
      const payloads = payloadsIn(last.firstInner, plain);
      if (payloads !== undefined) return { kind: "opened", payloads, unverified: "unchecked" };
    }
    return { kind: "wrong" };
  }

  #collect({ header }: Message, skf: Extract<Payload, { kind: "SKF" }>, plaintext: Buffer): Opened {
    const key = `${header.flags} ${header.messageId}`;
    let fragments = this.#fragments.get(key);
    // RFC 7383 2.6: a greater total begins anew.
    if (fragments === undefined || fragments.total < skf.totalFragments) {
      if (this.#fragments.size >= bounds.fragmentedMessages) this.#fragments.clear();
      fragments = { pieces: new Map(), total: skf.totalFragments, firstType: 0 };
      this.#fragments.set(key, fragments);
    }
    if (skf.totalFragments === fragments.total && fragments.pieces.size < bounds.fragments) {
      fragments.pieces.set(skf.fragmentNumber, Buffer.from(plaintext));
      if (skf.fragmentNumber === 1) fragments.firstType = skf.firstInner;
    }
    const { pieces, total, firstType } = fragments;
    if (pieces.size < total) return { kind: "fragment", have: pieces.size, of: total };
    this.#fragments.delete(key);
    const whole = Array.from({ length: total }, (_, index) => pieces.get(index + 1) ?? Buffer.alloc(0));
    return { kind: "opened", payloads: decodePayloads(firstType, Buffer.concat(whole), "protected") };
  }
}

/** Of the integrity algorithms there are, the likeliest first. */
const icvLengths: readonly number[] = [12, 16, 24, 32, 20];

/** What a body holds, whatever its ICV; undefined where that cannot be. */
function decrypted(body: Uint8Array, keys: Ikev2Keys, fromInitiator: boolean, icvLength: number): Buffer | undefined {
  const cipher = new EspCipher({ encr: keys.encr, encrKey: fromInitiator ? keys.skEi : keys.skEr, icvLength });
  // The octets of an ESP header are not looked at without a key for the ICV.
  const padded = cipher.open(Buffer.concat([Buffer.alloc(8), body]))?.padded;
  const plain = padded?.subarray(0, Math.max(0, padded.length - 1 - (padded.at(-1) ?? 0)));
  return plain === undefined || plain.length === 0 ? undefined : plain;
}

function payloadsIn(firstType: number, plain: Buffer): readonly Payload[] | undefined {
  try {
    return decodePayloads(firstType, plain, "protected");
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

function opened(octets: Uint8Array, body: Uint8Array, cipher: SkCipher): Buffer | undefined {
  try {
    return openBody(octets, body, cipher);
  } catch (error) {
    if (error instanceof SkCipherError) return undefined;
    throw error;
  }
}
