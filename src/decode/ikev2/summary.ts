/** An IKEv2 message in one line. */
import { formatWireProposal } from "../../negotiate/proposal-text.ts";
import { flag } from "../../wire/ikev2/header.ts";
import type { Message } from "../../wire/ikev2/message.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { isErrorNotify, notifyType } from "../../wire/ikev2/registry/notify.ts";
import { notifyFields } from "./notify.ts";
import type { Opened } from "./session.ts";

/** `IKE_AUTH request 1: SK{IDi, AUTH, SA, TSi, TSr}`. */
export function summaryOf(
  { header, payloads }: Message,
  inner: readonly Payload[] | undefined,
  found: Opened | undefined,
): string {
  const kind = (header.flags & flag.response) !== 0 ? "response" : "request";
  const names = payloads.map((payload) => {
    const name = nameOfPayload(payload);
    if (payload.kind !== "SK" && payload.kind !== "SKF") return name;
    if (inner !== undefined) return `${name}{${inner.map(nameOfPayload).join(", ")}}`;
    return found?.kind === "no key" ? `${name} (no key)` : name;
  });
  return `${nameOf.exchange(header.exchangeType)} ${kind} ${header.messageId}: ${names.join(", ") || "nothing"}`;
}

/** What a response chose, what it refuses, or what is asked for in its stead; undefined where it is neither. */
export function remarkOf({ header }: Message, payloads: readonly Payload[]): string | undefined {
  for (const payload of payloads) {
    if (payload.kind !== "N") continue;
    if (isErrorNotify(payload.type) || asking.has(payload.type)) return notifyFields(payload).value;
  }
  if ((header.flags & flag.response) === 0) return deleted(payloads);
  const chosen = payloads.find((payload) => payload.kind === "SA");
  const proposal = chosen?.kind === "SA" ? chosen.proposals[0] : undefined;
  return proposal === undefined ? deleted(payloads) : formatWireProposal(proposal);
}

const asking: ReadonlySet<number> = new Set([
  notifyType.COOKIE,
  notifyType.REDIRECT,
  notifyType.REDIRECTED_FROM,
  notifyType.REKEY_SA,
]);

function deleted(payloads: readonly Payload[]): string | undefined {
  const payload = payloads.find((one) => one.kind === "D");
  if (payload?.kind !== "D") return undefined;
  const spis = payload.spis.map((spi) => Buffer.from(spi).toString("hex")).join(" ");
  return `deletes ${nameOf.protocol(payload.protocolId)}${spis === "" ? "" : ` ${spis}`}`;
}

function nameOfPayload(payload: Payload): string {
  if (payload.kind === "unknown") return nameOf.payload(payload.type);
  if (payload.kind === "N") return `N(${nameOf.notify(payload.type)})`;
  if (payload.kind === "SKF") return `SKF ${payload.fragmentNumber}/${payload.totalFragments}`;
  return payload.kind;
}
