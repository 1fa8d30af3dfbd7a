import { check, field, rest, size, sized, u8, u16, u32 } from "../../codec.ts";
import { payloadType } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";
import { spiSizeProblem } from "./sa.ts";

/** RFC 2408 3.14: an SPI may be left out; RFC 2407 4.6.3: the two cookies may stand for one of any protocol. */
function spiProblem({ protocolId, spi }: { protocolId: number; spi: Uint8Array }): string | undefined {
  return spi.length === 0 || spi.length === cookies ? undefined : spiSizeProblem(protocolId, spi.length);
}

const cookies = 16;

/** Notification (RFC 2408 3.14). */
export const notification = payload(
  "N",
  payloadType.N,
  field("doi", u32),
  field("protocolId", u8),
  size("spi"),
  field("type", u16),
  field("spi", sized),
  check(spiProblem),
  field("data", rest()),
);

/** Vendor ID (RFC 2408 3.16). */
export const vendorId = payload("VID", payloadType.VID, field("data", rest()));

/** Notification payload. */
export type NPayload = PayloadOf<typeof notification>;

/** Vendor ID payload. */
export type VidPayload = PayloadOf<typeof vendorId>;
