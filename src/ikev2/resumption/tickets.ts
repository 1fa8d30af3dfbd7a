/**
 * Tickets by value (RFC 5723 6): what an IKE SA can be resumed from, sealed under keys that live in memory alone. A restarted
 * gateway knows none of its tickets any more (and nobody else can read them): its callers authenticate anew.
 */
import { parseProposal } from "../../crypto/keywords.ts";
import { makeSkCipher, type SkCipher } from "../../crypto/sk-cipher.ts";
import { findKeyword } from "../../crypto/transforms.ts";
import { formatSuite } from "../../negotiate/allowed-suite.ts";
import { type IkeSuite, suiteOf } from "../../negotiate/suite.ts";

/** How long a ticket is good, in ms: RFC 5723 9.8 suggests an hour, for tickets cannot be called back. */
export const ticketLife = 3_600_000;

/** How long a key seals tickets, in ms; afterwards it opens them for as long as they are good. */
const keyLife = 86_400_000;

/** Used tickets that are remembered; with more, all keys change, and every ticket is void. */
const usedLimit = 16_384;

/** AES-256 and its salt (RFC 5282 4). */
const keyLength = 36;
const keyIdLength = 4;
const ivLength = 8;

/** What a ticket says. */
export interface TicketContent {
  /** The section of the peer, and what of it the ticket rests on. */
  readonly peer: string;
  readonly fingerprint: Uint8Array;
  readonly suite: IkeSuite;
  readonly skD: Uint8Array;
  /** Who the peer proved to be. */
  readonly idType: number;
  readonly id: Uint8Array;
}

interface TicketKey {
  readonly id: Uint8Array;
  readonly cipher: SkCipher;
  readonly sealsUntil: number;
  sealed: bigint;
}

/** Seals tickets and opens them again. */
export class Tickets {
  readonly #random: (length: number) => Uint8Array;
  /** The newest first. */
  #keys: TicketKey[] = [];
  /** With each, until when it would be good. */
  readonly #used = new Map<string, number>();

  constructor(random: (length: number) => Uint8Array) {
    this.#random = random;
  }

  seal(content: TicketContent, now: number): Buffer {
    const key = this.#sealingKey(now);
    key.sealed += 1n;
    const iv = Buffer.alloc(ivLength);
    iv.writeBigUInt64BE(key.sealed);
    const expiry = Buffer.alloc(8);
    expiry.writeDoubleBE(now + ticketLife);
    const suite = Buffer.from(formatSuite(content.suite));
    const peer = Buffer.from(content.peer);
    const fields = [expiry, peer, content.fingerprint, suite, content.skD, Uint8Array.of(content.idType), content.id];
    const plaintext = Buffer.concat(fields.flatMap((field) => [lengthOf(field), field]));
    const sealed = key.cipher.seal(key.id, iv, plaintext);
    plaintext.fill(0);
    return Buffer.concat([key.id, iv, sealed]);
  }

  /** What a ticket says, or undefined where it is not ours, too old, or used. */
  open(ticket: Uint8Array, now: number): TicketContent | undefined {
    const id = ticket.subarray(0, keyIdLength);
    const key = this.#keys.find((one) => Buffer.compare(one.id, id) === 0);
    if (key === undefined || ticket.length < keyIdLength + ivLength || this.#used.has(nameOf(ticket))) return undefined;
    const iv = ticket.subarray(keyIdLength, keyIdLength + ivLength);
    const plaintext = key.cipher.open(id, iv, ticket.subarray(keyIdLength + ivLength));
    return plaintext === undefined ? undefined : read(plaintext, now);
  }

  /** A ticket serves once (RFC 5723 4.3.1): whether it has not yet, and from now on it has. */
  use(ticket: Uint8Array, now: number): boolean {
    const name = nameOf(ticket);
    if (this.#used.has(name)) return false;
    for (const [one, until] of this.#used) if (until <= now) this.#used.delete(one);
    if (this.#used.size >= usedLimit) this.#forgetAll();
    this.#used.set(name, now + ticketLife);
    return true;
  }

  #forgetAll(): void {
    for (const { cipher } of this.#keys) cipher.destroy();
    this.#keys = [];
    this.#used.clear();
  }

  #sealingKey(now: number): TicketKey {
    for (const key of this.#keys) if (key.sealsUntil + ticketLife <= now) key.cipher.destroy();
    this.#keys = this.#keys.filter((key) => key.sealsUntil + ticketLife > now);
    const [newest] = this.#keys;
    if (newest !== undefined && newest.sealsUntil > now) return newest;
    const encr = findKeyword("aes256gcm16");
    if (encr?.type !== "ENCR") throw new RangeError("the table of transforms lacks aes256gcm16");
    const secret = Uint8Array.from(this.#random(keyLength));
    const cipher = makeSkCipher(encr, undefined, secret, new Uint8Array(0));
    secret.fill(0);
    const key = { id: Uint8Array.from(this.#random(keyIdLength)), cipher, sealsUntil: now + keyLife, sealed: 0n };
    this.#keys.unshift(key);
    return key;
  }
}

/** Sealed under our own key: its form is not in doubt. */
function read(plaintext: Buffer, now: number): TicketContent | undefined {
  const fields: Buffer[] = [];
  for (let at = 0; at + 2 <= plaintext.length; ) {
    const length = plaintext.readUInt16BE(at);
    fields.push(Buffer.from(plaintext.subarray(at + 2, at + 2 + length)));
    at += 2 + length;
  }
  plaintext.fill(0);
  const [expiry, peer, fingerprint, suiteText, skD, idType, id] = fields;
  if (fingerprint === undefined || skD === undefined || id === undefined) return undefined;
  if (expiry === undefined || expiry.readDoubleBE() <= now) return undefined;
  const rows = parseProposal(String(suiteText), "ike");
  const suite = suiteOf("ike", Object.fromEntries(rows.map((row) => [row.type, row])));
  if (suite === undefined) return undefined;
  return { peer: String(peer), fingerprint, suite, skD, idType: idType?.[0] ?? 0, id };
}

/** Key and IV: no two tickets have the same. */
function nameOf(ticket: Uint8Array): string {
  return Buffer.from(ticket.subarray(0, keyIdLength + ivLength)).toString("latin1");
}

function lengthOf(field: Uint8Array): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(field.length);
  return length;
}
