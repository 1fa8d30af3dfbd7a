/** What a peer may say on an ISAKMP SA, or somebody in its name: what it says at its time, that changed, and anything else. */

import { hash1, phase2Iv } from "../../../../../src/crypto/ikev1-keys.ts";
import { hashOf, type IsakmpKeying } from "../../../../../src/ikev1/keying.ts";
import { isSetup } from "../../../../../src/ikev1/state.ts";
import { flag } from "../../../../../src/wire/ikev1/header.ts";
import {
  type EncodedPayloads,
  encodeEncrypted,
  encodeMessage,
  encodePayloads,
  type HeaderFields,
  prependHash,
} from "../../../../../src/wire/ikev1/message.ts";
import type { Payload } from "../../../../../src/wire/ikev1/payloads/table.ts";
import { cfgAttribute, cfgType } from "../../../../../src/wire/ikev1/registry/configuration.ts";
import { exchangeType, payloadType } from "../../../../../src/wire/ikev1/registry/message.ts";
import { nameOf } from "../../../../../src/wire/ikev1/registry/names.ts";
import { notifyType } from "../../../../../src/wire/ikev1/registry/notify.ts";
import { espProposal, greIdentity } from "../../ikev1-puppet.ts";
import { a, b } from "../../pair.ts";
import type { Line } from "./line.ts";
import type { Said } from "./situations.ts";

/** One datagram for the engine. */
export interface Attempt {
  /** What it is to be listened to as, where that is anything. */
  readonly said?: Said | undefined;
  readonly exchange: string;
  readonly what: string;
  /** A first message, which may open an ISAKMP SA beside. */
  readonly isFirst?: boolean;
  /** As it is on this line: the keys of each are its own. Undefined where the peer has none. */
  make(line: Line): Buffer | undefined;
}

/** What makes a message believed, or not. */
const guises = [
  "authentic",
  "with a wrong HASH",
  "without a HASH",
  "in clear",
  "with another cookie of the engine's",
  "with another cookie of the peer's",
] as const;
type Guise = (typeof guises)[number];

/** Those of what is not tried in every one. */
const mainGuises = ["authentic", "with a wrong HASH", "in clear"] as const satisfies readonly Guise[];

/** Every exchange that has a name, and numbers that have none. */
const exchangeNumbers: readonly number[] = [...Object.values(exchangeType), 7, 31, 34, 240, 255];

/** Those that anything is listened to in. */
const known: ReadonlySet<number> = new Set([
  exchangeType.IDENTITY_PROTECTION,
  exchangeType.AGGRESSIVE,
  exchangeType.INFORMATIONAL,
  exchangeType.TRANSACTION,
  exchangeType.QUICK_MODE,
]);

/** One that nobody has used. */
const freshId = 0x0102_0304;

interface Content extends EncodedPayloads {
  readonly name: string;
}

/** Every message of every kind. */
export function* attempts(line: Line): Generator<Attempt> {
  yield* genuine(line);
  yield* changed(line);
  yield* repeated(line);
  yield* reflected(line);
  yield* made(line);
}

/** What the peer has said, and the engine waits for. */
function* genuine({ held }: Line): Generator<Attempt> {
  const [due] = held;
  if (due === undefined) return;
  const exchange = exchangeOf(due.octets);
  yield { said: `${exchange} due` as Said, exchange, what: "the message due", make: dueOn };
}

/** The same, changed in one place. */
function* changed({ held, sa }: Line): Generator<Attempt> {
  const [due] = held;
  if (due === undefined) return;
  const change = (what: string, to: (octets: Buffer) => void): Attempt => ({
    exchange: exchangeOf(due.octets),
    what: `the message due ${what}`,
    make(line) {
      const octets = dueOn(line);
      to(octets);
      return octets;
    },
  });
  const flip =
    (at: number, bit = 1) =>
    (octets: Buffer) => {
      octets[at] = (octets[at] ?? 0) ^ bit;
    };
  for (const number of exchangeNumbers)
    if (number !== due.octets[18])
      yield change(`as ${nameOf.exchange(number)}`, (octets) => {
        octets[18] = number;
      });
  yield change("with another message ID", flip(23));
  yield change("with a message ID far away", flip(20, 0x80));
  yield change("with another cookie of the initiator", flip(7));
  // Until an initiator has heard it, any will do.
  if (sa.remoteSpi !== 0n) yield change("with another cookie of the responder", flip(15));
  if (!isEncrypted(due.octets)) return yield change("as if encrypted", flip(19));
  yield change("as if in clear", flip(19));
  // What is behind the proof in phase 1 is proved by nothing (RFC 2409 5).
  yield change("with another octet in its first block", flip(28));
  yield change("with another octet in its third block", flip(28 + 32));
  if (isPhase2(due.octets)) yield change("with another last octet", flip(due.octets.length - 1));
}

function dueOn({ held }: Line): Buffer {
  return Buffer.from(held[0]?.octets ?? []);
}

/** All that the engine has heard before, once more. */
function* repeated({ taken }: Line): Generator<Attempt> {
  for (const [index, octets] of taken.entries()) {
    const isFirst = Buffer.from(octets).readBigUInt64BE(8) === 0n;
    const what = `number ${index} of what was heard, again`;
    const make = (line: Line) => Buffer.from(line.taken[index] ?? []);
    yield { exchange: exchangeOf(octets), what, isFirst, make };
  }
}

/** All that the engine has said itself: both ends' messages of phase 2 are made with the same keys. */
function* reflected({ one }: Line): Generator<Attempt> {
  for (const [index, { octets }] of one.sent.entries()) {
    // What is in clear proves nothing, whoever has said it.
    if (!isEncrypted(octets)) continue;
    const make = (line: Line) => Buffer.from(line.one.sent[index]?.octets ?? []);
    yield { exchange: exchangeOf(octets), what: `number ${index} of what was said, thrown back`, make };
  }
}

/** Messages of the peer's making, or made by who would be it. */
function* made(line: Line): Generator<Attempt> {
  const few = harmful(line);
  const many = [...few, ...others()];
  const used = new Set(usedIds(line));
  const own = ownExchange(line);
  const ids = new Set([freshId, 0, 1, 0xffff_ffff, ...used, ...(own === undefined ? [] : [own.messageId])]);
  for (const exchange of exchangeNumbers)
    for (const messageId of ids) {
      const isOwn = messageId === own?.messageId;
      const isNew = messageId !== 0 && !used.has(messageId);
      // Of those that are listened to, one new message ID is as good as another.
      if (isNew && messageId !== freshId && known.has(exchange)) continue;
      const name = nameOf.exchange(exchange);
      const said = isNew ? `${name} begun` : isOwn && own.exchange === exchange ? `${name} answered` : undefined;
      for (const content of known.has(exchange) && (isOwn || messageId === freshId) ? many : few)
        for (const guise of few.includes(content) ? guises : mainGuises)
          yield {
            said: guise === "authentic" ? (said as Said | undefined) : undefined,
            exchange: name,
            what: `${content.name}, ${guise}, message ID ${messageId}`,
            make: (here) => octetsOf(here, header(here, exchange, messageId), content, guise, isOwn),
          };
    }
}

function header({ sa }: Line, exchange: number, messageId: number): HeaderFields {
  const initiatorCookie = sa.initiatorSpi;
  // Until an initiator has heard it, any will do.
  const responderCookie = sa.responderSpi === 0n ? 0x55n : sa.responderSpi;
  return { initiatorCookie, responderCookie, exchangeType: exchange, flags: 0, messageId };
}

function octetsOf(
  line: Line,
  fields: HeaderFields,
  content: Content,
  guise: Guise,
  isAnswer: boolean,
): Buffer | undefined {
  if (guise === "in clear") {
    const octets = Buffer.concat([encodeMessage(fields, []), content.octets]);
    octets[16] = content.firstType;
    octets.writeUInt32BE(octets.length, 24);
    return octets;
  }
  const { sa } = line;
  const { keying, phase1Chain } = line.other ?? {};
  if (keying === undefined || phase1Chain === undefined) return undefined;
  const { suite, cipher } = keying;
  const { messageId } = fields;
  const whole = guise === "without a HASH" ? content : prependHash(hashFor(keying, messageId, content, guise), content);
  const iv =
    (isAnswer ? ownExchange(line)?.iv : undefined) ?? phase2Iv(hashOf(suite), suite.encr, phase1Chain.iv, messageId);
  const octets = encodeEncrypted(fields, whole.firstType, cipher.encrypt(iv, Buffer.from(whole.octets)));
  if (guise.startsWith("with another cookie")) {
    const isInitiators = guise.endsWith("engine's") === (sa.role === "initiator");
    const at = isInitiators ? 7 : 15;
    octets[at] = (octets[at] ?? 0) ^ 1;
  }
  return octets;
}

function hashFor(keying: IsakmpKeying, messageId: number, { octets }: Content, guise: Guise): Buffer {
  const hash = Buffer.from(hash1(keying.skeyidA, messageId, octets));
  if (guise === "with a wrong HASH") hash[0] = (hash[0] ?? 0) ^ 1;
  return hash;
}

/** An exchange of the engine's that is under way. */
interface OwnExchange {
  readonly exchange: number;
  readonly messageId: number;
  /** What the answer is encrypted with. */
  readonly iv: Buffer;
}

function ownExchange({ sa, one, taken }: Line): OwnExchange | undefined {
  if (sa.state.kind !== "Established" ? !isSetup(sa.state) : !sa.exchanges.isUnderWay) return undefined;
  const last = one.sent.findLast(({ octets }) => isPhase2(octets) && octets[18] !== exchangeType.INFORMATIONAL);
  if (last === undefined) return undefined;
  const octets = Buffer.from(last.octets);
  const messageId = octets.readUInt32BE(20);
  // Where the peer has begun it, it is not ours.
  if (taken.some((heard) => idOf(heard) === messageId)) return undefined;
  return { exchange: octets[18] ?? 0, messageId, iv: octets.subarray(-16) };
}

/** Every message ID that either end has used. */
function usedIds({ taken, one }: Line): number[] {
  return [...taken, ...one.sent.map(({ octets }) => octets)].filter(isPhase2).map(idOf);
}

function isPhase2(octets: Uint8Array): boolean {
  return isEncrypted(octets) && idOf(octets) !== 0;
}

function isEncrypted(octets: Uint8Array): boolean {
  return ((octets[19] ?? 0) & flag.encryption) !== 0;
}

function idOf(octets: Uint8Array): number {
  return Buffer.from(octets).readUInt32BE(20);
}

function exchangeOf(octets: Uint8Array): string {
  return nameOf.exchange(octets[18] ?? 0);
}

// --- contents --------------------------------------------------------------------------------------------------------

const none = Buffer.alloc(0);
const spi = Buffer.from("abcd0001", "hex");

/** Tried in every exchange, with every message ID. */
function harmful({ sa, one }: Line): Content[] {
  const cookies = Buffer.alloc(16);
  cookies.writeBigUInt64BE(sa.initiatorSpi, 0);
  cookies.writeBigUInt64BE(sa.responderSpi, 8);
  const [pair] = one.peer().children[0]?.sas ?? [];
  const theirs = pair === undefined ? spi : Buffer.from(pair.spiOut, "hex");
  return [
    content("nothing", []),
    content("a deletion of the ISAKMP SA", [{ isakmp: "D", doi: 1, protocolId: 1, spiSize: 16, spis: [cookies] }]),
    content("a deletion of the pair", [{ isakmp: "D", doi: 1, protocolId: 3, spiSize: 4, spis: [theirs] }]),
    content("INITIAL-CONTACT", [notify(notifyType.INITIAL_CONTACT, none, cookies)]),
    content("R-U-THERE", [notify(notifyType.R_U_THERE, Buffer.from("00000007", "hex"), cookies)]),
    content("a request for a pair", [
      { isakmp: "SA", proposals: [espProposal(0xabcd_0001)] },
      { isakmp: "NONCE", data: Buffer.alloc(32, 7) },
      greIdentity(b),
      greIdentity(a),
    ]),
    content("that the login is right", [attributes(cfgType.ISAKMP_CFG_SET, cfgAttribute.XAUTH_STATUS, 1)]),
  ];
}

/** Everything else. */
function others(): Content[] {
  return [
    ...Object.entries(notifyType).map(([name, type]) => content(`N(${name})`, [notify(type, none, spi)])),
    content("RESPONDER-LIFETIME", [
      notify(notifyType.RESPONDER_LIFETIME, Buffer.from("800b000100020004000000b4", "hex"), spi),
    ]),
    ...Object.entries(cfgType).flatMap(([name, type]) => [
      content(`${name} of a name`, [attributes(type, cfgAttribute.XAUTH_USER_NAME, Buffer.from("alice"))]),
      content(`${name} of a status`, [attributes(type, cfgAttribute.XAUTH_STATUS, 0)]),
      content(`${name} of an address`, [
        attributes(type, cfgAttribute.INTERNAL_IP4_ADDRESS, Buffer.from("0a090001", "hex")),
      ]),
    ]),
    ...Object.entries(payloadType).flatMap(([name, type]) => [
      raw(`an empty ${name}`, type, 4),
      raw(`${name} that claims to be longer`, type, 400),
    ]),
    raw("an unknown payload", 100, 4),
    { name: "half a payload header", firstType: payloadType.N, octets: Buffer.from("0000", "hex") },
  ];
}

function content(name: string, list: readonly Payload[]): Content {
  return { name, ...encodePayloads(list) };
}

function notify(type: number, data: Uint8Array, of: Uint8Array): Payload {
  return { isakmp: "N", doi: 1, protocolId: of.length === 16 ? 1 : 3, spi: of, type, data };
}

function attributes(type: number, attribute: number, value: number | Uint8Array): Payload {
  return { isakmp: "ATTR", cfgType: type, identifier: 7, attributes: [{ type: attribute, value }] };
}

/** A payload of no body, and what it says of its length. */
function raw(name: string, type: number, length: number): Content {
  const octets = Buffer.alloc(4);
  octets.writeUInt16BE(length, 2);
  return { name, firstType: type, octets };
}
