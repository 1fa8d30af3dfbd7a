/** The SPIs of a Delete payload, which both versions write alike: their size, their number, then they (RFC 2408 3.15, RFC 7296 3.11). */
import type { Codec, Step } from "./codec.ts";

/** Octets of each SPI, one octet. */
export const spiSize: Step<{ readonly spiSize: number }> = {
  read(r, into) {
    r.announcedSize = r.u8("SPI size");
    into.spiSize = r.announcedSize;
  },
  write(w, from) {
    w.u8(from.spiSize as number, "SPI size");
  },
};

/** The SPIs, of the size and number read before; at most `most`. */
export function spiList(most: number): Codec<readonly Uint8Array[]> {
  return {
    read(r) {
      const { announcedSize: octets, announcedCount: number } = r;
      if (number > most) r.fail("limit", `${number} SPIs, possible are at most ${most}`);
      if (octets === 0 && number > 0) r.fail("value", `${number} SPIs of no octets`);
      const list: Uint8Array[] = [];
      while (list.length < number) list.push(r.bytes(octets, "SPI"));
      return list;
    },
    write(w, list) {
      if (list.length > most) w.fail(`${list.length} SPIs, possible are at most ${most}`);
      for (const spi of list) w.bytes(spi);
    },
  };
}
