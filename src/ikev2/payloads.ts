/** Finding and making payloads. */
import type { SaProtocol } from "../kernel/port.ts";
import type { TrafficSelector } from "../negotiate/traffic-selector.ts";
import type { NotifyPayload } from "../wire/ikev2/payloads/notification.ts";
import type { KnownPayload, Payload } from "../wire/ikev2/payloads/table.ts";
import { protocolId } from "../wire/ikev2/registry/message.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";

const none = new Uint8Array(0);

/** The first payload of a kind. */
export function find<K extends KnownPayload["kind"]>(
  payloads: readonly Payload[],
  kind: K,
): Extract<KnownPayload, { kind: K }> | undefined {
  for (const payload of payloads) {
    if (payload.kind === kind) return payload as Extract<KnownPayload, { kind: K }>;
  }
  return undefined;
}

/** How many payloads of a kind there are. */
export function countOf(payloads: readonly Payload[], kind: KnownPayload["kind"]): number {
  let count = 0;
  for (const payload of payloads) if (payload.kind === kind) count += 1;
  return count;
}

/** The first notify of a type. */
export function findNotify(payloads: readonly Payload[], type: number): NotifyPayload | undefined {
  for (const payload of payloads) if (payload.kind === "N" && payload.type === type) return payload;
  return undefined;
}

/** The first error notify: types below 16384 (RFC 7296 3.10.1). */
export function findError(payloads: readonly Payload[]): NotifyPayload | undefined {
  for (const payload of payloads) if (payload.kind === "N" && payload.type < 16384) return payload;
  return undefined;
}

/** A notify that concerns the IKE SA, or no SA at all. */
export function notify(type: number, data: Uint8Array = none): Payload {
  return { kind: "N", protocolId: protocolId.NONE, spi: none, type, data };
}

/** REKEY_SA: the Child SA to be replaced, by the SPI that its sender receives with (RFC 7296 1.3.3). */
export function rekeyNotify(protocol: SaProtocol, spiIn: number): Payload {
  const data = none;
  return { kind: "N", protocolId: protocolNumber(protocol), spi: spiOctets(spiIn), type: notifyType.REKEY_SA, data };
}

/** The number of ESP or AH. */
export function protocolNumber(protocol: SaProtocol): number {
  return protocol === "ah" ? protocolId.AH : protocolId.ESP;
}

/** ESP or AH by its number. */
export function saProtocol(number: number): SaProtocol | undefined {
  if (number === protocolId.ESP) return "esp";
  return number === protocolId.AH ? "ah" : undefined;
}

/** A TS payload of address ranges. */
export function selectorPayload(kind: "TSi" | "TSr", selectors: readonly TrafficSelector[]): Payload {
  return {
    kind,
    selectors: selectors.map((one) =>
      one.tsType === 7 ? { ...one, tsType: one.tsType } : { ...one, tsType: one.tsType },
    ),
  };
}

/** The 4 octets of an ESP or AH SPI. */
export function spiOctets(spi: number): Buffer {
  const octets = Buffer.allocUnsafe(4);
  octets.writeUInt32BE(spi);
  return octets;
}

/** The SPI in 4 octets, or undefined for another length. */
export function spiNumber(octets: Uint8Array): number | undefined {
  if (octets.length !== 4) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = octets;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

/** The IKE SPI in 8 octets; undefined for another length, and for zero, which names none. */
export function ikeSpiNumber(octets: Uint8Array): bigint | undefined {
  if (octets.length !== 8) return undefined;
  const spi = Buffer.from(octets.buffer, octets.byteOffset, 8).readBigUInt64BE();
  return spi === 0n ? undefined : spi;
}

/** The 8 octets of an IKE SPI. */
export function ikeSpiOctets(spi: bigint): Buffer {
  const octets = Buffer.allocUnsafe(8);
  octets.writeBigUInt64BE(spi);
  return octets;
}
