/** What a gateway says to send a caller to another one, and what the caller says of it (RFC 5685 9). */
import { type Address, addressOctets, familyOf, formatAddress } from "../negotiate/address.ts";
import type { Gateway } from "../sa/desired.ts";
import type { NotifyPayload } from "../wire/ikev2/payloads/notification.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { gatewayIdType, notifyType } from "../wire/ikev2/registry/notify.ts";
import { findNotify, notify } from "./payloads.ts";
import type { Task } from "./task.ts";

/** REDIRECT as it came; `nonce` is empty outside IKE_SA_INIT. */
export interface Redirect {
  readonly to: Gateway;
  readonly nonce: Uint8Array;
}

/** REDIRECT: `nonce` is the caller's, in IKE_SA_INIT alone (RFC 5685 9.2). */
export function redirectPayload(to: Gateway, nonce: Uint8Array = new Uint8Array(0)): Payload {
  return notify(notifyType.REDIRECT, Buffer.concat([gatewayOctets(to), nonce]));
}

/** What a caller says in IKE_SA_INIT: that it may be redirected, or that it has been, and from where (RFC 5685 3). */
export function redirectSupport(from: Address | undefined): Payload {
  if (from === undefined) return notify(notifyType.REDIRECT_SUPPORTED);
  return notify(notifyType.REDIRECTED_FROM, gatewayOctets({ kind: "address", address: from }));
}

/** Whether a caller may be redirected: nobody else is (RFC 5685 3). */
export function mayBeRedirected(payloads: readonly Payload[]): boolean {
  return (
    findNotify(payloads, notifyType.REDIRECT_SUPPORTED) !== undefined ||
    findNotify(payloads, notifyType.REDIRECTED_FROM) !== undefined
  );
}

/** The REDIRECT of a message; undefined where there is none, or none that makes sense. */
export function findRedirect(payloads: readonly Payload[]): Redirect | undefined {
  const found = findNotify(payloads, notifyType.REDIRECT);
  return found === undefined ? undefined : readRedirect(found);
}

/** An established IKE SA's caller is to go to another gateway (RFC 5685 5). */
export function redirectCaller(to: Gateway): Task {
  const task: Task = {
    exchangeType: exchangeType.INFORMATIONAL,
    begin: (sa) => sa.sendRequest(task, [redirectPayload(to)]),
    handleResponse: () => {},
  };
  return task;
}

/** As people read it. */
export function gatewayText(gateway: Gateway): string {
  return gateway.kind === "address" ? gateway.address : gateway.name;
}

function readRedirect({ data }: NotifyPayload): Redirect | undefined {
  const [type, length = 0] = data;
  const identity = data.subarray(2, 2 + length);
  if (data.length < 2 || identity.length !== length) return undefined;
  const to = readGateway(type, identity);
  return to === undefined ? undefined : { to, nonce: data.subarray(2 + length) };
}

function readGateway(type: number | undefined, octets: Uint8Array): Gateway | undefined {
  switch (type) {
    case gatewayIdType.IPv4:
      return octets.length === 4 ? { kind: "address", address: formatAddress(octets) } : undefined;
    case gatewayIdType.IPv6:
      return octets.length === 16 ? { kind: "address", address: formatAddress(octets) } : undefined;
    case gatewayIdType.FQDN:
      return isPrintable(octets) ? { kind: "name", name: Buffer.from(octets).toString("latin1") } : undefined;
    default:
      return undefined;
  }
}

function isPrintable(octets: Uint8Array): boolean {
  return octets.length > 0 && octets.every((octet) => octet > 0x20 && octet < 0x7f);
}

function gatewayOctets(gateway: Gateway): Buffer {
  if (gateway.kind === "name") return identity(gatewayIdType.FQDN, Buffer.from(gateway.name, "latin1"));
  const type = familyOf(gateway.address) === 4 ? gatewayIdType.IPv4 : gatewayIdType.IPv6;
  return identity(type, addressOctets(gateway.address));
}

function identity(type: number, octets: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(type, octets.length), octets]);
}
