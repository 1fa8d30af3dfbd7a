import { type Codec, check, count, field, type Step, u8, u16, u32 } from "../../codec.ts";
import { limits } from "../limits.ts";
import { payloadType, protocolId } from "../registry/message.ts";
import { type PayloadOf, payload } from "./description.ts";
import { spiSizeProblem } from "./sa.ts";

const spiSize: Step<{ readonly spiSize: number }> = {
  read(r, into) {
    r.announcedSize = r.u8("SPI size");
    into.spiSize = r.announcedSize;
  },
  write(w, from) {
    w.u8(from.spiSize as number, "SPI size");
  },
};

const spis: Codec<readonly Uint8Array[]> = {
  read(r) {
    const { announcedSize: octets, announcedCount: number } = r;
    if (number > limits.spis) r.fail("limit", `${number} SPIs, possible are at most ${limits.spis}`);
    const list: Uint8Array[] = [];
    while (list.length < number) list.push(r.bytes(octets, "SPI"));
    return list;
  },
  write(w, list) {
    if (list.length > limits.spis) w.fail(`${list.length} SPIs, possible are at most ${limits.spis}`);
    for (const spi of list) w.bytes(spi);
  },
};

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
  field("spis", spis),
);

/** Delete payload. */
export type DPayload = PayloadOf<typeof deletion>;
