import { formatAddress } from "../../negotiate/address.ts";
import type { NotifyPayload } from "../../wire/ikev2/payloads/notification.ts";
import { nameOf } from "../../wire/ikev2/registry/names.ts";
import { gatewayIdType, ipcompId, notifyType } from "../../wire/ikev2/registry/notify.ts";
import { type Field, field, hexOf, textOrHex } from "../field.ts";

/** A Notify payload (RFC 7296 3.10) with what its data means. */
export function notifyFields(payload: NotifyPayload): { value: string; fields: Field[]; reference: string } {
  const meaning = meaningOf(payload.type, payload.data);
  return {
    value: `${nameOf.notify(payload.type)}${meaning === undefined ? "" : ` ${meaning}`}`,
    fields: [
      ...(payload.protocolId === 0 ? [] : [field("protocol", nameOf.protocol(payload.protocolId))]),
      ...(payload.spi.length === 0 ? [] : [field("SPI", hexOf(payload.spi))]),
      ...(payload.data.length === 0 ? [] : [field("data", hexOf(payload.data))]),
    ],
    reference: references[payload.type] ?? "RFC 7296 3.10.1",
  };
}

const references: Readonly<Record<number, string>> = {
  [notifyType.COOKIE]: "RFC 7296 2.6",
  [notifyType.REKEY_SA]: "RFC 7296 2.8",
  [notifyType.NAT_DETECTION_SOURCE_IP]: "RFC 7296 2.23",
  [notifyType.NAT_DETECTION_DESTINATION_IP]: "RFC 7296 2.23",
  [notifyType.MOBIKE_SUPPORTED]: "RFC 4555 4.2.1",
  [notifyType.AUTH_LIFETIME]: "RFC 4478 3",
  [notifyType.REDIRECT]: "RFC 5685 6",
  [notifyType.REDIRECTED_FROM]: "RFC 5685 6",
  [notifyType.REDIRECT_SUPPORTED]: "RFC 5685 6",
  [notifyType.TICKET_LT_OPAQUE]: "RFC 5723 7.1",
  [notifyType.QUICK_CRASH_DETECTION]: "RFC 6290 4.1",
  [notifyType.IKEV2_FRAGMENTATION_SUPPORTED]: "RFC 7383 2.3",
  [notifyType.SIGNATURE_HASH_ALGORITHMS]: "RFC 7427 4",
  [notifyType.USE_PPK]: "RFC 8784 3",
  [notifyType.ADDITIONAL_KEY_EXCHANGE]: "RFC 9370 2.2.4",
};

/** What the data says, in a word or two; undefined where it says nothing that can be read. */
function meaningOf(type: number, data: Uint8Array): string | undefined {
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  switch (type) {
    case notifyType.INVALID_KE_PAYLOAD:
      return data.length === 2 ? `wants ${nameOf.ke(view.getUint16(0))}` : undefined;
    case notifyType.UNSUPPORTED_CRITICAL_PAYLOAD:
      return data.length === 1 ? nameOf.payload(view.getUint8(0)) : undefined;
    case notifyType.SET_WINDOW_SIZE:
    case notifyType.AUTH_LIFETIME:
      return data.length === 4 ? String(view.getUint32(0)) : undefined;
    case notifyType.SIGNATURE_HASH_ALGORITHMS:
      return Array.from({ length: data.length >> 1 }, (_, index) => nameOf.hash(view.getUint16(index * 2))).join(" ");
    case notifyType.IPCOMP_SUPPORTED:
      return data.length === 3 ? `CPI ${view.getUint16(0)} ${compression(view.getUint8(2))}` : undefined;
    case notifyType.ADDITIONAL_IP4_ADDRESS:
    case notifyType.ADDITIONAL_IP6_ADDRESS:
      return data.length === 4 || data.length === 16 ? formatAddress(data) : undefined;
    case notifyType.REDIRECT:
    case notifyType.REDIRECTED_FROM:
      return gateway(data);
    default:
      return undefined;
  }
}

function compression(id: number): string {
  return Object.entries(ipcompId).find(([, value]) => value === id)?.[0] ?? `transform ${id}`;
}

/** RFC 5685 5.1: type, length, identity. */
function gateway(data: Uint8Array): string | undefined {
  const length = data[1] ?? 0;
  const identity = data.subarray(2, 2 + length);
  if (data.length < 2 || identity.length !== length) return undefined;
  if (data[0] === gatewayIdType.FQDN) return textOrHex(identity);
  return length === 4 || length === 16 ? formatAddress(identity) : undefined;
}
