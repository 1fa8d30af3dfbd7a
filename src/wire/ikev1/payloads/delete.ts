import { check, count, field, u8, u16, u32 } from "../../codec.ts";
import { spiList, spiSize } from "../../spi-list.ts";
import { limits } from "../limits.ts";
import { payloadType, protocolId } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";
import { spiSizeProblem } from "./sa.ts";

/** RFC 2408 3.15: of the ISAKMP SA both cookies. */
function sizeProblem(d: { protocolId: number; spiSize: number; spis?: readonly Uint8Array[] }): string | undefined {
  if (d.protocolId === protocolId.ISAKMP && d.spiSize !== limits.spi) {
    return `SPI size of the ISAKMP SA is ${d.spiSize}, possible is ${limits.spi}`;
  }
  if (d.spiSize === 0) return "SPI size is 0";
  const other = d.spis?.find((spi) => spi.length !== d.spiSize);
  return spiSizeProblem(d.protocolId, d.spiSize) ?? (other && `an SPI has ${other.length} octets, not ${d.spiSize}`);
}

/** Delete (RFC 2408 3.15). */
export const deletion = payload(
  "D",
  payloadType.D,
  field("doi", u32),
  field("protocolId", u8),
  spiSize,
  check(sizeProblem),
  count("spis", u16),
  field("spis", spiList(limits.spis)),
);

/** Delete payload. */
export type DPayload = PayloadOf<typeof deletion>;
