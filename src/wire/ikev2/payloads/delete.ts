import { check, count, field, u8, u16 } from "../../codec.ts";
import { spiList, spiSize } from "../../spi-list.ts";
import { limits } from "../limits.ts";
import { payloadType, protocolId } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";

/**
 * RFC 7296 3.11: 4 octets for AH and ESP. For IKE it is to be 0, and an SPI that is given all the same says nothing:
 * what ends is the IKE SA that the message belongs to.
 */
function sizeProblem(d: { protocolId: number; spiSize: number; spis?: readonly Uint8Array[] }): string | undefined {
  if ((d.protocolId === protocolId.AH || d.protocolId === protocolId.ESP) && d.spiSize !== 4) {
    return `SPI size of protocol ${d.protocolId} is ${d.spiSize}, possible is 4`;
  }
  const other = d.spis?.find((spi) => spi.length !== d.spiSize);
  return other && `an SPI has ${other.length} octets, the SPI size says ${d.spiSize}`;
}

/** Delete (RFC 7296 3.11). */
export const deletion = payload(
  "D",
  payloadType.D,
  ["protected"],
  field("protocolId", u8),
  spiSize,
  check(sizeProblem),
  count("spis", u16),
  field("spis", spiList(limits.spis)),
);

/** Delete payload. */
export type DeletePayload = PayloadOf<typeof deletion>;
