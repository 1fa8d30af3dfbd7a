import { type EncrTransform, encrTransforms } from "../../crypto/transforms/encr.ts";
import { type IntegTransform, integTransforms } from "../../crypto/transforms/integ.ts";
import type { Family } from "../../negotiate/address.ts";
import { reqidRange, type SaInstall, type SaProtocol } from "../port.ts";

/** One kind of SA that must be possible. */
export interface NeededSa {
  readonly protocol: SaProtocol;
  readonly family: Family;
  readonly encr?: EncrTransform;
  readonly integ?: IntegTransform;
}

/** Between addresses that nobody has; should this process die before it deletes the SA, the SA ends after a second. */
export function probeSa({ protocol, family, encr, integ }: NeededSa): SaInstall {
  const [source, destination] = family === 4 ? ["192.0.2.85", "192.0.2.86"] : ["100::85", "100::86"];
  return {
    protocol,
    spi: probeSpi,
    source,
    destination,
    direction: "out",
    mode: "transport",
    reqid: reqidRange.end - 1,
    ...(encr === undefined ? {} : { encr: { transform: encr, key: probeKey(encr.keyBits / 8 + encr.saltLength) } }),
    ...(integ === undefined ? {} : { integ: { transform: integ, key: probeKey(integ.keyLength) } }),
    esn: false,
    replayWindow: 0,
    hard: { seconds: 1 },
  };
}

/** A key that keeps nothing secret. Octets that differ: 3DES refuses keys whose parts are equal. */
export function probeKey(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 37 + 11) & 0xff);
}

/** The plainest ESP there is. */
export const plainEsp = { encr: row(encrTransforms, "null"), integ: row(integTransforms, "sha256") };

/** The plainest AH. */
export const plainAh = { integ: row(integTransforms, "sha256") };

/** A row of the table by its keyword. Throws RangeError. */
export function row<T extends { readonly keyword: string }>(rows: readonly T[], keyword: string): T {
  const found = rows.find((candidate) => candidate.keyword === keyword);
  if (found === undefined) throw new RangeError(`no transform ${keyword} in the table`);
  return found;
}

const probeSpi = 0xdead_0001;
