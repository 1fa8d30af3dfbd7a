/** An initiator that replaces its SAs over and over: what is asked of a responder for as long as a tunnel stands. */
import { generateKePair, type KePair } from "../../src/crypto/key-exchange.ts";
import { parseProposal } from "../../src/crypto/keywords.ts";
import { randomBytes } from "../../src/crypto/secret.ts";
import { deriveSuccessorKeying, type IkeKeying } from "../../src/ikev2/keying.ts";
import { find, findError, ikeSpiNumber, notify, selectorPayload, spiOctets } from "../../src/ikev2/payloads.ts";
import { openMessage, sealMessage } from "../../src/ikev2/protected-message.ts";
import { offerProposals, type ProposalPolicy, verifyAnswer } from "../../src/negotiate/proposals.ts";
import { childSelectors } from "../../src/negotiate/traffic-selector.ts";
import type { Path } from "../../src/sa/path.ts";
import { flag } from "../../src/wire/ikev2/header.ts";
import { decodeMessage } from "../../src/wire/ikev2/message.ts";
import type { Payload } from "../../src/wire/ikev2/payloads/table.ts";
import { exchangeType, protocolId } from "../../src/wire/ikev2/registry/message.ts";
import { nameOf } from "../../src/wire/ikev2/registry/names.ts";
import { notifyType } from "../../src/wire/ikev2/registry/notify.ts";
import { type CaseName, espKeProposal, espProposal, offerOf, suiteOfCase } from "./cases.ts";

/** What is replaced: a Child SA, with keys from the IKE SA's or with a key exchange of its own, or the IKE SA. */
export const rekeyKinds = ["child", "childWithKe", "ike"] as const;

export type RekeyKind = (typeof rekeyKinds)[number];

/** What a finished handshake leaves. */
export interface Established {
  readonly case: CaseName;
  readonly path: Path;
  readonly keying: IkeKeying;
  readonly spi: bigint;
  readonly responderSpi: bigint;
  readonly nextMessageId: number;
  /** Our SPI of the Child SA, where there is one. */
  readonly childSpi: number | undefined;
}

/** One pair for all: making it is not what is measured. */
let pair: KePair | undefined;

/** One IKE SA, whose SAs are replaced one after the other; as `Handshake`, it says what is to be sent next. */
export class Rekeyer {
  message: Buffer = Buffer.alloc(28);
  state: "rekeying" | "deleting" | "rekeyed" = "rekeyed";
  #sa: Established;
  #messageId: number;
  #kind: RekeyKind = "ike";
  #nonce = randomBytes(32);
  #freshChildSpi = 0;
  #successor: Established | undefined;

  constructor(established: Established) {
    this.#sa = established;
    this.#messageId = established.nextMessageId;
  }

  /** By what its messages are told from others'. */
  get spi(): bigint {
    return this.#sa.spi;
  }

  /** Asks for the replacement; what it replaces is deleted when it is there. */
  begin(kind: RekeyKind): void {
    this.#kind = kind;
    this.#nonce = randomBytes(32);
    this.state = "rekeying";
    this.#ask(exchangeType.CREATE_CHILD_SA, kind === "ike" ? this.#ikeRequest() : this.#childRequest());
  }

  /** Takes a response; throws where it is none that one can go on with. */
  receive(octets: Buffer): void {
    const sk = find(decodeMessage(octets).payloads, "SK");
    const payloads = sk === undefined ? undefined : openMessage(octets, sk, this.#sa.keying.receiving);
    if (payloads === undefined) throw new Error("the responder's message fails its integrity check");
    this.#messageId += 1;
    if (this.state === "deleting") return this.#finish();
    const error = findError(payloads);
    if (error !== undefined) throw new Error(`a rekeying was refused: ${nameOf.notify(error.type)}`);
    if (this.#kind === "ike") this.#succeed(payloads);
    this.state = "deleting";
    this.#ask(exchangeType.INFORMATIONAL, [this.#deletion()]);
  }

  #ikeRequest(): Payload[] {
    const suite = suiteOfCase(this.#sa.case);
    pair ??= generateKePair(suite.ke);
    const spi = randomBytes(8);
    spi[0] = (spi[0] ?? 0) | 1;
    this.#successor = { ...this.#sa, spi: spi.readBigUInt64BE(0), nextMessageId: 0 };
    return [
      { kind: "SA", proposals: offerProposals(offerOf(this.#sa.case), spi) },
      { kind: "KE", group: suite.ke.ikev2, data: pair.publicValue },
      { kind: "Nonce", data: this.#nonce },
    ];
  }

  #childRequest(): Payload[] {
    const { childSpi, path } = this.#sa;
    if (childSpi === undefined) throw new RangeError("there is no Child SA");
    const withKe = this.#kind === "childWithKe";
    this.#freshChildSpi = (randomBytes(4).readUInt32BE(0) | 0x0100_0000) >>> 0;
    const transforms = parseProposal(withKe ? espKeProposal : espProposal, "esp");
    const policy: ProposalPolicy<"esp"> = { protocol: "esp", ours: [{ transforms }], withKe };
    const ke = suiteOfCase("x25519").ke;
    pair ??= generateKePair(ke);
    const end = { prefix: "host", protocol: 47 } as const;
    const hosts = { local: path.local.address, remote: path.remote.address };
    const { local, remote } = childSelectors({ local: end, remote: end, mode: "transport" }, hosts);
    return [
      { kind: "N", protocolId: protocolId.ESP, spi: spiOctets(childSpi), type: notifyType.REKEY_SA, data: none },
      notify(notifyType.USE_TRANSPORT_MODE),
      { kind: "SA", proposals: offerProposals(policy, spiOctets(this.#freshChildSpi)) },
      { kind: "Nonce", data: this.#nonce },
      ...(withKe ? ([{ kind: "KE", group: ke.ikev2, data: pair.publicValue }] as const) : []),
      selectorPayload("TSi", local),
      selectorPayload("TSr", remote),
    ];
  }

  /** The keys of the IKE SA that is to replace this one. */
  #succeed(payloads: readonly Payload[]): void {
    const sa = find(payloads, "SA");
    const ke = find(payloads, "KE");
    const nonce = find(payloads, "Nonce");
    const successor = this.#successor;
    if (sa === undefined || ke === undefined || nonce === undefined || successor === undefined || pair === undefined)
      throw new Error("the answer to an IKE SA's rekeying is incomplete");
    const offered = offerProposals(offerOf(this.#sa.case), spiOf(successor.spi));
    const choice = verifyAnswer("ike", offered, sa.proposals);
    if (!choice.ok) throw new Error("the responder chose what was not offered");
    const responderSpi = ikeSpiNumber(choice.peerSpi) ?? 0n;
    const terms = { suite: choice.suite, secret: pair.deriveShared(ke.data), ni: this.#nonce, nr: nonce.data };
    const spis = { role: "initiator", localSpi: successor.spi, remoteSpi: responderSpi } as const;
    const keying = deriveSuccessorKeying({ ...spis, ...terms }, this.#sa.keying);
    this.#successor = { ...successor, responderSpi, keying };
  }

  #deletion(): Payload {
    const { childSpi } = this.#sa;
    if (this.#kind === "ike" || childSpi === undefined)
      return { kind: "D", protocolId: protocolId.IKE, spiSize: 0, spis: [] };
    return { kind: "D", protocolId: protocolId.ESP, spiSize: 4, spis: [spiOctets(childSpi)] };
  }

  #finish(): void {
    this.state = "rekeyed";
    if (this.#kind !== "ike") {
      this.#sa = { ...this.#sa, childSpi: this.#freshChildSpi };
    } else if (this.#successor !== undefined) {
      this.#sa = this.#successor;
      this.#messageId = 0;
    }
  }

  #ask(type: number, payloads: readonly Payload[]): void {
    const { spi, responderSpi, keying } = this.#sa;
    const header = {
      initiatorSpi: spi,
      responderSpi,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: type,
      flags: flag.initiator,
      messageId: this.#messageId,
    };
    this.message = sealMessage(header, payloads, keying.sending, randomBytes(keying.sending.ivLength));
  }
}

const none = new Uint8Array(0);

function spiOf(spi: bigint): Buffer {
  const octets = Buffer.alloc(8);
  octets.writeBigUInt64BE(spi);
  return octets;
}
