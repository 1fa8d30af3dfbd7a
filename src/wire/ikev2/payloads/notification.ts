import { check, field, rest, size, sized, u8, u16 } from "../../codec.ts";
import { payloadType, protocolId } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** RFC 7296 3.10: none, or that of a Child SA, where the protocol is AH or ESP; with other protocols it means nothing. */
function spiSizeProblem({ protocolId: protocol, spi }: { protocolId: number; spi: Uint8Array }): string | undefined {
  if (protocol !== protocolId.AH && protocol !== protocolId.ESP) return undefined;
  if (spi.length === 0 || spi.length === 4) return undefined;
  return `the SPI of protocol ${protocol} has ${spi.length} octets, possible are 0 or 4`;
}

/** Notify (RFC 7296 3.10). */
export const notify = payload(
  "N",
  payloadType.N,
  ["clear", "protected"],
  field("protocolId", u8),
  size("spi"),
  field("type", u16),
  field("spi", sized),
  check(spiSizeProblem),
  field("data", rest()),
);

/** Vendor ID (RFC 7296 3.12). */
export const vendorId = payload("V", payloadType.V, ["clear", "protected"], field("data", rest()));

/** Notify payload. */
export type NotifyPayload = PayloadOf<typeof notify>;

/** Vendor ID payload. */
export type VendorIdPayload = PayloadOf<typeof vendorId>;
