/** IKEv2 messages of a capture, one after the other. */
import { pskAuth } from "../../ikev2/psk-auth.ts";
import { WireError } from "../../wire/error.ts";
import { flag } from "../../wire/ikev2/header.ts";
import { decodeMessage, type Message } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import { exchangeType, protocolId } from "../../wire/ikev2/registry/message.ts";
import { isErrorNotify, notifyType } from "../../wire/ikev2/registry/notify.ts";
import type { Reading, Tone } from "../decoded.ts";
import { type Field, field, spi64 } from "../field.ts";
import type { KeyStore } from "../keys/key-store.ts";
import { Recent } from "../recent.ts";
import { digestOf } from "../repeats.ts";
import { type DerivedIke, deriveChild, deriveIke, deriveRekeyed, payloadOf, sharedSecret } from "./derive.ts";
import { headerFields, payloadField } from "./fields.ts";
import { Ikev2Session, type Opened } from "./session.ts";
import { remarkOf, summaryOf } from "./summary.ts";

/** IKE SAs of one capture that are followed at a time. */
const maxSessions = 2048;

/** What a decoder keeps of one exchange until its answer. */
interface Asked {
  readonly payloads: readonly Payload[];
}

/** Reads messages with whatever keys there are. */
export class Ikev2Decoder {
  readonly #keys: KeyStore;
  readonly #sessions = new Recent<string, Ikev2Session>(maxSessions);
  readonly #derived = new Recent<Ikev2Session, DerivedIke>(maxSessions);
  /** What follows from an IKE SA's rekey, by the SPIs of the one that comes after it. */
  readonly #rekeyed = new Recent<string, DerivedIke>(maxSessions);
  /** The opened requests that wait for their response, by SA and message ID. */
  readonly #asked = new Recent<string, Asked>(maxSessions);

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /** Throws {@link WireError} where the message is malformed in clear. */
  read(octets: Buffer): Reading {
    const message = decodeMessage(octets);
    const session = this.#sessionOf(message);
    const repeat = session.repeats.isRepeat(digestOf(octets));
    const notes = repeat ? ["sent before"] : [];
    this.#remember(session, message, octets);
    const found = this.#open(session, message, octets, notes);
    const inner = found?.kind === "opened" ? found.payloads : undefined;
    if (inner !== undefined && !repeat) this.#lookInto(session, message, inner, notes);
    const all = inner === undefined ? message.payloads : [...message.payloads, ...inner];
    return {
      summary: summaryOf(message, inner, found),
      remark: remarkOf(message, all),
      tone: toneOf(message, all, found, repeat, notes),
      fieldsOf: () => [
        headerFields(message.header),
        ...message.payloads.map((payload) => withInner(payload, inner, found)),
      ],
      notes,
      message: { version: 2, octets, clear: message, inner, repeat },
    };
  }

  #sessionOf({ header }: Message): Ikev2Session {
    const initial = spi64(header.initiatorSpi);
    const pair = `${initial} ${spi64(header.responderSpi)}`;
    const known = this.#sessions.get(pair);
    if (known !== undefined) return known;
    const isInit = header.exchangeType === exchangeType.IKE_SA_INIT;
    // The request has no responder's SPI yet; its session becomes that of the answer.
    const begun = isInit ? this.#sessions.get(`${initial} ${spi64(0n)}`) : undefined;
    const session = begun ?? new Ikev2Session();
    this.#sessions.set(pair, session);
    const keys = this.#keys.ikev2(initial, spi64(header.responderSpi));
    const rekeyed = this.#rekeyed.get(pair);
    if (keys !== undefined) session.useKeys(keys);
    else if (rekeyed !== undefined) this.#derive(session, rekeyed);
    return session;
  }

  #remember(session: Ikev2Session, message: Message, octets: Uint8Array): void {
    // Only derivation needs them.
    if (message.header.exchangeType !== exchangeType.IKE_SA_INIT || this.#keys.privateValues.length === 0) return;
    // Copies: the octets are of the capture's chunk.
    const copy = Buffer.from(octets);
    if ((message.header.flags & flag.response) === 0)
      session.initRequest = { octets: copy, message: decodeMessage(copy) };
    else session.initResponse = { octets: copy, message: decodeMessage(copy) };
    if (session.hasKeys || session.initRequest === undefined || session.initResponse === undefined) return;
    const derived = deriveIke(session.initRequest.message, session.initResponse.message, this.#keys.privateValues);
    if (derived === undefined) return;
    this.#derive(session, derived);
  }

  #derive(session: Ikev2Session, derived: DerivedIke): void {
    this.#derived.set(session, derived);
    const { encr, integ } = derived.suite;
    session.useKeys({ encr, integ, ...derived.keys });
  }

  #open(session: Ikev2Session, message: Message, octets: Uint8Array, notes: string[]): Opened | undefined {
    try {
      const opened = session.open(message, octets);
      if (opened?.kind === "wrong")
        notes.push("the integrity check fails: the keys are another SA's, or it was changed");
      if (opened?.kind === "opened" && opened.unverified === "failed") {
        notes.push(
          "the integrity check fails, and yet it decrypts: another SK_a, or an ICV that is computed otherwise",
        );
      }
      if (opened?.kind === "opened" && opened.unverified === "unchecked")
        notes.push("the integrity is not checked: no SK_a is given");
      return opened;
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      notes.push(`malformed inside SK: ${error.message}`);
      return undefined;
    }
  }

  #lookInto(session: Ikev2Session, message: Message, inner: readonly Payload[], notes: string[]): void {
    const { header } = message;
    const derived = this.#derived.get(session);
    if (derived === undefined) return;
    const asker = (header.flags & flag.response) !== 0 ? header.flags ^ flag.initiator : header.flags;
    const key = `${spi64(header.initiatorSpi)} ${spi64(header.responderSpi)} ${asker & flag.initiator} ${header.messageId}`;
    this.#verifyAuth(session, message, inner, derived, notes);
    if ((header.flags & flag.response) === 0) {
      this.#asked.set(key, { payloads: inner });
      return;
    }
    const asked = this.#asked.get(key);
    if (asked !== undefined) this.#deriveChild(session, message, asked.payloads, inner, derived, notes);
  }

  #deriveChild(
    session: Ikev2Session,
    message: Message,
    request: readonly Payload[],
    response: readonly Payload[],
    derived: DerivedIke,
    notes: string[],
  ): void {
    const [proposal, asked] = [payloadOf(response, "SA")?.proposals[0], payloadOf(request, "SA")];
    if (proposal === undefined || asked === undefined) return;
    if (proposal.protocolId === protocolId.IKE) {
      const next = deriveRekeyed(derived, request, response, this.#keys.privateValues);
      if (next === undefined) return;
      this.#rekeyed.set(next.spis.join(" "), next.derived);
      notes.push("the keys of the IKE SA that follows were derived");
      return;
    }
    const initial = message.header.exchangeType === exchangeType.IKE_AUTH;
    const nonce = (own: readonly Payload[], init: Message | undefined) =>
      payloadOf(initial ? (init?.payloads ?? []) : own, "Nonce");
    const ni = nonce(request, session.initRequest?.message);
    const nr = nonce(response, session.initResponse?.message);
    if (ni === undefined || nr === undefined) return;
    const [keI, keR] = [payloadOf(request, "KE"), payloadOf(response, "KE")];
    const ke = proposal.transforms.some((transform) => transform.type === 4) ? keR : undefined;
    let shared: Buffer | undefined;
    if (!initial && ke !== undefined && keI !== undefined) {
      const row = deriveChild(derived, proposal, ni.data, nr.data)?.suite.ke;
      shared = row === undefined ? undefined : sharedSecret(row, keI.data, ke.data, this.#keys.privateValues);
      if (shared === undefined) return;
    }
    const child = deriveChild(derived, proposal, ni.data, nr.data, shared);
    const theirs = asked.proposals.find((offer) => offer.protocolId === proposal.protocolId);
    if (child?.suite.encr === undefined || theirs === undefined || proposal.spi.length !== 4) return;
    const { encr, integ } = child.suite;
    for (const [spi, keys] of [
      // Each end sends with the SPI that the other has chosen.
      [proposal.spi, child.initiator],
      [theirs.spi, child.responder],
    ] as const) {
      this.#keys.addEsp({
        spi: Buffer.from(spi).readUInt32BE(0),
        encr,
        encrKey: keys.encrKey,
        integ,
        integKey: keys.integKey,
      });
    }
    notes.push("the Child SA's keys were derived");
  }

  #verifyAuth(
    session: Ikev2Session,
    { header }: Message,
    inner: readonly Payload[],
    derived: DerivedIke,
    notes: string[],
  ): void {
    const auth = payloadOf(inner, "AUTH");
    const fromInitiator = (header.flags & flag.initiator) !== 0;
    const identity = payloadOf(inner, fromInitiator ? "IDi" : "IDr");
    const [own, other] = fromInitiator
      ? [session.initRequest, session.initResponse]
      : [session.initResponse, session.initRequest];
    const nonce = other === undefined ? undefined : payloadOf(other.message.payloads, "Nonce");
    if (auth?.method !== authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE || identity === undefined) return;
    if (own === undefined || nonce === undefined || this.#keys.preSharedKeys.length === 0) return;
    const skP = fromInitiator ? derived.keys.skPi : derived.keys.skPr;
    const right = this.#keys.preSharedKeys.some(
      (secret) =>
        Buffer.compare(
          pskAuth(derived.suite.prf, secret, { message: own.octets, nonce: nonce.data, identity, skP }),
          auth.data,
        ) === 0,
    );
    notes.push(right ? "AUTH is right for the pre-shared key" : "AUTH is of another pre-shared key");
  }
}

function withInner(payload: Payload, inner: readonly Payload[] | undefined, found: Opened | undefined): Field {
  const plain = payloadField(payload);
  if (payload.kind !== "SK" && payload.kind !== "SKF") return plain;
  if (inner !== undefined) {
    return field(payload.kind, plain.value, [...(plain.fields ?? []), ...inner.map(payloadField)], plain.reference);
  }
  const why =
    found === undefined ? "malformed inside" : found.kind === "fragment" ? `${found.have} of ${found.of}` : found.kind;
  return field(payload.kind, plain.value, [...(plain.fields ?? []), field("not opened", why)], plain.reference);
}

/** Notifies that end nothing: the exchange is done again with what they ask for. */
const turns: ReadonlySet<number> = new Set([notifyType.INVALID_KE_PAYLOAD, notifyType.TEMPORARY_FAILURE]);

function toneOf(
  { header }: Message,
  payloads: readonly Payload[],
  found: Opened | undefined,
  repeat: boolean,
  notes: readonly string[],
): Tone {
  if (repeat) return "repeat";
  if (found?.kind === "wrong" || notes.some((note) => note.startsWith("malformed"))) return "refused";
  if (payloads.some((payload) => payload.kind === "N" && isErrorNotify(payload.type) && !turns.has(payload.type)))
    return "refused";
  if (found?.kind === "no key") return "closed";
  if (
    (header.flags & flag.response) !== 0 &&
    payloads.some((payload) => payload.kind === "SA" || payload.kind === "AUTH")
  ) {
    return "agreed";
  }
  return "plain";
}
