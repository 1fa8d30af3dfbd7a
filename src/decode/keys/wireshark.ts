/** Wireshark's key tables: ikev2_decryption_table, ikev1_decryption_table and esp_sa, each a line an SA. */
import { parseAddress } from "../../negotiate/address.ts";
import { cipherFor, integrityFor, KeyFileError, UnknownAlgorithmError, uncheckedIcvLength } from "./algorithms.ts";
import type { KeyStore } from "./key-store.ts";

/** Adds the lines of any of the three tables, told apart by their columns. An SA of an algorithm that is not known is left out. Throws {@link KeyFileError} with the line. */
export function addWiresharkTable(content: string, store: KeyStore): void {
  for (const [index, line] of content.split(/\r?\n/).entries()) {
    if (/^\s*(?:#.*)?$/.test(line)) continue;
    const cells = columns(line);
    try {
      addLine(cells, store);
    } catch (error) {
      if (error instanceof UnknownAlgorithmError) {
        store.leftOut.push(`line ${index + 1}: ${error.message}`);
        continue;
      }
      if (error instanceof KeyFileError) throw new KeyFileError(`line ${index + 1}: ${error.message}`);
      throw error;
    }
  }
}

function addLine(cells: readonly string[], store: KeyStore): void {
  if (/^(?:IPv4|IPv6|any)$/i.test(cells[0] ?? "") && cells.length >= 6) return addEsp(cells, store);
  if (cells.length >= 8) return addIkev2(cells, store);
  if (cells.length === 2) {
    store.addIkev1((cells[0] ?? "").toLowerCase(), { key: octetsOf(cells[1] ?? "") });
    return;
  }
  throw new KeyFileError(
    `${cells.length} columns: neither ikev2_decryption_table (8), ikev1_decryption_table (2) nor esp_sa (8)`,
  );
}

/** SPIi, SPIr, SK_ei, SK_er, cipher, SK_ai, SK_ar, integrity algorithm. */
function addIkev2(cells: readonly string[], store: KeyStore): void {
  const [spiI = "", spiR = "", ei = "", er = "", cipher = "", ai = "", ar = "", integrity = ""] = cells;
  const skEi = octetsOf(ei);
  const encr = cipherFor(cipher, skEi.length);
  store.addIkev2(spiI.toLowerCase(), spiR.toLowerCase(), {
    encr,
    integ: encr.aead ? undefined : integrityFor(integrity)?.integ,
    icvLength: uncheckedIcvLength(integrity),
    skEi,
    skEr: octetsOf(er),
    skAi: octetsOf(ai),
    skAr: octetsOf(ar),
  });
}

/** Protocol, source, destination, SPI, cipher, its key, integrity algorithm, its key. */
function addEsp(cells: readonly string[], store: KeyStore): void {
  const [, source = "", destination = "", spi = "", cipher = "", key = "", integrity = "", integKey = ""] = cells;
  const encrKey = octetsOf(key);
  const named = integrityFor(integrity);
  store.addEsp({
    spi: Number(/^0x/i.test(spi) ? spi : /^\d+$/.test(spi) ? spi : `0x${spi}`) >>> 0,
    source: addressOf(source),
    destination: addressOf(destination),
    encr: cipherFor(cipher, encrKey.length),
    encrKey,
    integ: named?.integ,
    integKey: named === undefined ? undefined : octetsOf(integKey),
    icvLength: uncheckedIcvLength(integrity) ?? named?.icvLength,
  });
}

/** Undefined for a pattern that fits any. */
function addressOf(cell: string): string | undefined {
  return parseAddress(cell) === undefined ? undefined : cell;
}

/** Hex with 0x, hex without, or, where it is no hex, the characters themselves. */
function octetsOf(cell: string): Buffer {
  const digits = cell.replace(/^0x/i, "");
  return /^(?:[0-9a-f]{2})*$/i.test(digits) ? Buffer.from(digits, "hex") : Buffer.from(cell, "latin1");
}

function columns(line: string): string[] {
  return Array.from(line.matchAll(/\s*(?:"([^"]*)"|([^,"]*))\s*(?:,|$)/g), (found) =>
    (found[1] ?? found[2] ?? "").trim(),
  ).slice(
    0,
    // The pattern finds an empty cell at the end of a line that does not end in a comma.
    line.trimEnd().endsWith(",") ? undefined : -1,
  );
}
