/** What a test may have the daemon do wrong, and how that is written: one sentence for each. */
import type { KnownPayload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType, payloadType } from "../../wire/ikev2/registry/message.ts";
import { Failure } from "../failure.ts";

/** Which of the occurrences of something, counted from 1; `last` is included. */
export interface Which {
  readonly first: number;
  readonly last: number;
}

/** Which messages: undefined for all of them. */
export interface MessageKind {
  readonly exchangeType: number | undefined;
  readonly isResponse: boolean | undefined;
}

/** Which way a message goes. */
export type Direction = "sent" | "received";

/** Done to a datagram; repeats are datagrams, too, and counted. */
export interface DatagramImpairment {
  readonly kind: "datagram";
  readonly action:
    | { readonly kind: "drop" }
    | { readonly kind: "repeat" }
    /** The lowest bit of its last octet is turned: in what is protected, that is the integrity check value. */
    | { readonly kind: "mangle" }
    /** Both SPIs of the IKE header. */
    | { readonly kind: "zero-spis" }
    | { readonly kind: "delay"; readonly milliseconds: number };
  readonly direction: Direction;
  readonly message: MessageKind;
  readonly which: Which;
}

/** Done to the payloads of a message of ours before it is encrypted, or of the peer's once it is decrypted; a repeat is the same message. */
export interface PayloadImpairment {
  readonly kind: "payload";
  readonly action:
    | { readonly kind: "omit"; readonly payload: KnownPayload["kind"] }
    | { readonly kind: "double"; readonly payload: KnownPayload["kind"] }
    /** The SPI of every proposal. */
    | { readonly kind: "zero-child-spis" };
  readonly direction: Direction;
  readonly message: MessageKind;
  readonly which: Which;
}

/** The four steps of an installation. */
export const installationSteps = ["allocate-spi", "install-inbound", "install-outbound", "set-policy"] as const;
export type InstallationStep = (typeof installationSteps)[number];

/** The kernel is not asked, and is said to have refused. */
export interface KernelImpairment {
  readonly kind: "kernel";
  readonly step: InstallationStep;
  readonly which: Which;
}

/** The kernel's report that a soft limit was reached does not arrive. */
export interface SoftExpireImpairment {
  readonly kind: "soft-expire";
  readonly which: Which;
}

export type Impairment = DatagramImpairment | PayloadImpairment | KernelImpairment | SoftExpireImpairment;

/** How impairments are written. */
export const impairmentForms = [
  "drop|repeat|mangle|zero-spis sent|received EXCHANGE request|response|message WHICH",
  "delay MILLISECONDS sent|received EXCHANGE request|response|message WHICH",
  "omit|double PAYLOAD sent|received EXCHANGE request|response|message WHICH",
  "zero-child-spis sent|received EXCHANGE request|response|message WHICH",
  `fail ${installationSteps.join("|")} WHICH`,
  "ignore soft-expire WHICH",
  "EXCHANGE is any, or a name such as CREATE_CHILD_SA; WHICH is a number from 1, a range such as 2-4, or every",
] as const;

/** Reads one impairment; throws Failure (usage) where it is none. */
export function parseImpairment(text: string): Impairment {
  const words = text.split(" ").filter((word) => word !== "");
  const parsed = parse(words);
  if (parsed !== undefined) return parsed;
  throw new Failure(2, `"${text}" is no impairment; these are`, impairmentForms);
}

function parse(words: readonly string[]): Impairment | undefined {
  const [verb = "", ...rest] = words;
  switch (verb) {
    case "drop":
    case "repeat":
    case "mangle":
    case "zero-spis":
      return datagram({ kind: verb }, rest);
    case "delay": {
      const milliseconds = whole(rest[0]);
      return milliseconds === undefined ? undefined : datagram({ kind: "delay", milliseconds }, rest.slice(1));
    }
    case "omit":
    case "double": {
      const payload = payloadKind(rest[0]);
      return payload === undefined ? undefined : payloads({ kind: verb, payload }, rest.slice(1));
    }
    case "zero-child-spis":
      return payloads({ kind: verb }, rest);
    case "fail": {
      const step = installationSteps.find((one) => one === rest[0]);
      const which = whichOf(rest[1]);
      return step === undefined || which === undefined || rest.length !== 2
        ? undefined
        : { kind: "kernel", step, which };
    }
    case "ignore": {
      const which = whichOf(rest[1]);
      return rest[0] !== "soft-expire" || which === undefined || rest.length !== 2
        ? undefined
        : { kind: "soft-expire", which };
    }
    default:
      return undefined;
  }
}

function datagram(action: DatagramImpairment["action"], words: readonly string[]): DatagramImpairment | undefined {
  const found = directedMessage(words);
  return found === undefined ? undefined : { kind: "datagram", action, ...found };
}

function payloads(action: PayloadImpairment["action"], words: readonly string[]): PayloadImpairment | undefined {
  const found = directedMessage(words);
  return found === undefined ? undefined : { kind: "payload", action, ...found };
}

function directedMessage(
  words: readonly string[],
): { direction: Direction; message: MessageKind; which: Which } | undefined {
  const [direction, ...rest] = words;
  const found = messageAndWhich(rest);
  if ((direction !== "sent" && direction !== "received") || found === undefined) return undefined;
  return { direction, ...found };
}

function messageAndWhich(words: readonly string[]): { message: MessageKind; which: Which } | undefined {
  const [exchange = "", kind = "", count] = words;
  const type = Object.entries(exchangeType).find(([name]) => name === exchange)?.[1];
  const isResponse = { request: false, response: true, message: undefined }[kind];
  const which = whichOf(count);
  if ((type === undefined && exchange !== "any") || which === undefined || words.length !== 3) return undefined;
  if (isResponse === undefined && kind !== "message") return undefined;
  return { message: { exchangeType: type, isResponse }, which };
}

function payloadKind(word: string | undefined): KnownPayload["kind"] | undefined {
  const names = Object.keys(payloadType) as (keyof typeof payloadType)[];
  const found = names.find((name) => name === word);
  return found !== undefined && isKnown(found) ? found : undefined;
}

function isKnown(name: keyof typeof payloadType): name is KnownPayload["kind"] & keyof typeof payloadType {
  return !["NONE", "GSPM", "IDg", "GSA", "KD"].includes(name);
}

function whichOf(word: string | undefined): Which | undefined {
  if (word === "every") return { first: 1, last: Number.POSITIVE_INFINITY };
  const range = /^([0-9]{1,6})(?:-([0-9]{1,6}))?$/.exec(word ?? "");
  if (range === null) return undefined;
  const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
  return first < 1 || last < first ? undefined : { first, last };
}

function whole(word: string | undefined): number | undefined {
  return word !== undefined && /^[0-9]{1,6}$/.test(word) ? Number(word) : undefined;
}
