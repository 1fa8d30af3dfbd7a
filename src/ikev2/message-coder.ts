/** The messages of one IKE SA, between payloads and octets: headers, IVs, sealing and opening (RFC 7296 3.1, 3.14). */
import type { SkCipher } from "../crypto/sk-cipher.ts";
import { type Datagrams, datagramsOf, headersOn, longest } from "../sa/datagrams.ts";
import { WireError } from "../wire/error.ts";
import { decodeHeader, flag, type Header } from "../wire/ikev2/header.ts";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from "../wire/ikev2/message.ts";
import type { SkfPayload } from "../wire/ikev2/payloads/encrypted.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { payloadType } from "../wire/ikev2/registry/message.ts";
import { type Fingerprint, fingerprintOf } from "./fingerprint.ts";
import { sealFitting, smallerSizes } from "./fragments.ts";
import type { IkeSa } from "./ike-sa.ts";
import { find } from "./payloads.ts";
import { type Inner, openBody, sealInner, unseal } from "./protected-message.ts";
import { Reassembly } from "./reassembly.ts";
import { receivedPayloads } from "./received-payloads.ts";

/** A protected message: what its repeats look like, and what was in it; `fault` where it is authentic and yet malformed. */
export type Opened = {
  readonly fingerprint: Fingerprint;
} & ({ readonly payloads: Payload[] } | { readonly fault: string });

/** Makes and opens messages under the keys that the IKE SA has at the time. */
export class MessageCoder {
  readonly #sa: IkeSa;
  /** Made when a fragment comes. */
  #reassembly: Reassembly | undefined;
  #ivCounter = 0n;

  constructor(sa: IkeSa) {
    this.#sa = sa;
  }

  /** A message in clear; its message ID is 0, for only IKE_SA_INIT is one. `flags`: `flag.response` or 0. */
  clear(type: number, payloads: readonly Payload[], flags: number): Buffer {
    return encodeMessage(this.#header(type, 0, flags), this.#rewritten(type, flags, payloads));
  }

  /**
   * A protected message, in fragments where the peer takes them and the path asks for them. `flags`: `flag.response` or
   * 0. Throws RangeError where the IKE SA has no keys.
   */
  seal(type: number, messageId: number, payloads: readonly Payload[], flags: number): Datagrams {
    const { keying } = this.#sa;
    if (keying === undefined) throw new RangeError("an IKE SA without keys cannot seal");
    this.#sa.lastSent = this.#sa.host.now();
    const sealed = encodePayloads(this.#rewritten(type, flags, payloads));
    return this.#sealInner(this.#header(type, messageId, flags), sealed, keying.sending);
  }

  /**
   * The same message of ours in smaller fragments, and from now on all of them: RFC 7383 2.5.2. `size`: octets of an IP
   * datagram; without it, the next that makes a difference. Undefined where none does.
   */
  refragment(message: Datagrams, size?: number): Datagrams | undefined {
    const { keying, path, fragmentSize } = this.#sa;
    const [first] = datagramsOf(message);
    if (keying === undefined || fragmentSize === 0 || first === undefined) return undefined;
    const now = longest(message) + headersOn(path);
    const sizes = (size === undefined ? smallerSizes(path) : [size]).filter((smaller) => smaller < now);
    const inner = sizes.length === 0 ? undefined : unseal(datagramsOf(message), keying.sending);
    if (inner === undefined) return undefined;
    for (const smaller of sizes) {
      this.#sa.fragmentSize = Math.min(fragmentSize, smaller);
      const fragments = this.#sealInner(decodeHeader(first), inner, keying.sending);
      // The total tells the sets apart: it must grow.
      if (datagramsOf(fragments).length > datagramsOf(message).length) return fragments;
    }
    return undefined;
  }

  /** The same message of ours with another message ID. */
  renumber(message: Datagrams, messageId: number): Datagrams | undefined {
    const { keying } = this.#sa;
    const [first] = datagramsOf(message);
    if (keying === undefined || first === undefined) return undefined;
    const inner = unseal(datagramsOf(message), keying.sending);
    if (inner === undefined) return undefined;
    return this.#sealInner({ ...decodeHeader(first), messageId }, inner, keying.sending);
  }

  /**
   * Decrypts; undefined where the message is not authentic, or a fragment of one that is not whole yet. Throws WireError
   * where what is not encrypted is malformed.
   */
  open(header: Header, octets: Uint8Array): Opened | undefined {
    const { keying, fragmentSize } = this.#sa;
    if (keying === undefined) return undefined;
    const { payloads } = decodeMessage(octets, header);
    const fragment = find(payloads, "SKF");
    if (fragment !== undefined) return fragmentSize === 0 ? undefined : this.#assemble(header, octets, fragment);
    const sk = find(payloads, "SK");
    if (sk === undefined) return undefined;
    const content = openBody(octets, sk.body, keying.receiving);
    if (content === undefined) return this.#forged(header);
    this.#reassembly?.discard(keyOf(header));
    return this.#decode(header, { firstType: sk.firstInner, octets: content }, fingerprintOf(octets));
  }

  /** Whether these octets are an authentic first fragment. Throws WireError where what is not encrypted is malformed. */
  isFirstFragment(header: Header, octets: Uint8Array): boolean {
    const { keying, fragmentSize } = this.#sa;
    if (keying === undefined || fragmentSize === 0 || octets[16] !== payloadType.SKF) return false;
    const fragment = find(decodeMessage(octets, header).payloads, "SKF");
    return fragment?.fragmentNumber === 1 && openBody(octets, fragment.body, keying.receiving) !== undefined;
  }

  /** Nothing more has come of messages that are not whole for too long. */
  expireFragments(): void {
    this.#reassembly?.expire();
  }

  /** Forgets messages that are not whole. */
  forgetFragments(): void {
    this.#reassembly?.clear();
    this.#reassembly = undefined;
  }

  #assemble(header: Header, octets: Uint8Array, fragment: SkfPayload): Opened | undefined {
    this.#reassembly ??= new Reassembly(this.#sa);
    const { fragmentNumber: number, totalFragments: total, firstInner, body } = fragment;
    const whole = this.#reassembly.add(keyOf(header), { number, total, firstInner, body }, octets);
    if (whole === "forged") return this.#forged(header);
    if (whole === "refused" || whole === "incomplete") return undefined;
    return this.#decode(header, whole, whole.fingerprint);
  }

  #decode(header: Header, inner: Inner, fingerprint: Fingerprint): Opened {
    const opened = decode(inner, fingerprint);
    if ("fault" in opened) return opened;
    return { fingerprint, payloads: receivedPayloads(this.#sa.host, header, opened.payloads) };
  }

  #forged(header: Header): undefined {
    this.#sa.drop("integrity check failed", header);
    return undefined;
  }

  #sealInner(header: Parameters<typeof sealInner>[0], inner: Inner, cipher: SkCipher): Datagrams {
    const { fragmentSize, path } = this.#sa;
    const nextIv = () => this.#nextIv(cipher);
    if (fragmentSize === 0) return sealInner(header, inner, cipher, nextIv());
    return sealFitting(header, inner, cipher, nextIv, fragmentSize, path);
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

function decode(inner: Inner, fingerprint: Fingerprint): Opened {
  try {
    return { fingerprint, payloads: decodePayloads(inner.firstType, inner.octets, "protected") };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { fingerprint, fault: error.message };
  }
}

function keyOf({ messageId, flags }: Header): number {
  return messageId * 2 + ((flags & flag.response) === 0 ? 0 : 1);
}
