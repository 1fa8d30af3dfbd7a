/** A lean IKEv1 initiator: main mode with a pre-shared key, then quick mode for GRE, nine messages. */
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
} from "../../src/crypto/ikev1-keys.ts";
import { IsakmpCipher } from "../../src/crypto/isakmp-cipher.ts";
import { generateKePair, type KePair } from "../../src/crypto/key-exchange.ts";
import { type KeyedPrf, keyPrf } from "../../src/crypto/prf.ts";
import { constantTimeEqual, randomBytes } from "../../src/crypto/secret.ts";
import type { Path } from "../../src/sa/path.ts";
import { flag } from "../../src/wire/ikev1/header.ts";
import {
  decodeMessage,
  decodeProtected,
  type EncodedPayloads,
  encodeBody,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
  type Protected,
  prependHash,
} from "../../src/wire/ikev1/message.ts";
import type { IdPayload } from "../../src/wire/ikev1/payloads/identity.ts";
import type { Payload } from "../../src/wire/ikev1/payloads/table.ts";
import { exchangeType } from "../../src/wire/ikev1/registry/message.ts";
import { secret, suiteOfCase } from "./cases.ts";
import { HandshakeRefused } from "./initiator.ts";

const { encr, prf, ke } = suiteOfCase("modp2048");
const psk = Buffer.from(secret, "ascii");
const hashName = "sha256";

/** AES-CBC-128, SHA2-256, a pre-shared key, group 14, for a day (RFC 2409 appendix A). */
const offer: Payload = {
  isakmp: "SA",
  proposals: [
    {
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
            { type: 4, value: 14 },
            { type: 11, value: 1 },
            { type: 12, value: Uint8Array.of(0, 1, 0x51, 0x80) },
          ],
        },
      ],
    },
  ],
};
const offerBody = encodeBody(offer);

/** Kept over all handshakes, because making it is not what is measured. */
let pair: KePair | undefined;

interface Keys {
  readonly skeyid: KeyedPrf;
  readonly skeyidA: KeyedPrf;
  readonly cipher: IsakmpCipher;
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
}

/** The initiator's side of one ISAKMP SA and its first pair of IPsec SAs. */
export class Ikev1Handshake {
  readonly spi: bigint;
  /** What is to be sent, and repeated until an answer is in. */
  message: Buffer;
  /** What is sent when it is over, which nobody answers. */
  last: Buffer | undefined;
  state: "sa" | "key" | "identity" | "quick" | "established" = "sa";
  readonly #path: Path;
  readonly #identity: IdPayload;
  readonly #pair: KePair;
  readonly #nonce: Uint8Array = randomBytes(32);
  readonly #quickNonce: Uint8Array = randomBytes(32);
  #responderCookie = 0n;
  #messageId = 0;
  #keys: Keys | undefined;
  #iv: Buffer = Buffer.alloc(0);
  /** The last block of phase 1. */
  #phase1Iv: Buffer = Buffer.alloc(0);

  constructor(identity: string, path: Path) {
    this.spi = randomBytes(8).readBigUInt64BE(0) | 1n;
    this.#path = path;
    this.#identity = { isakmp: "ID", idType: 2, ipProtocol: 0, port: 0, data: Buffer.from(identity) };
    pair ??= generateKePair(ke);
    this.#pair = pair;
    this.message = encodeMessage(this.#header(exchangeType.IDENTITY_PROTECTION), [offer]);
  }

  /** Takes a response; throws HandshakeRefused where it ends the handshake. */
  receive(octets: Buffer): void {
    switch (this.state) {
      case "sa":
        return this.#receiveSa(octets);
      case "key":
        return this.#receiveKey(octets);
      case "identity":
        return this.#receiveIdentity(octets);
      case "quick":
        return this.#receiveQuick(octets);
      case "established":
        return;
    }
  }

  /** DELETE of the ISAKMP SA, which nobody answers (RFC 2408 5.15). */
  farewell(): Buffer {
    const { skeyidA } = this.#keyed();
    this.#begin();
    const { initiator, responder } = this.#cookies();
    const spis = [Buffer.concat([initiator, responder])];
    const encoded = encodePayloads([{ isakmp: "D", doi: 1, protocolId: 1, spiSize: 16, spis }]);
    const hash = hash1(skeyidA, this.#messageId, encoded.octets);
    return this.#seal(exchangeType.INFORMATIONAL, prependHash(hash, encoded));
  }

  #receiveSa(octets: Buffer): void {
    find(clear(octets), "SA");
    this.#responderCookie = octets.readBigUInt64BE(8);
    this.state = "key";
    this.message = encodeMessage(this.#header(exchangeType.IDENTITY_PROTECTION), [
      { isakmp: "KE", data: this.#pair.publicValue },
      { isakmp: "NONCE", data: this.#nonce },
    ]);
  }

  #receiveKey(octets: Buffer): void {
    const payloads = clear(octets);
    const [gxi, gxr] = [this.#pair.publicValue, Uint8Array.from(find(payloads, "KE").data)];
    const skeyid = keyPrf(prf, skeyidPreSharedKey(prf, psk, this.#nonce, find(payloads, "NONCE").data));
    const { a, e } = deriveSkeyidKeys(skeyid, this.#pair.deriveShared(gxr), this.#cookies());
    const cipher = new IsakmpCipher(encr, expandCipherKey(prf, encr, e));
    this.#keys = { skeyid, skeyidA: keyPrf(prf, a), cipher, gxi, gxr };
    this.#iv = phase1Iv(hashName, encr, gxi, gxr);
    const proof = hashI(skeyid, gxi, gxr, this.#cookies(), offerBody, encodeBody(this.#identity));
    this.state = "identity";
    this.message = this.#seal(
      exchangeType.IDENTITY_PROTECTION,
      encodePayloads([this.#identity, { isakmp: "HASH", data: proof }]),
    );
  }

  #receiveIdentity(octets: Buffer): void {
    const { skeyid, skeyidA, gxi, gxr } = this.#keyed();
    const { payloads } = this.#open(octets);
    const proof = hashR(skeyid, gxi, gxr, this.#cookies(), offerBody, encodeBody(find(payloads, "ID")));
    if (!constantTimeEqual(find(payloads, "HASH").data, proof)) throw new HandshakeRefused("the proof is wrong");
    this.#phase1Iv = this.#iv;
    this.#begin();
    const asked = encodePayloads([
      espOffer(),
      { isakmp: "NONCE", data: this.#quickNonce },
      greBetween(this.#path.local.address),
      greBetween(this.#path.remote.address),
    ]);
    const hash = hash1(skeyidA, this.#messageId, asked.octets);
    this.state = "quick";
    this.message = this.#seal(exchangeType.QUICK_MODE, prependHash(hash, asked));
  }

  #receiveQuick(octets: Buffer): void {
    const { skeyidA } = this.#keyed();
    const { payloads, afterFirst } = this.#open(octets);
    const hash = hash2(skeyidA, this.#messageId, this.#quickNonce, afterFirst);
    if (!constantTimeEqual(find(payloads, "HASH").data, hash)) throw new HandshakeRefused("HASH(2) is wrong");
    find(payloads, "SA");
    const third = hash3(skeyidA, this.#messageId, this.#quickNonce, find(payloads, "NONCE").data);
    this.last = this.#seal(exchangeType.QUICK_MODE, encodePayloads([{ isakmp: "HASH", data: third }]));
    this.state = "established";
  }

  /** An exchange of its own after phase 1. */
  #begin(): void {
    this.#messageId = randomBytes(4).readUInt32BE() | 1;
    this.#messageId >>>= 0;
    this.#iv = phase2Iv(hashName, encr, this.#phase1Iv, this.#messageId);
  }

  #open(octets: Buffer): Protected {
    const message = decodeMessage(octets);
    const { cipher } = this.#keyed();
    if (!("ciphertext" in message)) throw new HandshakeRefused("the answer is in clear");
    const plaintext = cipher.decrypt(this.#iv, message.ciphertext);
    if (plaintext === undefined) throw new HandshakeRefused("the answer is not of whole blocks");
    this.#iv = cipher.ivAfter(message.ciphertext);
    return decodeProtected(message.header.nextPayload, plaintext);
  }

  #seal(type: number, { firstType, octets }: EncodedPayloads): Buffer {
    const { cipher } = this.#keyed();
    const ciphertext = cipher.encrypt(this.#iv, octets);
    this.#iv = cipher.ivAfter(ciphertext);
    return encodeEncrypted({ ...this.#header(type), flags: flag.encryption }, firstType, ciphertext);
  }

  #header(type: number) {
    return {
      initiatorCookie: this.spi,
      responderCookie: this.#responderCookie,
      exchangeType: type,
      flags: 0,
      messageId: this.#messageId,
    };
  }

  #cookies() {
    const octets = Buffer.alloc(16);
    octets.writeBigUInt64BE(this.spi, 0);
    octets.writeBigUInt64BE(this.#responderCookie, 8);
    return { initiator: octets.subarray(0, 8), responder: octets.subarray(8) };
  }

  #keyed(): Keys {
    if (this.#keys === undefined) throw new RangeError("there are no keys yet");
    return this.#keys;
  }
}

/** ESP in transport mode with AES-CBC-128 and HMAC-SHA2-256 (RFC 2407 4.5). */
function espOffer(): Payload {
  const spi = randomBytes(4);
  spi[0] = (spi[0] ?? 0) | 1;
  const attributes = [
    { type: 4, value: 2 },
    { type: 6, value: 128 },
    { type: 5, value: 5 },
  ];
  return {
    isakmp: "SA",
    proposals: [{ number: 1, protocolId: 3, spi, transforms: [{ number: 1, id: 12, attributes }] }],
  };
}

function greBetween(address: string): IdPayload {
  return { isakmp: "ID", idType: 1, ipProtocol: 47, port: 0, data: Uint8Array.from(address.split(".").map(Number)) };
}

type Of<K extends Payload["isakmp"]> = Extract<Payload, { isakmp: K }>;

function find<K extends Payload["isakmp"]>(payloads: readonly Payload[], kind: K): Of<K> {
  const found = payloads.find((payload): payload is Of<K> => payload.isakmp === kind);
  if (found !== undefined) return found;
  const notify = payloads.find((payload) => payload.isakmp === "N");
  throw new HandshakeRefused(notify === undefined ? `no ${kind} in the answer` : `refused: notify ${notify.type}`);
}

function clear(octets: Buffer): readonly Payload[] {
  const message = decodeMessage(octets);
  if (!("payloads" in message)) throw new HandshakeRefused("the answer is encrypted");
  return message.payloads;
}
