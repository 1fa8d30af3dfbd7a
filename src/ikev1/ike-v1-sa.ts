/** One ISAKMP SA (RFC 2408, 2409): phase 1 by its state, the exchanges of phase 2 by their message IDs, its IPsec SAs. */
import { hash } from "../crypto/hash.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa, Role } from "../sa/any-ike-sa.ts";
import { ChildSas } from "../sa/child-sas.ts";
import type { PeerDesired } from "../sa/desired.ts";
import { checkKeepalive, type Outgoing, watchKeepalive } from "../sa/keepalive.ts";
import { checkLiveness, watchLiveness } from "../sa/liveness.ts";
import { type NatFinding, noNat } from "../sa/nat.ts";
import { type Path, samePath } from "../sa/path.ts";
import { followsPeer, moveTo } from "../sa/path-change.ts";
import type { InnerAddress } from "../sa/remote-access.ts";
import { WireError } from "../wire/error.ts";
import { decodeHeader, flag, type Header } from "../wire/ikev1/header.ts";
import { decodeMessage, encodePayloads } from "../wire/ikev1/message.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { exchangeType, payloadType } from "../wire/ikev1/registry/message.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import { askedAuthorities } from "./certificate-requests.ts";
import { repeatLimit } from "./constants.ts";
import { DeadPeerDetection } from "./dead-peer-detection.ts";
import { Ikev1Dialect } from "./dialect.ts";
import { sayFarewell, sayIsakmpDeletion, takeClearNotify, takeRefusal } from "./exchanges/informational.ts";
import { opaqueTypes } from "./exchanges/key-payloads.ts";
import { phase1 } from "./exchanges/table.ts";
import { Exchanges } from "./exchanges.ts";
import { Fragmentation } from "./fragmentation.ts";
import type { Host, Phase1Mode } from "./host.ts";
import { type IsakmpKeying, wipeKeying } from "./keying.ts";
import { type Chain, MessageCoder } from "./message-coder.ts";
import type { NatTraversal } from "./nat-detection.ts";
import { Phase1Message } from "./phase1-message.ts";
import { Setup } from "./setup.ts";
import { isSetup, type State } from "./state.ts";
import { Succession } from "./succession.ts";

export interface IkeV1SaOptions {
  readonly role: Role;
  readonly mode: Phase1Mode;
  readonly host: Host;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly path: Path;
  readonly peer?: PeerDesired;
  readonly state: State;
}

/** Finds its way through phase 1 by its state; what waits for an answer is kept by its parts. */
export class IkeV1Sa implements AnyIkeSa {
  readonly role: Role;
  readonly origin: Role;
  readonly mode: Phase1Mode;
  readonly host: Host;
  readonly dialect: Ikev1Dialect = new Ikev1Dialect(this);
  readonly localSpi: bigint;
  remoteSpi: bigint;
  path: Path;
  peer: PeerDesired | undefined;
  remoteId: Identity | undefined;
  state: State;
  keying: IsakmpKeying | undefined;
  /** Of phase 1's messages; those of phase 2 begin with what it ends with. */
  phase1Chain: Chain | undefined;
  nat: NatFinding = noNat;
  natTraversal: NatTraversal = "none";
  readonly fragmentation: Fragmentation = new Fragmentation(this);
  readonly setup: Setup = new Setup(this);
  /** The address inside that one end has from the other. */
  innerAddress: InnerAddress | undefined;
  readonly deadPeers: DeadPeerDetection = new DeadPeerDetection(this);
  readonly authentication: undefined;
  readonly createdAt: number;
  establishedAt = 0;
  lowestNonce = 0n;
  lastHeard: number;
  lastLooked = 0;
  lastReceived = 0;
  lastSent = 0;
  lastAnswered = 0;
  outgoing: Outgoing | undefined;
  /** Names of the authorities whose certificates the peer asks for, as far as it has said in phase 1. */
  askedFor: readonly Uint8Array[] = [];
  /** Seconds that both ends agreed it lives; undefined where none were said. */
  agreedSeconds: number | undefined;
  children: ChildSas;
  readonly succession: Succession = new Succession(this);
  readonly exchanges: Exchanges;
  readonly #coder: MessageCoder = new MessageCoder(this);
  readonly #own: Phase1Message = new Phase1Message(this);
  /** Digest of the last message of phase 1 that was taken. */
  #received: string | undefined;
  #repeats = 0;

  constructor(options: IkeV1SaOptions) {
    this.role = options.role;
    this.origin = options.role;
    this.mode = options.mode;
    this.host = options.host;
    this.localSpi = options.localSpi;
    this.remoteSpi = options.remoteSpi;
    this.path = options.path;
    this.peer = options.peer;
    this.state = options.state;
    this.children = new ChildSas(this);
    this.exchanges = new Exchanges(this, this.#coder);
    this.createdAt = options.host.now();
    this.lastHeard = this.createdAt;
  }

  get initiatorSpi(): bigint {
    return this.role === "initiator" ? this.localSpi : this.remoteSpi;
  }

  get responderSpi(): bigint {
    return this.role === "initiator" ? this.remoteSpi : this.localSpi;
  }

  get isOver(): boolean {
    return this.state.kind === "Gone";
  }

  get isRequesting(): boolean {
    return this.exchanges.isRequesting;
  }

  get holder(): IkeV1Sa {
    return this.succession.holder;
  }

  // --- what comes in -----------------------------------------------------------------------------------------------

  /** A datagram whose cookies name this SA; `header` is that of `octets`. */
  receive(header: Header, octets: Uint8Array, path: Path): void {
    if (this.state.kind === "Gone" || !this.#isOurs(header)) return;
    try {
      const message = decodeMessage(octets, opaqueTypes(this.state));
      if ("ciphertext" in message) this.#receiveEncrypted(header, message.ciphertext, octets, path);
      else if (header.nextPayload === payloadType.FRAGMENT) this.#receiveFragment(header, message.payloads, path);
      else if (header.messageId === 0) this.#receivePhase1(header, message.payloads, octets, path);
      // RFC 2409 5.7: what is not protected by a HASH, once keys exist, changes nothing; before, hardly more.
      else if (header.exchangeType === exchangeType.INFORMATIONAL) takeClearNotify(this, message.payloads);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.drop(error.message, header);
    }
  }

  /** The peer's cookie is 0 until it has said it; the responder's own may be missing in a repeat of the first message. */
  #isOurs({ initiatorCookie, responderCookie }: Header): boolean {
    if (this.role === "initiator")
      return initiatorCookie === this.localSpi && (this.remoteSpi === 0n || responderCookie === this.remoteSpi);
    return initiatorCookie === this.remoteSpi && (responderCookie === this.localSpi || responderCookie === 0n);
  }

  /** The message that it began with, as responder: where it comes again, so does our answer. */
  beganWith(octets: Uint8Array): void {
    this.#received = digestOf(octets);
  }

  #receiveEncrypted(header: Header, ciphertext: Uint8Array, octets: Uint8Array, path: Path): void {
    if (header.messageId !== 0) {
      // RFC 2408 2.8: the peer has begun phase 2, so the last message of phase 1 was lost; ours makes it say it again.
      if (this.state.kind === "ExpectAggressiveProof") return this.#repeatAnswer();
      if (this.state.kind === "ExpectIdentityAnswer") return takeRefusal(this, header, ciphertext);
      if (this.state.kind !== "Established" && this.state.kind !== "Replaced" && !isSetup(this.state)) return;
      if (this.exchanges.receive(header, ciphertext, octets)) this.#heardOver(path);
      return;
    }
    if (this.#isRepeat(octets) || !this.#mayTake(header) || this.phase1Chain === undefined) return;
    const opened = this.#open(header, ciphertext, this.phase1Chain);
    if (opened === undefined) return;
    const before = this.state;
    this.#take(header, opened.message.payloads, octets, path, () => {
      if (this.phase1Chain !== undefined) this.phase1Chain.iv = opened.nextIv;
    });
    if (this.state === before) this.drop("phase 1 does not go on with it", header);
  }

  /** A piece of a message, which is read as if it had come whole. One in pieces again is none. */
  #receiveFragment(header: Header, payloads: readonly Payload[], path: Path): void {
    const [fragment] = payloads;
    if (fragment?.isakmp !== "FRAGMENT" || payloads.length > 1) return this.drop("a fragment stands alone", header);
    const whole = this.fragmentation.add(fragment);
    if (whole === "refused") return this.drop("too many fragments", header);
    if (whole === "incomplete") return;
    const inner = decodeHeader(whole);
    const isFragment = inner.nextPayload === payloadType.FRAGMENT && (inner.flags & flag.encryption) === 0;
    if (isFragment) return this.drop("fragments of a fragment", header);
    this.receive(inner, whole, path);
  }

  #receivePhase1(header: Header, payloads: readonly Payload[], octets: Uint8Array, path: Path): void {
    if (header.exchangeType === exchangeType.INFORMATIONAL) return takeClearNotify(this, payloads);
    if (this.#isRepeat(octets) || !this.#mayTake(header)) return;
    this.#take(header, payloads, octets, path, () => {});
  }

  #take(header: Header, payloads: readonly Payload[], octets: Uint8Array, path: Path, commit: () => void): void {
    const step = phase1[this.state.kind];
    const isEncrypted = (header.flags & flag.encryption) !== 0;
    if (step === undefined || !step.takes(isEncrypted)) return;
    if (this.askedFor.length === 0) this.askedFor = askedAuthorities(payloads);
    step.handle(this, { payloads, header, path }, () => {
      commit();
      this.#own.arrived();
      this.#received = digestOf(octets);
      this.#repeats = 0;
    });
  }

  #open(header: Header, ciphertext: Uint8Array, chain: Chain) {
    try {
      return this.#coder.open(header, ciphertext, chain);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      // RFC 2409 5: the key comes from the secret; with another one nothing but garbage comes out.
      const reason = phase1[this.state.kind]?.garbled?.(this);
      if (reason !== undefined) this.note(reason);
      this.drop(error.message, header);
      return undefined;
    }
  }

  #mayTake(header: Header): boolean {
    const wanted = this.mode === "main" ? exchangeType.IDENTITY_PROTECTION : exchangeType.AGGRESSIVE;
    return header.exchangeType === wanted && phase1[this.state.kind] !== undefined;
  }

  /** RFC 2408 2.8: a message that comes again is answered with what it was answered with before. */
  #isRepeat(octets: Uint8Array): boolean {
    if (this.#received === undefined || this.#received !== digestOf(octets)) return false;
    this.#repeatAnswer();
    return true;
  }

  #repeatAnswer(): void {
    if (this.#repeats >= repeatLimit) return;
    this.#repeats += 1;
    this.#own.sayAgain();
  }

  #heardOver(path: Path): void {
    this.lastHeard = this.host.now();
    if (followsPeer(this) && !samePath(this.path, path)) moveTo(this, { local: this.path.local, remote: path.remote });
  }

  onTimer(name: string): void {
    switch (name) {
      case "phase1":
        return this.#own.repeat();
      case "half-open":
        return this.#own.endHalfOpen();
      case "liveness":
        return checkLiveness(this);
      case "keepalive":
        return checkKeepalive(this);
      case "dpd":
        return this.deadPeers.onTimer();
      case "setup":
        return this.setup.onTimer();
      case "reassembly":
        return this.fragmentation.onTimer();
      case "rekey":
      case "lifetime":
      case "replaced":
        return this.succession.onTimer(name);
      default:
        return this.#onNamedTimer(name);
    }
  }

  /** Timers of which there are many: by SPI, or by message ID. */
  #onNamedTimer(name: string): void {
    const [what, id] = name.split(" ");
    if (what === "delete") return this.dialect.deletionDue(Number(id));
    this.exchanges.onTimer(name);
  }

  // --- what goes out -----------------------------------------------------------------------------------------------

  /** Sends a message of phase 1 in clear; as initiator until it is answered. */
  sendClear(payloads: readonly Payload[]): void {
    this.#own.send(this.#coder.clear(this.#phase1Type, 0, payloads));
  }

  /** Sends an encrypted message of phase 1; as initiator until it is answered, unless it is the last. */
  sendEncrypted(payloads: readonly Payload[]): void {
    const { keying, phase1Chain } = this;
    if (keying === undefined || phase1Chain === undefined) return;
    const encoded = encodePayloads(payloads);
    this.#own.send(this.#coder.seal(keying, this.#phase1Type, 0, phase1Chain, encoded));
  }

  /** What was sent has been answered, or will not be. */
  settle(): void {
    this.#own.settle();
  }

  get #phase1Type(): number {
    return this.mode === "main" ? exchangeType.IDENTITY_PROTECTION : exchangeType.AGGRESSIVE;
  }

  /** Something that explains why it takes so long; what is out goes on being repeated. */
  note(reason: Reason): void {
    this.#own.note(reason);
    this.host.noted(this, reason);
  }

  /** Somebody says in clear that our proof is wrong, which does not explain as much as the silence does. */
  heard(reason: Reason, notify: string): void {
    this.#own.heard(notify);
    this.host.noted(this, reason);
  }

  /** A message that named this ISAKMP SA is not taken, which the log is told where it has room. */
  drop(why: string, header: Header): void {
    this.host.dropped(() => ({
      ...(this.peer === undefined ? {} : { peer: this.peer.name }),
      facts: { why, exchange: nameOf.exchange(header.exchangeType), messageId: header.messageId },
    }));
  }

  // --- its life ----------------------------------------------------------------------------------------------------

  /**
   * Both ends have proved who they are in phase 1; what the peer's section asks for besides follows. `initialContact`: the
   * peer says that it has no other SA with us. `login`: the end that logs in.
   */
  establish(initialContact: boolean, login: Role | undefined): void {
    const saidLast = this.role === "initiator" && this.mode === "aggressive";
    this.lastHeard = this.host.now();
    this.setup.begin(login, initialContact);
    // Our last message may be lost, and while we wait for the peer nothing else of ours would tell it so.
    const waits = this.state.kind === "ExpectLoginRequest" || this.state.kind === "ExpectAddress";
    if (!saidLast || !waits) this.#own.settle();
  }

  /** All is there that quick mode needs. */
  stand(initialContact: boolean): void {
    const now = this.host.now();
    this.#own.settle();
    this.state = { kind: "Established" };
    this.establishedAt = now;
    this.lastHeard = now;
    this.lastAnswered = now;
    this.host.disarm(this, "half-open");
    this.host.disarm(this, "setup");
    watchLiveness(this);
    watchKeepalive(this);
    this.succession.established(initialContact);
  }

  /**
   * Ends it: the peer is told of its IPsec SAs and of itself (RFC 2408 5.15), and does not answer. Where another takes its
   * place, it goes when what is under way has had its time.
   */
  close(reason: Reason): void {
    if (this.isOver) return;
    if (reason.code === "replaced" && this.succession.bequeath() && this.exchanges.isUnderWay) return;
    if (this.state.kind === "Established") sayFarewell(this);
    else if (this.state.kind === "Replaced" || isSetup(this.state)) sayIsakmpDeletion(this);
    this.end(this.state.kind === "Replaced" ? this.state.reason : reason);
  }

  /** Ends it now, without a word. */
  end(reason: Reason): void {
    if (this.isOver) return;
    const state = this.state.kind === "ExpectPlaintext" ? this.state.before : this.state;
    if ("handshake" in state) state.handshake.skeyid.destroy();
    if ("pair" in state) state.pair.destroy();
    // First of all: what follows from its IPsec SAs' end must not ask anything of it any more.
    this.state = { kind: "Gone" };
    this.children.removeAll(reason);
    this.exchanges.abandonAll();
    this.#own.settle();
    this.deadPeers.abandon();
    this.fragmentation.clear();
    this.host.addressPools.giveBack(this);
    if (this.keying !== undefined) wipeKeying(this.keying);
    this.keying = undefined;
    if (state.kind !== "Replaced") {
      this.succession.failed(reason);
      this.host.ended(this, reason);
    }
    this.host.forget(this);
  }
}

function digestOf(octets: Uint8Array): string {
  return hash("sha1", octets).toString("base64");
}
