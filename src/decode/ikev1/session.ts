/** What is known of one ISAKMP SA of a capture: its secrets, and the IVs, which no message carries (RFC 2409 appendix B). */
import type { HashName } from "../../crypto/hash.ts";
import { deriveSkeyidKeys, expandCipherKey, phase1Iv, phase2Iv, skeyidPreSharedKey } from "../../crypto/ikev1-keys.ts";
import { findIkev1Group, findIsakmpEncr, findIsakmpHash, type IsakmpHash } from "../../crypto/ikev1-numbers.ts";
import { IsakmpCipher, IsakmpCipherError } from "../../crypto/isakmp-cipher.ts";
import { type KeyedPrf, keyPrf } from "../../crypto/prf.ts";
import type { EncrTransform } from "../../crypto/transforms/encr.ts";
import { WireError } from "../../wire/error.ts";
import type { Header } from "../../wire/ikev1/header.ts";
import { decodeProtected, type EncryptedMessage } from "../../wire/ikev1/message.ts";
import { attributeNumber } from "../../wire/ikev1/payloads/attribute.ts";
import type { SaPayload } from "../../wire/ikev1/payloads/sa.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { phase1Attribute } from "../../wire/ikev1/registry/phase1.ts";
import { sharedSecret } from "../ikev2/derive.ts";
import type { Ikev1Keys, KeyStore } from "../keys/key-store.ts";
import { Recent } from "../recent.ts";

/** Exchanges and messages of one ISAKMP SA that are remembered, and pre-shared keys that are tried on it. */
const bounds = { exchanges: 256, seen: 256, preSharedKeys: 64 } as const;

/** What opens the messages; without the keys of hashes and IPsec SAs where only the message key was given. */
interface Secrets {
  readonly cipher: IsakmpCipher;
  readonly skeyidA?: KeyedPrf;
  readonly skeyidD?: KeyedPrf;
}

/** One ISAKMP SA. */
export class Ikev1Session {
  /** Of every pre-shared key, the first foremost, until a message shows which is right. */
  #secrets: readonly Secrets[] = [];
  #encr: EncrTransform | undefined;
  #hash: IsakmpHash | undefined;
  #group: number | undefined;
  #publicI: Uint8Array | undefined;
  #publicR: Uint8Array | undefined;
  #nonceI: Uint8Array | undefined;
  #nonceR: Uint8Array | undefined;
  #phase1Iv: Buffer | undefined;
  /** The IV of the next message of each later exchange. */
  readonly #ivs = new Recent<number, Buffer>(bounds.exchanges);
  /** What a message was opened to, by its digest: a repeat has no IV of its own. */
  readonly #opened = new Recent<string, Buffer | undefined>(bounds.seen);

  /** Takes what phase 1 says in clear, until its messages are encrypted: the chosen SA, public values, nonces. */
  learn(payloads: readonly Payload[], fromInitiator: boolean): void {
    // Anybody can send more of them later; they were agreed upon before.
    if (this.#phase1Iv !== undefined) return;
    for (const payload of payloads) {
      if (payload.isakmp === "SA" && !fromInitiator) this.#choose(payload);
      if (payload.isakmp === "KE") this.#set(fromInitiator, "#public", payload.data);
      if (payload.isakmp === "NONCE") this.#set(fromInitiator, "#nonce", payload.data);
    }
  }

  /** Whether a key exchange value is there that can be the initiator's: it speaks first. */
  isInitiatorsKey(payloads: readonly Payload[]): boolean {
    const ke = payloads.find((payload) => payload.isakmp === "KE");
    if (ke?.isakmp !== "KE") return false;
    return this.#publicI === undefined || Buffer.compare(this.#publicI, ke.data) === 0;
  }

  /** Of HASH payloads, once derived. */
  get skeyidA(): KeyedPrf | undefined {
    return this.#secrets[0]?.skeyidA;
  }

  /** Of the keys of IPsec SAs, once derived. */
  get skeyidD(): KeyedPrf | undefined {
    return this.#secrets[0]?.skeyidD;
  }

  /** Whether a cipher is there, made from the keys where it was not; of several, the one that this message is of. */
  prepare(message: EncryptedMessage, keys: Ikev1Keys | undefined, store: KeyStore): boolean {
    if (this.#secrets.length === 0) this.#secrets = this.#secretsFrom(message.header, keys, store);
    if (this.#secrets.length > 1) {
      const right = this.#secrets.find((secrets) => this.#opens(message, secrets));
      if (right !== undefined) this.#secrets = [right];
    }
    return this.#secrets.length > 0;
  }

  /** The payloads and their padding of the message of that digest; undefined without an IV or where they are not whole blocks. */
  open(message: EncryptedMessage, digest: string): Buffer | undefined {
    const { header, ciphertext } = message;
    const before = this.#opened.get(digest);
    if (before !== undefined) return before;
    const cipher = this.#secrets[0]?.cipher;
    const plaintext = cipher === undefined ? undefined : this.#decrypt(message, cipher);
    if (cipher === undefined || plaintext === undefined) return undefined;
    const next = cipher.ivAfter(ciphertext);
    if (header.messageId === 0) this.#phase1Iv = next;
    else this.#ivs.set(header.messageId, next);
    this.#opened.set(digest, plaintext);
    return plaintext;
  }

  /** The cipher that was given with a key need not have the blocks of the one that was chosen. */
  #decrypt({ header, ciphertext }: EncryptedMessage, cipher: IsakmpCipher): Buffer | undefined {
    const iv = this.#ivFor(header);
    return iv?.length === cipher.blockLength ? cipher.decrypt(iv, ciphertext) : undefined;
  }

  #ivFor({ messageId }: Header): Buffer | undefined {
    const hash = hashOf(this.#hash);
    if (this.#encr === undefined || hash === undefined) return undefined;
    if (this.#phase1Iv === undefined && this.#publicI !== undefined && this.#publicR !== undefined) {
      this.#phase1Iv = phase1Iv(hash, this.#encr, this.#publicI, this.#publicR);
    }
    if (this.#phase1Iv === undefined || messageId === 0) return this.#phase1Iv;
    return this.#ivs.get(messageId) ?? phase2Iv(hash, this.#encr, this.#phase1Iv, messageId);
  }

  #choose(sa: SaPayload): void {
    const attributes = sa.proposals[0]?.transforms[0]?.attributes ?? [];
    const value = (type: number) => {
      const found = attributes.find((attribute) => attribute.type === type);
      return found === undefined ? undefined : attributeNumber(found);
    };
    this.#encr = findIsakmpEncr(value(phase1Attribute.ENCRYPTION_ALGORITHM) ?? 0, value(phase1Attribute.KEY_LENGTH));
    this.#hash = findIsakmpHash(value(phase1Attribute.HASH_ALGORITHM) ?? 0);
    this.#group = value(phase1Attribute.GROUP_DESCRIPTION);
  }

  #set(fromInitiator: boolean, what: "#public" | "#nonce", data: Uint8Array): void {
    const copy = Buffer.from(data);
    if (what === "#public") {
      if (fromInitiator) this.#publicI = copy;
      else this.#publicR = copy;
    } else if (fromInitiator) this.#nonceI = copy;
    else this.#nonceR = copy;
  }

  #secretsFrom(header: Header, keys: Ikev1Keys | undefined, store: KeyStore): readonly Secrets[] {
    try {
      if (keys === undefined) return this.#derive(header, store);
      this.#encr = keys.encr ?? this.#encr;
      return this.#encr === undefined ? [] : [{ cipher: new IsakmpCipher(this.#encr, keys.key) }];
    } catch (error) {
      if (error instanceof IsakmpCipherError) return [];
      throw error;
    }
  }

  /** With pre-shared keys, which are all that a private value and a key can open (RFC 2409 5.4). */
  #derive(header: Header, store: KeyStore): readonly Secrets[] {
    const group = this.#group === undefined ? undefined : findIkev1Group(this.#group);
    const [gi, gr, ni, nr] = [this.#publicI, this.#publicR, this.#nonceI, this.#nonceR];
    const [hash, encr] = [this.#hash, this.#encr];
    if (group === undefined || gi === undefined || gr === undefined || ni === undefined || nr === undefined) return [];
    if (store.preSharedKeys.length === 0 || hash === undefined || encr === undefined) return [];
    const shared = sharedSecret(group, gi, gr, store.privateValues);
    if (shared === undefined) return [];
    const cookies = { initiator: cookieOf(header.initiatorCookie), responder: cookieOf(header.responderCookie) };
    return store.preSharedKeys.slice(0, bounds.preSharedKeys).map((psk) => {
      const skeyid = skeyidPreSharedKey(hash, psk, ni, nr);
      const { d, a, e } = deriveSkeyidKeys(keyPrf(hash, skeyid), shared, cookies);
      const cipher = new IsakmpCipher(encr, expandCipherKey(hash, encr, e));
      return { cipher, skeyidA: keyPrf(hash, a), skeyidD: keyPrf(hash, d) };
    });
  }

  /** Whether a hash comes out, as nearly every message has one: of a wrong key nothing else tells (RFC 2409 5.4, 5.5, 5.7). */
  #opens(message: EncryptedMessage, { cipher, skeyidA }: Secrets): boolean {
    const plaintext = this.#decrypt(message, cipher);
    if (plaintext === undefined) return false;
    try {
      const { payloads } = decodeProtected(message.header.nextPayload, plaintext);
      return payloads.some((payload) => payload.isakmp === "HASH" && payload.data.length === skeyidA?.outputLength);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      return false;
    }
  }
}

function hashOf(row: IsakmpHash | undefined): HashName | undefined {
  return row?.method.kind === "hmac" ? row.method.hash : undefined;
}

function cookieOf(cookie: bigint): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(cookie);
  return octets;
}
