/** Authentic messages that are not even looked into (RFC 7296 2.5, 2.21.3). */
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import type { IkeSa } from "./ike-sa.ts";
import { findError, notify } from "./payloads.ts";
import type { Task } from "./task.ts";

/** RFC 7296 2.21.3: the sender of a malformed, authenticated request is told, and the SA is not to be trusted. */
export function refuseSyntax(sa: IkeSa, exchange: number, fault: string): void {
  sa.respond(exchange, [notify(notifyType.INVALID_SYNTAX)]);
  sa.end({ code: "invalid-syntax", exchange: nameOf.exchange(exchange), fault });
}

/**
 * RFC 7296 2.21.3: INVALID_SYNTAX about an authenticated request ends the IKE SA at both ends, without a DELETE. To be called
 * once such a response has been sent or read; says whether the IKE SA is over.
 */
export function endedBySyntax(
  sa: IkeSa,
  whose: "ours" | "theirs",
  exchange: number,
  payloads: readonly Payload[],
): boolean {
  if (sa.state.kind !== "Established" || findError(payloads)?.type !== notifyType.INVALID_SYNTAX) return false;
  const name = nameOf.exchange(exchange);
  if (whose === "theirs") sa.end({ code: "peer-error", exchange: name, notify: "INVALID_SYNTAX" });
  else sa.end({ code: "protocol-violation", exchange: name, fault: "the request was answered with INVALID_SYNTAX" });
  return true;
}

/** RFC 7296 2.5: a request with an unknown critical payload is rejected; in IKE_AUTH there is no SA to go on with. */
export function refuseCritical(sa: IkeSa, exchange: number, payload: number): void {
  sa.respond(exchange, [notify(notifyType.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(payload))]);
  if (sa.state.kind === "ExpectAuthRequest") sa.end({ code: "unsupported-critical-payload", payload });
}

/** A malformed, authenticated response: what it was about is given up, and the SA with it. */
export function refuseResponse(sa: IkeSa, task: Task, fault: string): void {
  task.abandon?.(sa);
  sa.close({ code: "invalid-syntax", exchange: nameOf.exchange(task.exchangeType), fault });
}
