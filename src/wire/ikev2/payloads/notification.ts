import { field, rest, size, sized, u8, u16 } from "../../codec.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/** Notify (RFC 7296 3.10). */
export const notify = payload(
  "N",
  payloadType.N,
  ["clear", "protected"],
  field("protocolId", u8),
  size("spi"),
  field("type", u16),
  field("spi", sized),
  field("data", rest()),
);

/** Vendor ID (RFC 7296 3.12). */
export const vendorId = payload("V", payloadType.V, ["clear", "protected"], field("data", rest()));

/** Notify payload. */
export type NotifyPayload = PayloadOf<typeof notify>;

/** Vendor ID payload. */
export type VendorIdPayload = PayloadOf<typeof vendorId>;
