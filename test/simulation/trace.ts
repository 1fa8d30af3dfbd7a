/** What happens in a simulation, in words, for whoever looks for the cause of a failure. */
import type { KernelRequest } from "../../src/kernel/port.ts";
import { formatSelector } from "../../src/negotiate/selector.ts";
import type { LogRecord } from "../../src/sa/log-record.ts";
import { decodeHeader as decodeIkev1Header, flag as ikev1Flag } from "../../src/wire/ikev1/header.ts";
import { nameOf as ikev1NameOf } from "../../src/wire/ikev1/registry/names.ts";
import { decodeHeader, flag } from "../../src/wire/ikev2/header.ts";
import { nameOf } from "../../src/wire/ikev2/registry/names.ts";

export function datagramWords(octets: Uint8Array): string {
  if (octets.length === 1) return "keepalive";
  if ((octets[17] ?? 0) >> 4 === 1) return ikev1Words(octets);
  const { exchangeType, flags, messageId, initiatorSpi } = decodeHeader(octets);
  const what = (flags & flag.response) === 0 ? "request" : "response";
  const sa = initiatorSpi.toString(16).padStart(16, "0").slice(0, 6);
  return `${nameOf.exchange(exchangeType)} ${what} ${messageId} on ${sa}, ${octets.length} octets`;
}

function ikev1Words(octets: Uint8Array): string {
  const { exchangeType, flags, messageId, initiatorCookie } = decodeIkev1Header(octets);
  const sa = initiatorCookie.toString(16).padStart(16, "0").slice(0, 6);
  const how = (flags & ikev1Flag.encryption) === 0 ? "clear" : "encrypted";
  return `${ikev1NameOf.exchange(exchangeType)} ${messageId.toString(16)}, ${how}, on ${sa}, ${octets.length} octets`;
}

export function fateWords(copies: readonly number[]): string {
  return copies.length === 0 ? "lost" : `under way for ${copies.map((copy) => `${copy} ms`).join(" and ")}`;
}

export function requestWords(request: KernelRequest): string {
  switch (request.kind) {
    case "installSa": {
      const { direction, spi, reqid } = request.sa;
      return `installSa ${direction} ${spi.toString(16)} of ${reqid.toString(16)}`;
    }
    case "deleteSa":
      return `deleteSa ${request.sa.spi.toString(16)} to ${request.sa.destination}`;
    case "setPolicy": {
      const { direction, action, selector } = request.policy;
      return `setPolicy ${direction} ${formatSelector(selector)} ${action.kind}`;
    }
    case "deletePolicy":
      return `deletePolicy ${request.direction} ${formatSelector(request.selector)}`;
    default:
      return request.kind;
  }
}

export function recordWords({ event, peer, child, reason, facts }: LogRecord): string {
  const more = Object.entries(facts ?? {}).map(([name, value]) => `${name} ${value}`);
  return [event, peer, child, reason === undefined ? undefined : JSON.stringify(reason), ...more]
    .filter((part) => part !== undefined)
    .join(", ");
}
