/** A lean IKEv2 initiator: one handshake after the other, as cheap as correctness allows, so that it is not what is measured. */
import { generateKePair, type KePair } from "../../src/crypto/key-exchange.ts";
import { parseProposal } from "../../src/crypto/keywords.ts";
import { constantTimeEqual, randomBytes } from "../../src/crypto/secret.ts";
import { deriveKeying, type IkeKeying } from "../../src/ikev2/keying.ts";
import { natDetectionPayloads } from "../../src/ikev2/nat-detection.ts";
import { find, findError, findNotify, notify, selectorPayload } from "../../src/ikev2/payloads.ts";
import { openMessage, sealMessage } from "../../src/ikev2/protected-message.ts";
import { pskAuth, signedOctets } from "../../src/ikev2/psk-auth.ts";
import { makeIdentity } from "../../src/negotiate/identity.ts";
import { offerProposals, type ProposalPolicy, verifyAnswer } from "../../src/negotiate/proposals.ts";
import { childSelectors } from "../../src/negotiate/traffic-selector.ts";
import type { Path } from "../../src/sa/path.ts";
import { flag } from "../../src/wire/ikev2/header.ts";
import { decodeMessage, encodeMessage } from "../../src/wire/ikev2/message.ts";
import type { Payload } from "../../src/wire/ikev2/payloads/table.ts";
import { authMethod } from "../../src/wire/ikev2/registry/identity.ts";
import { exchangeType, protocolId } from "../../src/wire/ikev2/registry/message.ts";
import { nameOf } from "../../src/wire/ikev2/registry/names.ts";
import { notifyType } from "../../src/wire/ikev2/registry/notify.ts";
import { type CaseName, espProposal, offerOf, responderId, secret, suiteOfCase } from "./cases.ts";
import type { Established } from "./rekeyer.ts";
import type { Signer } from "./signer.ts";

/** The responder answered something that no handshake can go on with. */
export class HandshakeRefused extends Error {
  override readonly name = "HandshakeRefused";
}

const none = new Uint8Array(0);
const secretOctets = Buffer.from(secret, "ascii");

/** One initiator's key pair of each method: kept over all handshakes, because making it is not what is measured. */
const pairs = new Map<CaseName, KePair>();

/** The initiator's side of one IKE SA. */
export class Handshake {
  readonly spi: bigint;
  /** What is to be sent, and repeated until an answer is in. */
  message: Buffer;
  state: "init" | "auth" | "established" | "deleting" | "deleted" = "init";
  readonly #case: CaseName;
  readonly #identity: string;
  readonly #path: Path;
  readonly #withChild: boolean;
  readonly #pair: KePair;
  readonly #nonce = randomBytes(32);
  readonly #takesCookies: boolean;
  #request: Buffer;
  #responderSpi = 0n;
  #messageId = 0;
  #keys: IkeKeying | undefined;
  #childSpi: number | undefined;
  #cookie: Payload | undefined;
  #proof: Buffer | undefined;
  readonly #signer: Signer | undefined;

  /** `takesCookies`: whether it goes on where the responder asks for a cookie; else that ends it, as a sign of too much load. */
  constructor(
    name: CaseName,
    identity: string,
    path: Path,
    withChild: boolean,
    takesCookies = false,
    signer: Signer | undefined = undefined,
  ) {
    this.#takesCookies = takesCookies;
    this.#signer = signer;
    this.#case = name;
    this.#identity = identity;
    this.#path = path;
    this.#withChild = withChild;
    this.spi = randomBytes(8).readBigUInt64BE(0) | 1n;
    this.#pair = pairOf(name);
    this.#request = this.#first();
    this.message = this.#request;
  }

  #first(): Buffer {
    return encodeMessage(this.#header(exchangeType.IKE_SA_INIT), [
      ...(this.#cookie === undefined ? [] : [this.#cookie]),
      { kind: "SA", proposals: offerProposals(offerOf(this.#case), none) },
      { kind: "KE", group: suiteOfCase(this.#case).ke.ikev2, data: this.#pair.publicValue },
      { kind: "Nonce", data: this.#nonce },
      ...natDetectionPayloads(this.spi, 0n, this.#path),
      ...(this.#signer === undefined ? [] : [this.#signer.hashes]),
    ]);
  }

  /** Takes a response; throws HandshakeRefused where it ends the handshake. */
  receive(octets: Buffer): void {
    if (this.state === "init") this.#receiveInit(octets);
    else this.#receiveProtected(octets);
  }

  /** What stands now, for who goes on with it. */
  established(): Established {
    const keying = this.#keys;
    if (keying === undefined || this.state !== "established") throw new RangeError("it is not established");
    return {
      case: this.#case,
      path: this.#path,
      keying,
      spi: this.spi,
      responderSpi: this.#responderSpi,
      nextMessageId: 2,
      childSpi: this.#childSpi,
    };
  }

  /** The request that ends the SA. */
  delete(): void {
    this.state = "deleting";
    this.#messageId = 2;
    this.message = this.#seal(exchangeType.INFORMATIONAL, [
      { kind: "D", protocolId: protocolId.IKE, spiSize: 0, spis: [] },
    ]);
  }

  #receiveInit(octets: Buffer): void {
    const { header, payloads } = decodeMessage(octets);
    const sa = find(payloads, "SA");
    const ke = find(payloads, "KE");
    const nr = find(payloads, "Nonce");
    const cookie = findNotify(payloads, notifyType.COOKIE);
    if (cookie !== undefined && this.#takesCookies) {
      // RFC 7296 2.6: the same again, with the cookie first.
      this.#cookie = notify(notifyType.COOKIE, Uint8Array.from(cookie.data));
      this.#request = this.#first();
      this.message = this.#request;
      return;
    }
    if (sa === undefined || ke === undefined || nr === undefined) throw refusal("IKE_SA_INIT", payloads);
    const choice = verifyAnswer("ike", offerProposals(offerOf(this.#case), none), sa.proposals);
    if (!choice.ok) throw new HandshakeRefused("the responder chose what was not offered");
    this.#responderSpi = header.responderSpi;
    const { keying, skPi, skPr } = deriveKeying({
      role: "initiator",
      suite: choice.suite,
      secret: this.#pair.deriveShared(ke.data),
      ni: this.#nonce,
      nr: nr.data,
      initiatorSpi: this.spi,
      responderSpi: header.responderSpi,
    });
    this.#keys = keying;
    const signer = this.#signer;
    const identity = makeIdentity("fqdn", signer?.initiator ?? this.#identity);
    const idi = { idType: identity.idType, data: identity.octets };
    const responder = signer === undefined ? responderId : makeIdentity("fqdn", signer.responder);
    const idr = { idType: responder.idType, data: responder.octets };
    const { prf } = choice.suite;
    const theirs = { message: octets, nonce: this.#nonce, identity: idr, skP: skPr };
    const ours = { message: this.#request, nonce: nr.data, identity: idi, skP: skPi };
    // What the responder's AUTH must be, or be a signature of: computed now, so that nothing of its first message need be kept.
    this.#proof = signer === undefined ? pskAuth(prf, secretOctets, theirs) : signedOctets(prf, theirs);
    const proof: Payload[] = signer?.prove(signedOctets(prf, ours)) ?? [
      { kind: "AUTH", method: authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE, data: pskAuth(prf, secretOctets, ours) },
    ];
    this.#messageId = 1;
    this.state = "auth";
    this.message = this.#seal(exchangeType.IKE_AUTH, [
      { kind: "IDi", ...idi },
      { kind: "IDr", ...idr },
      ...proof,
      ...(this.#withChild ? this.#childPayloads() : []),
    ]);
  }

  #receiveProtected(octets: Buffer): void {
    const { payloads: outer } = decodeMessage(octets);
    const sk = find(outer, "SK");
    const keys = this.#keys;
    if (sk === undefined || keys === undefined) throw refusal("a protected exchange", outer);
    const payloads = openMessage(octets, sk, keys.receiving);
    if (payloads === undefined) throw new HandshakeRefused("the responder's message fails its integrity check");
    if (this.state === "deleting") {
      this.state = "deleted";
      return;
    }
    const auth = find(payloads, "AUTH");
    if (auth === undefined || this.#proof === undefined) throw refusal("IKE_AUTH", payloads);
    const holds = this.#signer?.holds(auth, this.#proof) ?? constantTimeEqual(auth.data, this.#proof);
    if (!holds) throw new HandshakeRefused("the responder's proof is wrong");
    if (this.#withChild && find(payloads, "SA") === undefined) throw refusal("the Child SA", payloads);
    this.state = "established";
  }

  /** GRE in transport mode between the two hosts. */
  #childPayloads(): Payload[] {
    const transforms = parseProposal(espProposal, "esp");
    const spi = randomBytes(4);
    spi[0] = (spi[0] ?? 0) | 1;
    this.#childSpi = spi.readUInt32BE(0);
    const policy: ProposalPolicy<"esp"> = { protocol: "esp", ours: [{ transforms }], withKe: false };
    const end = { prefix: "host", protocol: 47 } as const;
    const hosts = { local: this.#path.local.address, remote: this.#path.remote.address };
    const { local, remote } = childSelectors({ local: end, remote: end, mode: "transport" }, hosts);
    return [
      notify(notifyType.USE_TRANSPORT_MODE),
      { kind: "SA", proposals: offerProposals(policy, spi) },
      selectorPayload("TSi", local),
      selectorPayload("TSr", remote),
    ];
  }

  #seal(type: number, payloads: readonly Payload[]): Buffer {
    const cipher = this.#keys?.sending;
    if (cipher === undefined) throw new RangeError("there are no keys yet");
    const iv = randomBytes(cipher.ivLength);
    return sealMessage(this.#header(type), payloads, cipher, iv);
  }

  #header(type: number) {
    return {
      initiatorSpi: this.spi,
      responderSpi: this.#responderSpi,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: type,
      flags: flag.initiator,
      messageId: this.#messageId,
    };
  }
}

function pairOf(name: CaseName): KePair {
  const known = pairs.get(name);
  if (known !== undefined) return known;
  const made = generateKePair(suiteOfCase(name).ke);
  pairs.set(name, made);
  return made;
}

function refusal(where: string, payloads: readonly Payload[]): HandshakeRefused {
  const error = findError(payloads);
  if (error !== undefined) return new HandshakeRefused(`${where} was refused: ${nameOf.notify(error.type)}`);
  const cookie = payloads.some((payload) => payload.kind === "N" && payload.type === notifyType.COOKIE);
  return new HandshakeRefused(`${where}: ${cookie ? "the responder asks for a cookie" : "the answer is incomplete"}`);
}
