/** Finding and making payloads of ISAKMP messages. */
import type { SaProtocol } from "../kernel/port.ts";
import { type Identity, idTypes } from "../negotiate/identity.ts";
import type { IdPayload } from "../wire/ikev1/payloads/identity.ts";
import type { NPayload } from "../wire/ikev1/payloads/notification.ts";
import type { KnownPayload, Payload } from "../wire/ikev1/payloads/table.ts";
import { doi, protocolId } from "../wire/ikev1/registry/message.ts";
import { isErrorNotify } from "../wire/ikev1/registry/notify.ts";

const none = new Uint8Array(0);

/** The first payload of a kind. */
export function find<K extends KnownPayload["isakmp"]>(
  payloads: readonly Payload[],
  kind: K,
): Extract<KnownPayload, { isakmp: K }> | undefined {
  for (const payload of payloads) if (payload.isakmp === kind) return payload as Extract<KnownPayload, { isakmp: K }>;
  return undefined;
}

/** All payloads of a kind. */
export function all<K extends KnownPayload["isakmp"]>(
  payloads: readonly Payload[],
  kind: K,
): Extract<KnownPayload, { isakmp: K }>[] {
  return payloads.filter((payload): payload is Extract<KnownPayload, { isakmp: K }> => payload.isakmp === kind);
}

/** The first error notify. */
export function findError(payloads: readonly Payload[]): NPayload | undefined {
  return all(payloads, "N").find(({ type }) => isErrorNotify(type));
}

/** Whether a notify of that type is there. */
export function hasNotify(payloads: readonly Payload[], type: number): boolean {
  return all(payloads, "N").some((payload) => payload.type === type);
}

/** A notify of the ISAKMP SA; `cookies` name it, where it stands (RFC 2407 4.6.3). */
export function isakmpNotify(type: number, cookies: Uint8Array = none, data: Uint8Array = none): NPayload {
  return { isakmp: "N", doi: doi.IPSEC, protocolId: protocolId.ISAKMP, spi: cookies, type, data };
}

/**
 * An identity as phase 1's ID payload: protocol and port 0 say nothing (RFC 2407 4.6.2). Who proves none leaves it empty, with
 * the type 0 (draft-ietf-ipsec-isakmp-hybrid-auth-05 4.2).
 */
export function identityPayload({ idType, octets }: Identity): IdPayload {
  if (idType === idTypes.null) return { isakmp: "ID", idType: 0, ipProtocol: 0, port: 0, data: octets };
  return { isakmp: "ID", idType, ipProtocol: 0, port: 0, data: octets };
}

/** The number of ESP or AH. */
export function protocolNumber(protocol: SaProtocol): number {
  return protocol === "ah" ? protocolId.IPSEC_AH : protocolId.IPSEC_ESP;
}

/** ESP or AH by its number. */
export function saProtocol(number: number): SaProtocol | undefined {
  if (number === protocolId.IPSEC_ESP) return "esp";
  return number === protocolId.IPSEC_AH ? "ah" : undefined;
}

/** The 4 octets of an ESP or AH SPI. */
export function spiOctets(spi: number): Buffer {
  const octets = Buffer.allocUnsafe(4);
  octets.writeUInt32BE(spi);
  return octets;
}

/** The SPI in 4 octets, or undefined for another length. */
export function spiNumber(octets: Uint8Array): number | undefined {
  return octets.length === 4 ? Buffer.from(octets.buffer, octets.byteOffset, 4).readUInt32BE() : undefined;
}

/** The 8 octets of a cookie. */
export function cookieOctets(cookie: bigint): Buffer {
  const octets = Buffer.allocUnsafe(8);
  octets.writeBigUInt64BE(cookie);
  return octets;
}
