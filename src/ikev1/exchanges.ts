/** The exchanges of phase 2 on one ISAKMP SA: found by message ID, repeated until answered, each message taken once. */
import { hash } from "../crypto/hash.ts";
import { hash1 } from "../crypto/ikev1-keys.ts";
import type { Datagrams } from "../sa/datagrams.ts";
import type { ChildDesired } from "../sa/desired.ts";
import { WireError } from "../wire/error.ts";
import type { Header } from "../wire/ikev1/header.ts";
import { type EncodedPayloads, encodePayloads, type Protected, prependHash } from "../wire/ikev1/message.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { exchangeType } from "../wire/ikev1/registry/message.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import { exchangeLimit, queueLimit, quickModeTime, rememberedMessageIds } from "./constants.ts";
import type { Exchange, OwnExchange } from "./exchange.ts";
import { Informational } from "./exchanges/informational.ts";
import { QuickModeResponder } from "./exchanges/quick-mode-responder.ts";
import { TransactionResponder } from "./exchanges/transaction.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import type { Chain, MessageCoder } from "./message-coder.ts";
import { find } from "./payloads.ts";
import type { StateKind } from "./state.ts";

/** The message ID of an Informational message of ours, and the chain of IVs behind it. */
export interface Informed {
  readonly messageId: number;
  readonly chain: Chain;
}

interface Entry {
  readonly exchange: Exchange;
  readonly chain: Chain;
  readonly begun: "here" | "there";
  /** Digest of the last message of the peer that was taken. */
  received: string | undefined;
  /** The last message of ours. */
  sent: Datagrams | undefined;
  firstSent: number;
  /** When what waits for an answer was sent last, in ms of the engine's clock. */
  lastSent: number;
  attempts: number;
}

/** How soon after its last message one that waits is repeated because something else comes, in ms. */
const leastPause = 500;

export class Exchanges {
  readonly #sa: IkeV1Sa;
  readonly #coder: MessageCoder;
  readonly #entries = new Map<number, Entry>();
  /** Of ours, the one that is under way, and those that wait for their turn. */
  #current: OwnExchange | undefined;
  #queue: OwnExchange[] = [];
  /** Message IDs that the peer has used, oldest first. */
  readonly #seen = new Set<number>();
  /** Those that we have used: both ends' messages are made with the same keys, and ours could be thrown back as the peer's. */
  readonly #used = new Set<number>();

  constructor(sa: IkeV1Sa, coder: MessageCoder) {
    this.#sa = sa;
    this.#coder = coder;
  }

  /** Whether one of ours is unanswered. */
  get isRequesting(): boolean {
    return this.#current !== undefined || this.#sa.deadPeers.isAsking;
  }

  /** Ours of a type. */
  *own(type: number): Generator<Exchange> {
    for (const { begun, exchange } of [...this.#entries.values()])
      if (begun === "here" && exchange.exchangeType === type) yield exchange;
  }

  /** Whether a quick mode of either end is not complete. */
  get isUnderWay(): boolean {
    if (this.#current !== undefined) return true;
    for (const { exchange } of this.#entries.values())
      if (exchange instanceof QuickModeResponder && exchange.underWay !== undefined) return true;
    return false;
  }

  /** Whether the peer is about to have another pair for a child. */
  isAnswering({ name }: ChildDesired): boolean {
    for (const { exchange } of this.#entries.values())
      if (exchange instanceof QuickModeResponder && exchange.underWay?.name === name) return true;
    return false;
  }

  // --- ours --------------------------------------------------------------------------------------------------------

  /**
   * Has one of ours take its turn: one after the other, since a peer keeps the IVs of very few exchanges (charon those of
   * three), and forgets the one whose last message is still to come.
   */
  add(exchange: OwnExchange): void {
    if (this.#queue.length >= queueLimit) return exchange.abandon(this.#sa);
    this.#queue.push(exchange);
    this.#pump();
  }

  /** Gives those that wait for their turn away: they are to be begun under another ISAKMP SA. */
  handOver(): readonly OwnExchange[] {
    const queue = this.#queue;
    this.#queue = [];
    return queue;
  }

  #pump(): void {
    while (this.#current === undefined && this.#sa.state.kind === "Established") {
      const next = this.#queue.shift();
      if (next === undefined) return;
      this.#current = next;
      next.begin(this.#sa);
    }
  }

  /** It is somebody else's turn. */
  #turnOver(exchange: Exchange): void {
    if (this.#current !== exchange) return;
    this.#current = undefined;
    this.#pump();
  }

  /** Gives an exchange of ours its message ID (RFC 2408 3.1: random, never 0). Whether it can begin. */
  begin(exchange: Exchange): boolean {
    const messageId = this.#freshMessageId();
    const chain = this.#coder.chainOf(messageId);
    if (chain === undefined) return false;
    exchange.messageId = messageId;
    this.#entries.set(messageId, newEntry(exchange, chain, "here"));
    return true;
  }

  /** Sends payloads behind the hash that `hashOf` makes of them; where `repeated`, until an answer is taken. */
  send(
    exchange: Exchange,
    payloads: readonly Payload[],
    hashOf: (afterHash: Uint8Array) => Uint8Array,
    repeated: boolean,
  ): void {
    const entry = this.#entries.get(exchange.messageId);
    const { keying, host } = this.#sa;
    if (entry?.exchange !== exchange || keying === undefined) return;
    const encoded = encodePayloads(payloads);
    const sealed = this.#seal(exchange.exchangeType, exchange.messageId, entry.chain, hashOf, encoded);
    entry.sent = this.#sa.fragmentation.datagrams(sealed);
    entry.firstSent = host.now();
    entry.lastSent = entry.firstSent;
    entry.attempts = 1;
    this.#transmit(entry.sent);
    if (repeated) this.#schedule(entry);
    else this.#stopRepeating(exchange);
  }

  /** When the last message of ours was sent last: of those that were lost on the way the peer knows nothing. In ms. */
  lastSent({ messageId }: Exchange): number {
    return this.#entries.get(messageId)?.lastSent ?? 0;
  }

  /**
   * One message that nobody answers: an Informational exchange (RFC 2409 5.7). Returns what it went out under. Where an exchange
   * of the peer's is `refused` with it, it is said again when that is repeated.
   */
  inform(payloads: readonly Payload[], refused?: Exchange): Informed | undefined {
    const messageId = this.#freshMessageId();
    const chain = this.#coder.chainOf(messageId);
    const { keying } = this.#sa;
    if (chain === undefined || keying === undefined) return undefined;
    const hashOf = (afterHash: Uint8Array) => hash1(keying.skeyidA, messageId, afterHash);
    const sealed = this.#seal(exchangeType.INFORMATIONAL, messageId, chain, hashOf, encodePayloads(payloads));
    this.#transmit(sealed);
    const entry = this.#entries.get(refused?.messageId ?? 0);
    if (entry !== undefined && entry.exchange === refused) entry.sent = sealed;
    return { messageId, chain };
  }

  /** It is over. */
  done(exchange: Exchange): void {
    if (this.#entries.get(exchange.messageId)?.exchange === exchange) {
      this.#entries.delete(exchange.messageId);
      for (const timer of ["retransmit", "forget", "activate"])
        this.#sa.host.disarm(this.#sa, `${timer} ${exchange.messageId}`);
    }
    this.#turnOver(exchange);
  }

  /** It is over, but its last message may have to be said again (RFC 2408 2.8). */
  doneSoon(exchange: Exchange): void {
    this.#stopRepeating(exchange);
    this.#sa.host.arm(this.#sa, `forget ${exchange.messageId}`, this.#sa.host.now() + quickModeTime);
    this.#turnOver(exchange);
  }

  onTimer(name: string): void {
    const [what, id] = name.split(" ");
    const entry = this.#entries.get(Number(id));
    if (entry === undefined) return;
    if (what === "retransmit") return this.#repeat(entry);
    if (what === "activate") return entry.exchange.onTimer?.(this.#sa);
    this.done(entry.exchange);
  }

  /** Nobody will answer any of them. */
  abandonAll(): void {
    for (const exchange of this.handOver()) exchange.abandon(this.#sa);
    for (const { exchange } of [...this.#entries.values()]) {
      this.done(exchange);
      exchange.abandon(this.#sa);
    }
  }

  // --- the peer's --------------------------------------------------------------------------------------------------

  /** An encrypted message of phase 2. Nothing of it counts before its HASH has been found right. */
  receive(header: Header, ciphertext: Uint8Array, octets: Uint8Array): boolean {
    const known = this.#entries.get(header.messageId);
    if (known === undefined && this.#isTaken(header.messageId)) return this.#sa.deadPeers.isAnswer(header, ciphertext);
    const digest = hash("sha1", octets).toString("base64");
    if (known !== undefined && known.received === digest) {
      // A repeat: what it was answered with was lost.
      if (known.sent !== undefined) this.#transmit(known.sent);
      return false;
    }
    if (known === undefined && !mayBegin(this.#sa.state.kind, header.exchangeType)) return false;
    const entry = known ?? this.#theirs(header);
    if (entry === undefined || entry.exchange.exchangeType !== header.exchangeType) return false;
    const opened = this.#open(header, ciphertext, entry.chain);
    if (opened === undefined || !entry.exchange.isAuthentic(this.#sa, opened.message)) {
      this.#sa.drop("it does not decrypt, or its HASH is wrong", header);
      return false;
    }
    if (known === undefined && !isOf(header.exchangeType, opened.message.payloads)) {
      this.#sa.drop("it holds what another exchange begins with", header);
      return false;
    }
    if (known === undefined) this.#remember(header.messageId, entry);
    entry.chain.iv = opened.nextIv;
    entry.received = digest;
    // What was sent before has arrived: only what answers this message is said again where it is repeated.
    entry.sent = undefined;
    this.#stopRepeating(entry.exchange);
    this.#repeatWaiting(entry);
    entry.exchange.handle(this.#sa, opened.message);
    return true;
  }

  /** What comes under our keys outside the exchanges that are known; its HASH is the caller's to check. */
  openAlone(header: Header, ciphertext: Uint8Array, chain?: Chain): Protected | undefined {
    const at = chain ?? this.#coder.chainOf(header.messageId);
    return at === undefined ? undefined : this.#open(header, ciphertext, at)?.message;
  }

  #theirs(header: Header): Entry | undefined {
    let theirs = 0;
    for (const { begun } of this.#entries.values()) if (begun === "there") theirs += 1;
    const exchange = theirs >= exchangeLimit ? undefined : exchangeOf(header);
    const chain = this.#coder.chainOf(header.messageId);
    return exchange === undefined || chain === undefined ? undefined : newEntry(exchange, chain, "there");
  }

  #open(header: Header, ciphertext: Uint8Array, chain: Chain) {
    try {
      return this.#coder.open(header, ciphertext, chain);
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  }

  #remember(messageId: number, entry: Entry): void {
    this.#entries.set(messageId, entry);
    remember(this.#seen, messageId);
  }

  /** Whether either end has begun an exchange with it. */
  #isTaken(messageId: number): boolean {
    return this.#seen.has(messageId) || this.#used.has(messageId);
  }

  // --- repetition --------------------------------------------------------------------------------------------------

  /** The peer speaks of something else: the last message of what we answered may have been lost (RFC 2408 2.8). */
  #repeatWaiting(except: Entry): void {
    const now = this.#sa.host.now();
    for (const entry of this.#entries.values()) {
      if (entry === except || entry.begun === "here" || entry.sent === undefined || entry.attempts === 0) continue;
      if (now - entry.firstSent >= leastPause) this.#transmit(entry.sent);
    }
  }

  #repeat(entry: Entry): void {
    const { host, peer } = this.#sa;
    const { exchange, sent } = entry;
    if (peer === undefined || sent === undefined) return;
    if (entry.attempts > peer.timing.retransmitTries) {
      this.done(exchange);
      return exchange.timedOut(this.#sa, entry.attempts, Math.round((host.now() - entry.firstSent) / 1000));
    }
    entry.attempts += 1;
    const facts = { exchange: nameOf.exchange(exchange.exchangeType), attempt: entry.attempts };
    host.log({ level: "debug", event: "retransmit", peer: peer.name, facts });
    entry.lastSent = host.now();
    this.#transmit(sent);
    this.#schedule(entry);
  }

  #schedule({ exchange, attempts }: Entry): void {
    const { host, peer } = this.#sa;
    if (peer === undefined) return;
    const wait = peer.timing.retransmitFirst * peer.timing.retransmitFactor ** (attempts - 1);
    host.arm(this.#sa, `retransmit ${exchange.messageId}`, host.now() + wait);
  }

  #stopRepeating(exchange: Exchange): void {
    const entry = this.#entries.get(exchange.messageId);
    if (entry !== undefined) entry.attempts = 0;
    this.#sa.host.disarm(this.#sa, `retransmit ${exchange.messageId}`);
  }

  #seal(
    type: number,
    messageId: number,
    chain: Chain,
    hashOf: (afterHash: Uint8Array) => Uint8Array,
    encoded: EncodedPayloads,
  ): Buffer {
    const { keying } = this.#sa;
    if (keying === undefined) return Buffer.alloc(0);
    const whole = prependHash(hashOf(encoded.octets), encoded);
    return this.#coder.seal(keying, type, messageId, chain, whole);
  }

  #transmit(datagrams: Datagrams): void {
    this.#sa.lastSent = this.#sa.host.now();
    this.#sa.host.send(datagrams, this.#sa.path);
  }

  #freshMessageId(): number {
    for (;;) {
      const id = Buffer.from(this.#sa.host.random(4)).readUInt32BE();
      if (id === 0 || this.#entries.has(id) || this.#isTaken(id)) continue;
      remember(this.#used, id);
      return id;
    }
  }
}

function newEntry(exchange: Exchange, chain: Chain, begun: "here" | "there"): Entry {
  return { exchange, chain, begun, received: undefined, sent: undefined, firstSent: 0, lastSent: 0, attempts: 0 };
}

/** Keeps a message ID, and no more of them than {@link rememberedMessageIds}. */
function remember(ids: Set<number>, messageId: number): void {
  ids.add(messageId);
  if (ids.size <= rememberedMessageIds) return;
  const [oldest] = ids;
  if (oldest !== undefined) ids.delete(oldest);
}

/**
 * Whether a first message may be one of its exchange. HASH(1) does not cover the header (RFC 2409 5.5): where somebody changes
 * the Exchange Type on the way, it must not be taken for another, and its message ID for used.
 */
function isOf(type: number, payloads: readonly Payload[]): boolean {
  if (find(payloads, "ATTR") !== undefined) return type === exchangeType.TRANSACTION;
  if (find(payloads, "SA") !== undefined) return type === exchangeType.QUICK_MODE;
  const informs = find(payloads, "N") !== undefined || find(payloads, "D") !== undefined;
  return !informs || type === exchangeType.INFORMATIONAL;
}

/** What a peer may begin once phase 1 is over. */
function exchangeOf({ exchangeType: type, messageId }: Header): Exchange | undefined {
  switch (type) {
    case exchangeType.QUICK_MODE:
      return new QuickModeResponder(messageId);
    case exchangeType.INFORMATIONAL:
      return new Informational(messageId);
    case exchangeType.TRANSACTION:
      return new TransactionResponder(messageId);
    default:
      return undefined;
  }
}

/**
 * Which exchanges a peer may begin in which state (invariant 4). Draft-beaulieu-ike-xauth-02 6: before it has logged in, none
 * but Informational ones; before an address is had, no quick mode.
 */
function mayBegin(state: StateKind, type: number): boolean {
  switch (state) {
    case "ExpectLogin":
    case "ExpectLoginAck":
      return type === exchangeType.INFORMATIONAL;
    case "ExpectLoginRequest":
    case "ExpectAddress":
    case "ExpectAddressAck":
      return type === exchangeType.INFORMATIONAL || type === exchangeType.TRANSACTION;
    default:
      return true;
  }
}
