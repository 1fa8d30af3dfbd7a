import {
  bytes,
  type Codec,
  count,
  field,
  framed,
  list,
  octet,
  reserved,
  rest,
  struct,
  u8,
  u16,
  variant,
} from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType } from "../registry/message.ts";
import { tsType } from "../registry/selector.ts";
import { type PayloadOf, payload } from "./description.ts";

/** RFC 7296 3.13.1. A start above its end is not refused here: OPAQUE ports are 65535 to 0 (RFC 4301 4.4.1.1). */
const ranges = [field("startPort", u16), field("endPort", u16)] as const;

const ipv4 = struct(
  field("tsType", octet(tsType.TS_IPV4_ADDR_RANGE)),
  field("ipProtocol", u8),
  framed(4, ...ranges, field("startAddress", bytes(4)), field("endAddress", bytes(4))),
);

const ipv6 = struct(
  field("tsType", octet(tsType.TS_IPV6_ADDR_RANGE)),
  field("ipProtocol", u8),
  framed(4, ...ranges, field("startAddress", bytes(16)), field("endAddress", bytes(16))),
);

/** A type that is not an address range (RFC 9478, 4595) or not known: skipped when narrowing, kept for re-encoding. */
const raw = struct(field("tsType", u8), reserved("reserved", 1), framed(4, field("raw", rest())));

const selector = variant("tsType", { [tsType.TS_IPV4_ADDR_RANGE]: ipv4, [tsType.TS_IPV6_ADDR_RANGE]: ipv6 }, raw);

/** RFC 7296 3.13. */
const selectors = [
  count("selectors", u8),
  reserved("bodyReserved", 3),
  field("selectors", list(selector, { label: "selector", min: 1, max: limits.selectors, counted: true })),
] as const;

/** Traffic Selector - Initiator. */
export const selectorsInitiator = payload("TSi", payloadType.TSi, ["protected"], ...selectors);

/** Traffic Selector - Responder. */
export const selectorsResponder = payload("TSr", payloadType.TSr, ["protected"], ...selectors);

/** One traffic selector: an address range, or one of a type that is kept `raw`. */
export type Selector = typeof selector extends Codec<infer T> ? T : never;

/** An address range selector. */
export type AddressRange = Exclude<Selector, { readonly raw: Uint8Array }>;

/** The initiator's traffic selectors. */
export type TsiPayload = PayloadOf<typeof selectorsInitiator>;

/** The responder's traffic selectors. */
export type TsrPayload = PayloadOf<typeof selectorsResponder>;
