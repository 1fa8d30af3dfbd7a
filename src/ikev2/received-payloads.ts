/** What of a message that has come is read: all of it, but in tests of messages that lack something. */
import { flag, type Header } from "../wire/ikev2/header.ts";
import { decodeMessage, type Message } from "../wire/ikev2/message.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { Host } from "./host.ts";

type Rewriting = Pick<Host, "rewriteReceived">;

/** Reads a message in clear. Throws WireError. */
export function readClear(host: Rewriting, header: Header, octets: Uint8Array): Message {
  const message = decodeMessage(octets, header);
  return host.rewriteReceived === undefined
    ? message
    : { ...message, payloads: receivedPayloads(host, header, message.payloads) };
}

/** The payloads of a message, decrypted. */
export function receivedPayloads({ rewriteReceived }: Rewriting, header: Header, payloads: Payload[]): Payload[] {
  if (rewriteReceived === undefined) return payloads;
  return [...rewriteReceived(header.exchangeType, (header.flags & flag.response) !== 0, payloads)];
}
