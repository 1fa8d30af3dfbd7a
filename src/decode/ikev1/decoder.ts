/** IKEv1 messages of a capture, one after the other. */
import { WireError } from "../../wire/error.ts";
import { decodeMessage, decodeProtected, type Message, type Protected } from "../../wire/ikev1/message.ts";
import type { Payload } from "../../wire/ikev1/payloads/table.ts";
import { exchangeType } from "../../wire/ikev1/registry/message.ts";
import { nameOf } from "../../wire/ikev1/registry/names.ts";
import type { Reading, Tone } from "../decoded.ts";
import { field, spi64 } from "../field.ts";
import type { KeyStore } from "../keys/key-store.ts";
import { Recent } from "../recent.ts";
import { digestOf, Repeats } from "../repeats.ts";
import { headerFields, payloadField, phase1Text, phase2Text } from "./fields.ts";
import { QuickModes } from "./quick-mode.ts";
import { Ikev1Session } from "./session.ts";

const maxSessions = 2048;

type PlainMessage = Extract<Message, { payloads: readonly Payload[] }>;

interface Followed {
  readonly session: Ikev1Session;
  readonly quickModes: QuickModes;
  /** Who began: the sender of the first message, where it is known. */
  readonly initiator: string | undefined;
  readonly repeats: Repeats;
}

/** Notifications below this are errors (RFC 2408 3.14.1). */
const firstStatus = 16384;

/** Reads messages with whatever keys there are. */
export class Ikev1Decoder {
  readonly #keys: KeyStore;
  readonly #sessions = new Recent<string, Followed>(maxSessions);

  constructor(keys: KeyStore) {
    this.#keys = keys;
  }

  /** `sender` tells the ends apart, where anything does: the header does not say which it is. Throws {@link WireError}. */
  read(octets: Buffer, sender: string | undefined): Reading {
    const message = decodeMessage(octets);
    const followed = this.#followedBy(message, sender);
    if ("ciphertext" in message) return this.#readEncrypted(message, octets, followed);
    const repeat = followed.repeats.isRepeat(digestOf(octets));
    const fromInitiator = isFromInitiator(followed, message, sender);
    if (message.header.messageId === 0) followed.session.learn(message.payloads, fromInitiator);
    const notes = [
      ...(repeat ? ["sent before"] : []),
      ...(message.padding.length > 0 ? [`${message.padding.length} octets of padding`] : []),
    ];
    return {
      summary: `${nameOf.exchange(message.header.exchangeType)}: ${namesOf(message.payloads)}`,
      remark: remarkOf(message.payloads, !fromInitiator),
      tone: repeat ? "repeat" : toneOf(message.payloads, !fromInitiator),
      fieldsOf: () => [headerFields(message.header), ...message.payloads.map(payloadField)],
      notes,
      message: { version: 1, octets, clear: message, inner: undefined, repeat },
    };
  }

  #readEncrypted(message: Extract<Message, { ciphertext: Uint8Array }>, octets: Buffer, followed: Followed): Reading {
    const { header } = message;
    const { session } = followed;
    const notes: string[] = [];
    const digest = digestOf(octets);
    const repeat = followed.repeats.isRepeat(digest);
    if (repeat) notes.push("sent before");
    const cookie = spi64(header.initiatorCookie);
    const ready = session.prepare(message, this.#keys.ikev1(cookie), this.#keys);
    const plaintext = ready ? session.open(message, digest) : undefined;
    const inner = plaintext === undefined ? undefined : opened(header.nextPayload, plaintext, notes);
    if (inner !== undefined && !repeat) notes.push(...followed.quickModes.look(header, inner));
    const name = nameOf.exchange(header.exchangeType);
    const id = header.messageId === 0 ? "" : ` ${header.messageId.toString(16).padStart(8, "0")}`;
    const closed = ready ? "not opened" : "no key";
    return {
      summary: `${name}${id}: encrypted ${inner === undefined ? `(${closed})` : `{${namesOf(inner.payloads)}}`}`,
      remark: inner === undefined ? undefined : remarkOf(inner.payloads, true),
      tone: repeat ? "repeat" : inner === undefined ? (ready ? "refused" : "closed") : toneOf(inner.payloads, true),
      fieldsOf: () => [
        headerFields(header),
        field(
          "encrypted",
          inner === undefined ? closed : undefined,
          inner === undefined
            ? [field("first inside", nameOf.payload(header.nextPayload)), field("octets", message.ciphertext.length)]
            : [...inner.payloads.map(payloadField), field("padding", inner.padding.length)],
          "RFC 2409 appendix B",
        ),
      ],
      notes,
      message: { version: 1, octets, clear: message, inner, repeat },
    };
  }

  #followedBy({ header }: Message, initiator: string | undefined): Followed {
    const key = spi64(header.initiatorCookie);
    const known = this.#sessions.get(key);
    if (known !== undefined) return known;
    const session = new Ikev1Session();
    const followed = {
      session,
      quickModes: new QuickModes(session, this.#keys),
      initiator,
      repeats: new Repeats(),
    };
    this.#sessions.set(key, followed);
    return followed;
  }
}

/** Without addresses only the initiator's first message has no responder's cookie, and of two key exchanges the first is its. */
function isFromInitiator(followed: Followed, message: PlainMessage, sender: string | undefined): boolean {
  if (sender !== undefined && followed.initiator !== undefined) return sender === followed.initiator;
  return message.header.responderCookie === 0n || followed.session.isInitiatorsKey(message.payloads);
}

/** Of a wrong key nothing tells but that no payloads come out. */
function opened(firstType: number, plaintext: Buffer, notes: string[]): Protected | undefined {
  try {
    return decodeProtected(firstType, plaintext);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    notes.push(`malformed inside the encryption, or the key is another SA's: ${error.message}`);
    return undefined;
  }
}

function namesOf(payloads: readonly Payload[]): string {
  const names = payloads.map((payload) => {
    if (payload.isakmp === "opaque") return nameOf.payload(payload.type);
    if (payload.isakmp === "N") return `N(${nameOf.notify(payload.type)})`;
    if (payload.isakmp === "VID") return `VID(${nameOf.vendorId(payload.data).replace(/^Vendor ID (.{8}).*/, "$1…")})`;
    return payload.isakmp;
  });
  return names.join(", ") || "nothing";
}

function remarkOf(payloads: readonly Payload[], isAnswer: boolean): string | undefined {
  for (const payload of payloads) {
    if (payload.isakmp === "N" && payload.type < firstStatus) return nameOf.notify(payload.type);
    if (payload.isakmp === "D") {
      return `deletes ${nameOf.protocol(payload.protocolId)} ${payload.spis.map((spi) => Buffer.from(spi).toString("hex")).join(" ")}`;
    }
    if (payload.isakmp === "SA" && isAnswer) return chosenText(payload);
  }
  return undefined;
}

function chosenText(sa: Extract<Payload, { isakmp: "SA" }>): string {
  return sa.proposals
    .map((proposal) => {
      const isPhase1 = proposal.protocolId === 1;
      const values = (proposal.transforms[0]?.attributes ?? []).map(isPhase1 ? phase1Text : phase2Text);
      const id = proposal.transforms[0]?.id ?? 0;
      return [isPhase1 ? "" : nameOf.transform(proposal.protocolId, id), ...values]
        .filter((word) => word !== "")
        .join(" ");
    })
    .join(" + ");
}

function toneOf(payloads: readonly Payload[], isAnswer: boolean): Tone {
  if (payloads.some((payload) => payload.isakmp === "N" && payload.type < firstStatus)) return "refused";
  return isAnswer && payloads.some((payload) => payload.isakmp === "SA") ? "agreed" : "plain";
}

/** The exchanges of phase 1, for those who look on. */
export const phase1Exchanges: ReadonlySet<number> = new Set([
  exchangeType.IDENTITY_PROTECTION,
  exchangeType.AGGRESSIVE,
  exchangeType.BASE,
]);
