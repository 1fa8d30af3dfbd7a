/** A peer on strings: speaks IKEv2 with an engine, holds the keys, and says whatever a test wants it to say. */
import { generateKePair, type KePair } from "../../../src/crypto/key-exchange.ts";
import { parseProposal } from "../../../src/crypto/keywords.ts";
import type { EngineEvent } from "../../../src/engine/io.ts";
import { sealFitting } from "../../../src/ikev2/fragments.ts";
import { deriveKeying } from "../../../src/ikev2/keying.ts";
import { natDetectionPayloads } from "../../../src/ikev2/nat-detection.ts";
import { find, notify, selectorPayload, spiOctets } from "../../../src/ikev2/payloads.ts";
import { openBody, openMessage } from "../../../src/ikev2/protected-message.ts";
import { pskAuth } from "../../../src/ikev2/psk-auth.ts";
import { anonymous, makeIdentity } from "../../../src/negotiate/identity.ts";
import { offerProposals } from "../../../src/negotiate/proposals.ts";
import { type IkeSuite, suiteOf } from "../../../src/negotiate/suite.ts";
import { childSelectors } from "../../../src/negotiate/traffic-selector.ts";
import { datagramsOf } from "../../../src/sa/datagrams.ts";
import type { ChildDesired } from "../../../src/sa/desired.ts";
import { decodeHeader, flag } from "../../../src/wire/ikev2/header.ts";
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from "../../../src/wire/ikev2/message.ts";
import type { Payload } from "../../../src/wire/ikev2/payloads/table.ts";
import { exchangeType } from "../../../src/wire/ikev2/registry/message.ts";
import { notifyType } from "../../../src/wire/ikev2/registry/notify.ts";
import type { Datagram, End } from "./world.ts";

const ikeText = "aes128gcm16-prfsha256-x25519";
const psk = Buffer.from("a secret of some length");

/** Changes the payloads of a message before they are sent. */
export type Change = (payloads: Payload[]) => Payload[];

const asIs: Change = (payloads) => payloads;

/** What a puppet needs of the engine's side: where to put its datagrams, and those that have come. */
export interface Line {
  readonly address: string;
  readonly sent: readonly Datagram[];
  handle(event: Extract<EngineEvent, { kind: "datagram" }>): void;
}

export class Puppet<L extends Line = End> {
  readonly end: L;
  readonly address: string;
  readonly role: "initiator" | "responder";
  readonly ownSpi: bigint;
  theirSpi = 0n;
  /** Of our own requests. */
  nextMessageId = 0;
  /** What an initiator's nonce is made of. */
  nonceOctet = 0x11;
  #request: Uint8Array = new Uint8Array(0);
  #response: Uint8Array = new Uint8Array(0);
  #ni: Uint8Array = new Uint8Array(0);
  #nr: Uint8Array = new Uint8Array(0);
  #keys: ReturnType<typeof deriveKeying> | undefined;
  #pair: KePair | undefined;
  #iv = 0n;

  constructor(end: L, address: string, role: "initiator" | "responder", ownSpi = 0x1122334455667788n) {
    this.end = end;
    this.address = address;
    this.role = role;
    this.ownSpi = ownSpi;
  }

  // --- octets -------------------------------------------------------------------------------------------------------

  inject(octets: Uint8Array): void {
    this.end.handle({ kind: "datagram", octets, path: { local: at(this.end.address), remote: at(this.address) } });
  }

  /** The last datagram that the engine sent here. */
  received(): Uint8Array {
    const last = this.end.sent.filter(({ path }) => path.remote.address === this.address).at(-1);
    if (last === undefined) throw new Error("the engine has sent nothing");
    return last.octets;
  }

  /** A message with `plaintext` inside SK, authentic. */
  sealOctets(type: number, firstType: number, plaintext: Uint8Array, options: SealOptions = {}): Buffer {
    const { keying } = this.#keyed();
    const cipher = keying.sending;
    const padded = Buffer.concat([plaintext, Uint8Array.of(0)]);
    const length = 32 + cipher.ivLength + padded.length + cipher.icvLength;
    const message = Buffer.alloc(32);
    message.writeBigUInt64BE(this.role === "initiator" ? this.ownSpi : this.theirSpi, 0);
    message.writeBigUInt64BE(this.role === "initiator" ? this.theirSpi : this.ownSpi, 8);
    message[16] = 46;
    message[17] = 0x20;
    message[18] = type;
    message[19] = this.#flags(options.response ?? false);
    message.writeUInt32BE(options.messageId ?? this.nextMessageId, 20);
    message.writeUInt32BE(length, 24);
    message[28] = firstType;
    message.writeUInt16BE(length - 28, 30);
    const iv = this.#nextIv();
    return Buffer.concat([message, iv, cipher.seal(message, iv, padded)]);
  }

  seal(type: number, payloads: readonly Payload[], options: SealOptions = {}): Buffer {
    const { firstType, octets } = encodePayloads(payloads);
    return this.sealOctets(type, firstType, Buffer.from(octets), options);
  }

  /** A message in fragments of at most `size` octets, headers of IPv4 and UDP included; authentic. */
  sealFragments(type: number, payloads: readonly Payload[], size: number, options: SealOptions = {}): Buffer[] {
    const { sending } = this.#keyed().keying;
    const [initiatorSpi, responderSpi] =
      this.role === "initiator" ? [this.ownSpi, this.theirSpi] : [this.theirSpi, this.ownSpi];
    const { messageId = this.nextMessageId, response = false } = options;
    const header = { initiatorSpi, responderSpi, exchangeType: type, flags: this.#flags(response), messageId };
    const path = { local: at(this.address), remote: at(this.end.address) };
    const nextIv = () => this.#nextIv();
    const message = sealFitting(header, encodePayloads(payloads), sending, nextIv, size, path);
    return datagramsOf(message).map((octets) => Buffer.from(octets));
  }

  /** The payloads of a message of the engine that came in fragments. */
  openFragments(datagrams: readonly Uint8Array[]): Payload[] {
    const fragments = datagrams.map((octets) => {
      const fragment = find(decodeMessage(octets).payloads, "SKF");
      const content = fragment && openBody(octets, fragment.body, this.#keyed().keying.receiving);
      if (fragment === undefined || content === undefined) throw new Error("no fragment that opens");
      return { ...fragment, content };
    });
    fragments.sort((one, other) => one.fragmentNumber - other.fragmentNumber);
    const octets = Buffer.concat(fragments.map(({ content }) => content));
    return decodePayloads(fragments[0]?.firstInner ?? 0, octets, "protected");
  }

  /** The payloads of a protected message of the engine. */
  open(octets: Uint8Array): Payload[] {
    const sk = find(decodeMessage(octets).payloads, "SK");
    const payloads = sk === undefined ? undefined : openMessage(octets, sk, this.#keyed().keying.receiving);
    if (payloads === undefined) throw new Error("the engine's message does not open");
    return payloads;
  }

  /** The payloads of the engine's last message in clear. */
  clearPayloads(): readonly Payload[] {
    return decodeMessage(this.received()).payloads;
  }

  // --- as initiator -------------------------------------------------------------------------------------------------

  /** IKE_SA_INIT, both messages; false where the answer has no keys. */
  init(change: Change = asIs): boolean {
    this.sendInit(change);
    return this.takeInit();
  }

  sendInit(change: Change = asIs): void {
    const suite = ikeSuite();
    const pair = generateKePair(suite.ke);
    this.#pair = pair;
    this.#ni = Buffer.alloc(32, this.nonceOctet);
    const request = this.clear(
      false,
      change([
        { kind: "SA", proposals: offerProposals(policy(), new Uint8Array(0)) },
        { kind: "KE", group: suite.ke.ikev2, data: pair.publicValue },
        { kind: "Nonce", data: this.#ni },
        ...this.nat(),
        notify(notifyType.IKEV2_FRAGMENTATION_SUPPORTED),
      ]),
    );
    this.#request = request;
    this.inject(request);
    this.nextMessageId = 1;
  }

  /** Takes the answer that has come; false where it has no keys. */
  takeInit(): boolean {
    const response = this.received();
    const { header, payloads } = decodeMessage(response);
    const ke = find(payloads, "KE");
    const nonce = find(payloads, "Nonce");
    if (ke === undefined || nonce === undefined || this.#pair === undefined) return false;
    this.#response = response;
    this.theirSpi = header.responderSpi;
    this.#nr = nonce.data;
    this.#derive(ikeSuite(), this.#pair.deriveShared(ke.data));
    return true;
  }

  /** The request of IKE_AUTH as it should be. */
  authPayloads(
    options: {
      readonly id?: string;
      readonly idr?: string;
      readonly child?: ChildDesired | undefined;
      /** Proves nothing (RFC 7619), and says who it is only where `id` is given. */
      readonly unauthenticated?: boolean;
      readonly secret?: Uint8Array;
    } = {},
  ): Payload[] {
    const nobody = options.unauthenticated === true;
    const identity =
      nobody && options.id === undefined ? anonymous : makeIdentity("fqdn", options.id ?? `gw-${this.address}`);
    const idi = { idType: identity.idType, data: identity.octets };
    const { skPi } = this.#keyed();
    const secret = nobody ? skPi : (options.secret ?? psk);
    const data = pskAuth(ikeSuite().prf, secret, { message: this.#request, nonce: this.#nr, identity: idi, skP: skPi });
    const payloads: Payload[] = [
      { kind: "IDi", ...idi },
      { kind: "AUTH", method: nobody ? 13 : 2, data },
    ];
    if (options.idr !== undefined) payloads.push({ kind: "IDr", idType: 2, data: Buffer.from(options.idr) });
    if (options.child !== undefined) payloads.push(...this.childPayloads(options.child));
    return payloads;
  }

  /** The payloads that ask for a child of the engine's, seen from here. */
  childPayloads(child: ChildDesired, spi = 0xabcd_0001): Payload[] {
    const { local, remote } = childSelectors(child, { local: this.end.address, remote: this.address });
    return [
      ...(child.mode === "transport" ? [notify(notifyType.USE_TRANSPORT_MODE)] : []),
      {
        kind: "SA",
        proposals: offerProposals({ protocol: child.protocol, ours: child.proposals, withKe: false }, spiOctets(spi)),
      },
      selectorPayload("TSi", remote),
      selectorPayload("TSr", local),
    ];
  }

  /** Sends a request and gives the answer's payloads, or undefined where there was none. */
  request(type: number, payloads: readonly Payload[]): Payload[] | undefined {
    const before = this.end.sent.length;
    this.inject(this.seal(type, payloads));
    this.nextMessageId += 1;
    const answer = this.end.sent
      .slice(before)
      .filter(({ octets }) => ((octets[19] ?? 0) & flag.response) !== 0)
      .at(-1);
    return answer === undefined ? undefined : this.open(answer.octets);
  }

  // --- as responder -------------------------------------------------------------------------------------------------

  /** Answers the engine's IKE_SA_INIT. */
  answerInit(change: Change = asIs): void {
    const suite = ikeSuite();
    this.#request = this.received();
    const { header, payloads } = decodeMessage(this.#request);
    this.theirSpi = header.initiatorSpi;
    const pair = generateKePair(suite.ke);
    const ke = find(payloads, "KE");
    this.#ni = find(payloads, "Nonce")?.data ?? this.#ni;
    this.#nr = Buffer.alloc(32, 0x22);
    const sa = find(payloads, "SA");
    this.#response = this.clear(
      true,
      change([
        { kind: "SA", proposals: sa?.proposals ?? [] },
        { kind: "KE", group: suite.ke.ikev2, data: pair.publicValue },
        { kind: "Nonce", data: this.#nr },
        ...this.nat(),
        notify(notifyType.CHILDLESS_IKEV2_SUPPORTED),
        notify(notifyType.MULTIPLE_AUTH_SUPPORTED),
        notify(notifyType.IKEV2_FRAGMENTATION_SUPPORTED),
      ]),
    );
    if (ke !== undefined) this.#derive(suite, pair.deriveShared(ke.data));
    this.inject(this.#response);
  }

  /** Answers the engine's IKE_AUTH, taking the child as it was offered. */
  answerAuth(change: Change = asIs, id = `gw-${this.address}`): void {
    const message = this.received();
    this.answer(message, change(this.authAnswer(message, id)));
  }

  /** What answers that request of IKE_AUTH. */
  authAnswer(message: Uint8Array, id = `gw-${this.address}`): Payload[] {
    const identity = makeIdentity("fqdn", id);
    const idr = { idType: identity.idType, data: identity.octets };
    const { skPr } = this.#keyed();
    const data = pskAuth(ikeSuite().prf, psk, { message: this.#response, nonce: this.#ni, identity: idr, skP: skPr });
    const accepted = acceptChild(this.open(message));
    return [{ kind: "IDr", ...idr }, { kind: "AUTH", method: 2, data }, ...accepted];
  }

  /** Answers a protected request of the engine. */
  answer(request: Uint8Array, payloads: readonly Payload[]): void {
    const { exchangeType, messageId } = decodeHeader(request);
    this.inject(this.seal(exchangeType, payloads, { response: true, messageId }));
  }

  /** A message in clear, IKE_SA_INIT's. */
  clear(response: boolean, payloads: readonly Payload[]): Buffer {
    const [initiatorSpi, responderSpi] =
      this.role === "initiator" ? [this.ownSpi, this.theirSpi] : [this.theirSpi, this.ownSpi];
    return encodeMessage(
      {
        initiatorSpi,
        responderSpi,
        majorVersion: 2,
        minorVersion: 0,
        exchangeType: exchangeType.IKE_SA_INIT,
        flags: this.#flags(response),
        messageId: 0,
      },
      payloads,
    );
  }

  /** The NAT detection that says: there is none. */
  nat(): Payload[] {
    const path = { local: { address: this.address, port: 500 }, remote: { address: this.end.address, port: 500 } };
    const [initiatorSpi, responderSpi] = this.role === "initiator" ? [this.ownSpi, 0n] : [this.theirSpi, this.ownSpi];
    return natDetectionPayloads(initiatorSpi, responderSpi, path);
  }

  #nextIv(): Buffer {
    const iv = Buffer.alloc(this.#keyed().keying.sending.ivLength);
    this.#iv += 1n;
    iv.writeBigUInt64BE(this.#iv, iv.length - 8);
    return iv;
  }

  #flags(response: boolean): number {
    return (response ? flag.response : 0) | (this.role === "initiator" ? flag.initiator : 0);
  }

  #derive(suite: IkeSuite, secret: Uint8Array): void {
    const [initiatorSpi, responderSpi] =
      this.role === "initiator" ? [this.ownSpi, this.theirSpi] : [this.theirSpi, this.ownSpi];
    this.#keys = deriveKeying({
      role: this.role,
      suite,
      secret,
      ni: this.#ni,
      nr: this.#nr,
      initiatorSpi,
      responderSpi,
    });
  }

  #keyed(): ReturnType<typeof deriveKeying> {
    if (this.#keys === undefined) throw new Error("no keys yet");
    return this.#keys;
  }
}

function at(address: string) {
  return { address, port: 500 };
}

export interface SealOptions {
  readonly response?: boolean;
  readonly messageId?: number;
}

function policy() {
  return { protocol: "ike", ours: [{ transforms: parseProposal(ikeText, "ike") }], withKe: true } as const;
}

function ikeSuite(): IkeSuite {
  const picks = Object.fromEntries(parseProposal(ikeText, "ike").map((row) => [row.type, row]));
  const suite = suiteOf("ike", picks);
  if (suite === undefined) throw new Error(`${ikeText} is no suite`);
  return suite;
}

/** The child of an engine's request, taken whole. */
export function acceptChild(payloads: readonly Payload[], spi = 0xabcd_0002): Payload[] {
  const sa = find(payloads, "SA");
  const proposal = sa?.proposals[0];
  if (proposal === undefined) return [];
  const answer: Payload[] = [{ kind: "SA", proposals: [{ ...proposal, spi: spiOctets(spi) }] }];
  for (const payload of payloads) {
    if (payload.kind === "TSi" || payload.kind === "TSr") answer.push(payload);
    if (payload.kind === "N" && payload.type === notifyType.USE_TRANSPORT_MODE) answer.push(payload);
  }
  return answer;
}
