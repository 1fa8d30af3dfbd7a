/** A peer on strings: speaks IKEv1 in main mode with an engine, holds the keys, and says whatever a test wants it to say. */
import {
  deriveSkeyidKeys,
  expandCipherKey,
  hash1,
  hash2,
  hash3,
  hashI,
  hashR,
  phase1Iv,
  phase2Iv,
  skeyidPreSharedKey,
} from "../../../src/crypto/ikev1-keys.ts";
import { IsakmpCipher } from "../../../src/crypto/isakmp-cipher.ts";
import { generateKePair, type KePair } from "../../../src/crypto/key-exchange.ts";
import { type KeyedPrf, keyPrf } from "../../../src/crypto/prf.ts";
import {
  decodeMessage,
  decodeProtected,
  type EncodedPayloads,
  encodeBody,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
  type HeaderFields,
  type Protected,
  prependHash,
} from "../../../src/wire/ikev1/message.ts";
import type { IdPayload } from "../../../src/wire/ikev1/payloads/identity.ts";
import type { Proposal } from "../../../src/wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev1/registry/message.ts";
import { encr, ke, prf } from "../crypto/vectors.ts";
import type { End } from "./world.ts";

/** What a peer of the puppet's is configured with. */
export const puppetIke = "aes128-sha256-ecp256";
export const puppetEsp = "aes128-sha256";

const [aes, sha256, ecp256] = [encr("aes128"), prf("prfsha256"), ke("ecp256")];
const psk = Buffer.from("a secret of some length");
const vid = (digits: string): Payload => ({ isakmp: "VID", data: Buffer.from(digits, "hex") });
const vendorIds = [vid("afcad71368a1f1c96b8696fc77570100"), vid("4048b7d56ebce88525e7de7f00d6c2d380000000")];

/** AES-128 with SHA2-256, ECP group 19 and a pre-shared key, for a day. */
const phase1: Proposal = {
  number: 1,
  protocolId: 1,
  spi: new Uint8Array(0),
  transforms: [
    {
      number: 1,
      id: 1,
      attributes: [
        { type: 1, value: 7 },
        { type: 14, value: 128 },
        { type: 2, value: 4 },
        { type: 3, value: 1 },
        { type: 4, value: 19 },
        { type: 11, value: 1 },
        { type: 12, value: Uint8Array.of(0, 1, 0x51, 0x80) },
      ],
    },
  ],
};

/** ESP in transport mode with AES-128 and HMAC-SHA2-256. */
export function espProposal(spi: number): Proposal {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(spi);
  const attributes = [
    { type: 4, value: 2 },
    { type: 6, value: 128 },
    { type: 5, value: 5 },
  ];
  return { number: 1, protocolId: 3, spi: octets, transforms: [{ number: 1, id: 12, attributes }] };
}

/** GRE between the two ends. */
export function greIdentity(address: string): IdPayload {
  return { isakmp: "ID", idType: 1, ipProtocol: 47, port: 0, data: Uint8Array.from(address.split(".").map(Number)) };
}

/** The puppet's, in quick mode. */
export const quickNonces = { initiator: new Uint8Array(32).fill(0x33), responder: new Uint8Array(32).fill(0x44) };

type Of<K extends Payload["isakmp"]> = Extract<Payload, { isakmp: K }>;

function one<K extends Payload["isakmp"]>(payloads: readonly Payload[], kind: K): Of<K> {
  const found = payloads.find((p): p is Of<K> => p.isakmp === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

interface Keys {
  readonly skeyid: KeyedPrf;
  readonly skeyidA: KeyedPrf;
  readonly skeyidD: KeyedPrf;
  readonly cipher: IsakmpCipher;
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
}

export class Ikev1Puppet {
  readonly end: End;
  readonly address: string;
  readonly role: "initiator" | "responder";
  readonly ownCookie: bigint;
  theirCookie = 0n;
  /** The Authentication Method that an initiator offers. */
  method = 1;
  /** Of our own exchanges. */
  nextMessageId = 0x100;
  readonly #pair: KePair = generateKePair(ecp256);
  readonly #nonce: Uint8Array = new Uint8Array(32).fill(0x11);
  #saBody: Uint8Array = new Uint8Array(0);
  #keys: Keys | undefined;
  readonly #ivs = new Map<number, Buffer>();

  constructor(end: End, address: string, role: "initiator" | "responder", ownCookie = 0x1122334455667788n) {
    this.end = end;
    this.address = address;
    this.role = role;
    this.ownCookie = ownCookie;
  }

  // --- octets -------------------------------------------------------------------------------------------------------

  inject(octets: Uint8Array): void {
    const at = (address: string) => ({ address, port: 500 });
    this.end.handle({ kind: "datagram", octets, path: { local: at(this.end.address), remote: at(this.address) } });
  }

  /** The last datagram that the engine sent here. */
  received(): Buffer {
    const last = this.end.sent.at(-1);
    if (last === undefined) throw new Error("the engine has sent nothing");
    return Buffer.from(last.octets);
  }

  header(type: number, messageId: number): HeaderFields {
    const [initiatorCookie, responderCookie] =
      this.role === "initiator" ? [this.ownCookie, this.theirCookie] : [this.theirCookie, this.ownCookie];
    return { initiatorCookie, responderCookie, exchangeType: type, flags: 0, messageId };
  }

  /** An encrypted message, whatever its plaintext. */
  seal(type: number, messageId: number, { firstType, octets }: EncodedPayloads): Buffer {
    const { cipher } = this.#keyed();
    const ciphertext = cipher.encrypt(this.#iv(messageId), octets);
    this.#ivs.set(messageId, cipher.ivAfter(ciphertext));
    return encodeEncrypted(this.header(type, messageId), firstType, ciphertext);
  }

  /** The same with HASH(1) before it, which is right for whatever follows. */
  sealHashed(type: number, messageId: number, following: EncodedPayloads): Buffer {
    const hash = hash1(this.#keyed().skeyidA, messageId, following.octets);
    return this.seal(type, messageId, prependHash(hash, following));
  }

  open(octets: Buffer): Protected {
    const message = decodeMessage(octets);
    if (!("ciphertext" in message)) throw new Error("in clear");
    const { cipher } = this.#keyed();
    const { messageId, nextPayload } = message.header;
    const plaintext = cipher.decrypt(this.#iv(messageId), message.ciphertext);
    if (plaintext === undefined) throw new Error("not of whole blocks");
    this.#ivs.set(messageId, cipher.ivAfter(message.ciphertext));
    return decodeProtected(nextPayload, plaintext);
  }

  /** Takes what comes next under that message ID for the first message of its exchange. */
  restart(messageId: number): void {
    this.#ivs.delete(messageId);
  }

  /** Says something in an exchange of its own, behind its HASH. */
  inform(payloads: readonly Payload[]): void {
    this.inject(this.sealHashed(exchangeType.INFORMATIONAL, this.nextMessageId++, encodePayloads(payloads)));
  }

  /** All that the engine has said so under this ISAKMP SA, as long as it stood. */
  informed(): readonly Payload[] {
    const { initiatorCookie, responderCookie } = this.header(0, 0);
    return this.end.sent.flatMap(({ octets }) => {
      const message = Buffer.from(octets);
      const isHere =
        message.length >= 28 &&
        message.readBigUInt64BE(0) === initiatorCookie &&
        message.readBigUInt64BE(8) === responderCookie;
      if (!isHere || message[18] !== exchangeType.INFORMATIONAL) return [];
      this.#ivs.delete(message.readUInt32BE(20));
      return this.open(message).payloads;
    });
  }

  /** A notify of the ISAKMP SA, named by both cookies. */
  notifyOf(type: number, data: Uint8Array = new Uint8Array(0)): Payload {
    const { initiator, responder } = this.#cookies();
    return { isakmp: "N", doi: 1, protocolId: 1, spi: Buffer.concat([initiator, responder]), type, data };
  }

  /** Asks for a pair, and says no more. */
  beginQuickMode(spi: number): void {
    const following = encodePayloads(this.quickModePayloads(spi, new Uint8Array(32).fill(0x33)));
    this.inject(this.sealHashed(exchangeType.QUICK_MODE, this.nextMessageId++, following));
  }

  /** Deletes the pair with this SPI of its own. */
  deleteIpsec(spi: number): void {
    const octets = Buffer.alloc(4);
    octets.writeUInt32BE(spi);
    this.inform([{ isakmp: "D", doi: 1, protocolId: 3, spiSize: 4, spis: [octets] }]);
  }

  /** Deletes this ISAKMP SA. */
  deleteIsakmp(): void {
    const { initiator, responder } = this.#cookies();
    this.inform([{ isakmp: "D", doi: 1, protocolId: 1, spiSize: 16, spis: [Buffer.concat([initiator, responder])] }]);
  }

  // --- as initiator -------------------------------------------------------------------------------------------------

  /** Message 1 of main mode, and what comes back. */
  callSa(): void {
    const transforms = phase1.transforms.map((one) => ({
      ...one,
      attributes: one.attributes.map((attribute) =>
        attribute.type === 3 ? { type: 3, value: this.method } : attribute,
      ),
    }));
    const offered: Payload = { isakmp: "SA", proposals: [{ ...phase1, transforms }] };
    this.#saBody = encodeBody(offered);
    this.inject(encodeMessage(this.header(exchangeType.IDENTITY_PROTECTION, 0), [offered, ...vendorIds]));
    this.theirCookie = this.received().readBigUInt64BE(8);
  }

  /** Message 3. */
  callKey(): void {
    this.inject(encodeMessage(this.header(exchangeType.IDENTITY_PROTECTION, 0), this.#keyPayloads()));
    this.#deriveKeys(clear(this.received()));
  }

  /** Message 5; what message 6 holds. */
  callIdentity(): readonly Payload[] {
    this.sendIdentity();
    // What the engine begins at once comes after it.
    const answer = this.end.sent.findLast(({ octets }) => Buffer.from(octets).readUInt32BE(20) === 0);
    return this.open(Buffer.from(answer?.octets ?? [])).payloads;
  }

  /** A quick mode for GRE, all three messages; what the second one holds. */
  callQuickMode(spi: number, proposals?: readonly Proposal[], ids?: readonly IdPayload[]): readonly Payload[] {
    const { skeyidA } = this.#keyed();
    const messageId = this.nextMessageId++;
    const ni = quickNonces.initiator;
    const [sa, nonce, ...usual] = this.quickModePayloads(spi, ni);
    const asked = [proposals === undefined ? sa : ({ isakmp: "SA", proposals } as const), nonce, ...(ids ?? usual)];
    const first = encodePayloads(asked.filter((payload) => payload !== undefined));
    this.inject(this.sealHashed(exchangeType.QUICK_MODE, messageId, first));
    const answer = this.received();
    if (answer[18] === exchangeType.INFORMATIONAL) return this.informed();
    const { payloads } = this.open(answer);
    const nr = one(payloads, "NONCE").data;
    const hash: Payload = { isakmp: "HASH", data: hash3(skeyidA, messageId, ni, nr) };
    this.inject(this.seal(exchangeType.QUICK_MODE, messageId, encodePayloads([hash])));
    return payloads;
  }

  quickModePayloads(spi: number, ni: Uint8Array): Payload[] {
    return [
      { isakmp: "SA", proposals: [espProposal(spi)] },
      { isakmp: "NONCE", data: ni },
      greIdentity(this.address),
      greIdentity(this.end.address),
    ];
  }

  // --- as responder -------------------------------------------------------------------------------------------------

  /** Message 2, to what the engine began with. */
  answerSa(): void {
    const first = this.received();
    this.theirCookie = first.readBigUInt64BE(0);
    const offered = one(clear(first), "SA");
    this.#saBody = encodeBody(offered);
    const [proposal] = offered.proposals;
    const [transform] = proposal?.transforms ?? [];
    if (proposal === undefined || transform === undefined) throw new Error("nothing is offered");
    const answer: Payload = { isakmp: "SA", proposals: [{ ...proposal, transforms: [transform] }] };
    this.inject(encodeMessage(this.header(exchangeType.IDENTITY_PROTECTION, 0), [answer, ...vendorIds]));
  }

  /** Message 4. */
  answerKey(): void {
    const payloads = clear(this.received());
    const message = encodeMessage(this.header(exchangeType.IDENTITY_PROTECTION, 0), this.#keyPayloads());
    this.#deriveKeys(payloads);
    this.inject(message);
  }

  /** Message 6, and the quick mode that the engine begins then. */
  answerIdentity(more: readonly Payload[] = []): void {
    this.open(this.received());
    this.sendIdentity(more);
  }

  /** Message 2 of the quick mode that the engine asked for; what that held. */
  answerQuickMode(spi: number, more: readonly Payload[] = [], choose?: (offered: readonly Proposal[]) => Proposal[]) {
    const request = this.received();
    const { payloads } = this.open(request);
    const messageId = request.readUInt32BE(20);
    const answer = encodePayloads([
      { isakmp: "SA", proposals: choose?.(one(payloads, "SA").proposals) ?? [espProposal(spi)] },
      { isakmp: "NONCE", data: quickNonces.responder },
      ...payloads.filter((p) => p.isakmp === "ID"),
      ...more,
    ]);
    const hash = hash2(this.#keyed().skeyidA, messageId, one(payloads, "NONCE").data, answer.octets);
    this.inject(this.seal(exchangeType.QUICK_MODE, messageId, prependHash(hash, answer)));
    if (this.received().readUInt32BE(20) === messageId) this.open(this.received());
    return payloads;
  }

  /** The first octets of KEYMAT (RFC 2409 5.5), without perfect forward secrecy. */
  keymat(protocol: number, spi: number, ni: Uint8Array, nr: Uint8Array): Buffer {
    const octets = Buffer.alloc(5);
    octets.writeUInt8(protocol);
    octets.writeUInt32BE(spi, 1);
    return this.#keyed().skeyidD.sign(octets, ni, nr);
  }

  // --- what both roles do -------------------------------------------------------------------------------------------

  /** Its identity and its proof. */
  sendIdentity(more: readonly Payload[] = []): void {
    const { skeyid, gxi, gxr } = this.#keyed();
    const id: IdPayload = {
      isakmp: "ID",
      idType: 2,
      ipProtocol: 0,
      port: 0,
      data: Buffer.from(`gw-${this.address}`),
    };
    const proof = this.role === "initiator" ? hashI : hashR;
    const hash = proof(skeyid, gxi, gxr, this.#cookies(), this.#saBody, encodeBody(id));
    const message = encodePayloads([id, { isakmp: "HASH", data: hash }, ...more]);
    this.inject(this.seal(exchangeType.IDENTITY_PROTECTION, 0, message));
  }

  #keyPayloads(): Payload[] {
    return [
      { isakmp: "KE", data: this.#pair.publicValue },
      { isakmp: "NONCE", data: this.#nonce },
    ];
  }

  #deriveKeys(theirs: readonly Payload[]): void {
    const their = { value: one(theirs, "KE").data, nonce: one(theirs, "NONCE").data };
    const own = { value: this.#pair.publicValue, nonce: this.#nonce };
    const [i, r] = this.role === "initiator" ? [own, their] : [their, own];
    const skeyid = keyPrf(sha256, skeyidPreSharedKey(sha256, psk, i.nonce, r.nonce));
    const { d, a, e } = deriveSkeyidKeys(skeyid, this.#pair.deriveShared(their.value), this.#cookies());
    const cipher = new IsakmpCipher(aes, expandCipherKey(sha256, aes, e));
    const [gxi, gxr] = [Uint8Array.from(i.value), Uint8Array.from(r.value)];
    this.#keys = { skeyid, skeyidA: keyPrf(sha256, a), skeyidD: keyPrf(sha256, d), cipher, gxi, gxr };
    this.#ivs.set(0, phase1Iv("sha256", aes, gxi, gxr));
  }

  #cookies() {
    const { initiatorCookie, responderCookie } = this.header(0, 0);
    const octets = Buffer.alloc(16);
    octets.writeBigUInt64BE(initiatorCookie, 0);
    octets.writeBigUInt64BE(responderCookie, 8);
    return { initiator: octets.subarray(0, 8), responder: octets.subarray(8) };
  }

  #iv(messageId: number): Buffer {
    const phase1 = this.#ivs.get(0) ?? Buffer.alloc(16);
    return this.#ivs.get(messageId) ?? phase2Iv("sha256", aes, phase1, messageId);
  }

  #keyed(): Keys {
    if (this.#keys === undefined) throw new Error("no keys yet");
    return this.#keys;
  }
}

function clear(octets: Buffer): readonly Payload[] {
  const message = decodeMessage(octets);
  if (!("payloads" in message)) throw new Error("encrypted");
  return message.payloads;
}
