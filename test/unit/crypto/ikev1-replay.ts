import { constants, createPrivateKey, type KeyObject, privateDecrypt } from "node:crypto";
import {
  type Cookies,
  deriveSkeyidKeys,
  expandCipherKey,
  phase1Iv,
  phase2Iv,
  type SkeyidKeys,
  skeyidPreSharedKey,
  skeyidPublicKeyCisco,
} from "../../../src/crypto/ikev1-keys.ts";
import {
  findIkev1Group,
  findIsakmpEncr,
  findIsakmpHash,
  type IsakmpEncr,
  type IsakmpHash,
} from "../../../src/crypto/ikev1-numbers.ts";
import { IsakmpCipher } from "../../../src/crypto/isakmp-cipher.ts";
import { importKePair, type KePair } from "../../../src/crypto/key-exchange.ts";
import { type KeyedPrf, keyPrf } from "../../../src/crypto/prf.ts";
import {
  decodeMessage,
  decodeProtected,
  type EncryptedMessage,
  encodeBody,
  type Protected,
} from "../../../src/wire/ikev1/message.ts";
import { attributeNumber } from "../../../src/wire/ikev1/payloads/attribute.ts";
import type { Payload } from "../../../src/wire/ikev1/payloads/table.ts";
import { payloadType } from "../../../src/wire/ikev1/registry/message.ts";
import { phase1Attribute } from "../../../src/wire/ikev1/registry/phase1.ts";
import { hex, loadVectors } from "./vectors.ts";

/** Whole recorded exchanges of IKEv1, opened message by message with what can be derived from their secrets. */

type Of<K extends Payload["isakmp"]> = Extract<Payload, { isakmp: K }>;

/** The payload of that kind, the `index`th of them. */
export function one<K extends Payload["isakmp"]>(payloads: readonly Payload[], kind: K, index = 0): Of<K> {
  const found = payloads.filter((p): p is Of<K> => p.isakmp === kind)[index];
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
}

/** The payloads of a message in clear. */
export function clear(octets: Buffer, opaque: ReadonlySet<number> = new Set()): readonly Payload[] {
  const message = decodeMessage(octets, opaque);
  if (!("payloads" in message)) throw new Error("encrypted");
  return message.payloads;
}

/** An encrypted message that was opened. */
export interface Opened extends Protected {
  readonly id: string;
  readonly message: EncryptedMessage;
  /** With which it was encrypted. */
  readonly iv: Buffer;
  readonly cipher: IsakmpCipher;
}

/** Opens message after message of an ISAKMP SA. */
export class Replay {
  readonly #cipher: IsakmpCipher;
  readonly #encr: IsakmpEncr;
  readonly #hash: IsakmpHash;
  /** By message ID; that of phase 1 is 0. */
  readonly #ivs = new Map<number, Buffer>();

  constructor(encr: IsakmpEncr, hash: IsakmpHash, key: Buffer, gxi: Uint8Array, gxr: Uint8Array) {
    this.#encr = encr;
    this.#hash = hash;
    this.#cipher = new IsakmpCipher(encr, key);
    this.#ivs.set(0, phase1Iv(hash.method.hash, encr, gxi, gxr));
  }

  open(octets: Buffer, id = ""): Opened {
    const message = decodeMessage(octets);
    if (!("ciphertext" in message)) throw new Error("in clear");
    const { messageId, nextPayload } = message.header;
    const phase1 = this.#ivs.get(0) ?? Buffer.alloc(0);
    const iv = this.#ivs.get(messageId) ?? phase2Iv(this.#hash.method.hash, this.#encr, phase1, messageId);
    const plaintext = this.#cipher.decrypt(iv, message.ciphertext);
    if (plaintext === undefined) throw new Error("not of whole blocks");
    this.#ivs.set(messageId, this.#cipher.ivAfter(message.ciphertext));
    return { ...decodeProtected(nextPayload, plaintext), id, message, iv, cipher: this.#cipher };
  }
}

/** The rows that the responder's SA payload chose. */
function chosen(sa: Of<"SA">) {
  const attributes = sa.proposals[0]?.transforms[0]?.attributes ?? [];
  const value = (type: number) => {
    const attribute = attributes.find((a) => a.type === type);
    return attribute === undefined ? undefined : attributeNumber(attribute);
  };
  const encr = findIsakmpEncr(value(phase1Attribute.ENCRYPTION_ALGORITHM) ?? 0, value(phase1Attribute.KEY_LENGTH));
  const hash = findIsakmpHash(value(phase1Attribute.HASH_ALGORITHM) ?? 0);
  const group = findIkev1Group(value(phase1Attribute.GROUP_DESCRIPTION) ?? 0);
  if (encr === undefined || hash === undefined || group === undefined) throw new Error("not in the table");
  return { encr, hash, group };
}

/** An exchange of main mode and quick mode of which every secret is known. */
export interface KnownExchange {
  readonly id: string;
  readonly octets: readonly Buffer[];
  readonly nonces: { readonly initiator: string; readonly responder: string; readonly quickModeInitiator: string };
  readonly spis: { readonly initiator: string; readonly responder: string };
  readonly pair: KePair;
  readonly hash: IsakmpHash;
  readonly cookies: Cookies;
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
  readonly saBody: Buffer;
  readonly skeyid: KeyedPrf;
  readonly keys: SkeyidKeys;
  readonly replay: Replay;
  /** The initiator's private key, where the nonces were encrypted. */
  readonly rsa: KeyObject | undefined;
}

interface RubHandshake {
  readonly id: string;
  readonly dhPrivateInitiator: string;
  readonly preSharedKey?: string;
  readonly initiatorNonce: string;
  readonly quickModeInitiatorNonce: string;
  readonly asserted: { readonly responderNonce: string; readonly responderEspSpi: string };
  readonly initiatorEspSpi: string;
  readonly initiatorRsaPrivatePkcs1Base64?: string;
  readonly messages: readonly { readonly hex: string }[];
}

const encryptedOneByOne: ReadonlySet<number> = new Set([payloadType.ID, payloadType.NONCE]);

/** `v1-main-psk` or `v1-main-pke`. */
export function knownExchange(id: "v1-main-psk" | "v1-main-pke"): KnownExchange {
  const { handshakes } = loadVectors<{ handshakes: RubHandshake[] }>("handshakes/rub-ike-handshakes.json");
  const recorded = handshakes.find((h) => h.id === id);
  if (recorded === undefined) throw new Error(`no ${id}`);
  const octets = recorded.messages.map((m) => hex(m.hex));
  const [sa1, sa2, ke1, ke2] = octets as [Buffer, Buffer, Buffer, Buffer];
  const { encr, hash, group } = chosen(one(clear(sa2), "SA"));
  const cookies = { initiator: sa2.subarray(0, 8), responder: sa2.subarray(8, 16) };
  const rsa = recorded.initiatorRsaPrivatePkcs1Base64;
  const key = rsa === undefined ? undefined : privateKeyOf(rsa);
  const opaque = key === undefined ? undefined : encryptedOneByOne;
  const [third, fourth] = [clear(ke1, opaque), clear(ke2, opaque)];
  const gxi = one(third, "KE").data;
  const gxr = one(fourth, "KE").data;
  // The initiator's nonce is encrypted for the responder, whose private key nobody has.
  const ni = key === undefined ? one(third, "NONCE").data : hex(recorded.initiatorNonce);
  const nr = key === undefined ? one(fourth, "NONCE").data : decryptRsa(key, bodyOf(fourth, payloadType.NONCE));
  const pair = importKePair(group, hex(recorded.dhPrivateInitiator));
  const skeyid = keyPrf(
    hash,
    key === undefined
      ? skeyidPreSharedKey(hash, Buffer.from(recorded.preSharedKey ?? ""), ni, nr)
      : skeyidPublicKeyCisco(hash, ni, nr, cookies),
  );
  const keys = deriveSkeyidKeys(skeyid, pair.deriveShared(gxr), cookies);
  return {
    id,
    octets,
    nonces: {
      initiator: recorded.initiatorNonce,
      responder: recorded.asserted.responderNonce,
      quickModeInitiator: recorded.quickModeInitiatorNonce,
    },
    spis: { initiator: recorded.initiatorEspSpi, responder: recorded.asserted.responderEspSpi },
    pair,
    hash,
    cookies,
    ni,
    nr,
    gxi,
    gxr,
    saBody: encodeBody(one(clear(sa1), "SA")),
    skeyid,
    keys,
    replay: new Replay(encr, hash, expandCipherKey(hash, encr, keys.e), gxi, gxr),
    rsa: key,
  };
}

function privateKeyOf(base64: string): KeyObject {
  return createPrivateKey({ key: Buffer.from(base64, "base64"), format: "der", type: "pkcs1" });
}

/** A body that was encrypted by itself. */
export function bodyOf(payloads: readonly Payload[], type: number): Uint8Array {
  const found = payloads.find((p) => p.isakmp === "opaque" && p.type === type);
  if (found?.isakmp !== "opaque") throw new Error("not there");
  return found.body;
}

/** PKCS #1 1.5 decryption: Node 20 refuses that padding, so that it is taken off here. */
export function decryptRsa(key: KeyObject, ciphertext: Uint8Array): Buffer {
  const padded = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext);
  if (padded[0] !== 0 || padded[1] !== 2) throw new Error("not PKCS #1 1.5");
  return padded.subarray(padded.indexOf(0, 2) + 1);
}

interface Keyed {
  readonly keys: { readonly encryptionKey: string };
  readonly messages: readonly { readonly id: string; readonly hex: string }[];
}

/** The encrypted messages of a capture of which the encryption key is known, without repeats, and what opens them. */
export function keyedCapture(name: "wireshark-ikev1-certs" | "wireshark-ikev1-bug-12620") {
  const { keys, messages } = loadVectors<Keyed>(`ikev1-messages/${name}.json`);
  const octets = messages.map((m) => hex(m.hex));
  const inClear = octets.map((o) => decodeMessage(o)).flatMap((m) => ("payloads" in m ? [m.payloads] : []));
  const { encr, hash } = chosen(one(inClear[1] ?? [], "SA"));
  const [gxi, gxr] = inClear.flat().filter((p) => p.isakmp === "KE") as [Of<"KE">, Of<"KE">];
  const encrypted = octets.slice(inClear.length);
  return {
    replay: new Replay(encr, hash, hex(keys.encryptionKey), gxi.data, gxr.data),
    encrypted: encrypted.filter((message, i) => !encrypted.slice(0, i).some((earlier) => earlier.equals(message))),
    repeats: encrypted.length - new Set(encrypted.map((message) => message.toString("hex"))).size,
  };
}

/** Every recorded message that can be opened. */
export function everythingOpened(): Opened[] {
  return [
    ...(["v1-main-psk", "v1-main-pke"] as const).flatMap((id) => {
      const { replay, octets } = knownExchange(id);
      return octets.slice(4).map((message, i) => replay.open(message, `rub ${id}#${i + 5}`));
    }),
    ...(["wireshark-ikev1-certs", "wireshark-ikev1-bug-12620"] as const).flatMap((name) => {
      const { replay, encrypted } = keyedCapture(name);
      return encrypted.map((message, i) => replay.open(message, `${name}, encrypted message ${i + 1}`));
    }),
  ];
}
