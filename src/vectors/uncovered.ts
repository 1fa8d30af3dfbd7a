import type { Transform } from "../crypto/transforms.ts";

/** Rows without a vector that nobody here wrote, and why that is right. */
const explained: Readonly<Record<string, string>> = {
  noesn: "a number, no algorithm",
  esn: "a number, no algorithm",
  aes192gmac: "no source is known with an ESP packet of it; it differs from aes128gmac in the length of the key alone",
  aes256gmac: "no source is known with an ESP packet of it; it differs from aes128gmac in the length of the key alone",
};

/** Why that row has no vector; undefined where it should have one. */
export function uncovered(row: Transform): string | undefined {
  if (row.decodeOnly !== undefined) return `never computed: ${row.decodeOnly}`;
  return explained[row.keyword];
}
