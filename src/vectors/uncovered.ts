import type { Transform } from "../crypto/transforms.ts";

/** Rows without a vector that nobody here wrote, and why that is right. */
const explained: Readonly<Record<string, string>> = {
  noesn: "a number, no algorithm",
  esn: "a number, no algorithm",
};

/** Why that row has no vector; undefined where it should have one. */
export function uncovered(row: Transform): string | undefined {
  if (row.decodeOnly !== undefined) return `never computed: ${row.decodeOnly}`;
  return explained[row.keyword];
}
