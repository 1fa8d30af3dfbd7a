import type { Outcome, Verdict } from "../case.ts";

/** The octets of hex digits. */
export function octets(hex: string): Buffer {
  return Buffer.from(hex, "hex");
}

/** Nothing here computes it. */
export function notApplicable(algorithm: string, why: string): Outcome {
  return { status: "not applicable", algorithm, rows: [], why };
}

/**
 * Compares what was computed with what was to come out; `got` is undefined where the computation refused. `rows` are
 * keywords of the table, of which the first names the algorithm.
 */
export function compared(
  rows: readonly string[],
  verdict: Verdict | undefined,
  got: Uint8Array | undefined,
  wanted: Uint8Array,
): Outcome {
  const algorithm = rows[0] ?? "";
  const same = got !== undefined && Buffer.compare(got, wanted) === 0;
  const expected = verdict ?? "valid";
  if (expected === "invalid" ? !same : same || (expected === "acceptable" && got === undefined)) {
    return { status: "passed", algorithm, rows };
  }
  return { status: "failed", algorithm, rows, why: difference(expected, got, wanted) };
}

/** A failure with its reason. */
export function failed(rows: readonly string[], why: string): Outcome {
  return { status: "failed", algorithm: rows[0] ?? "", rows, why };
}

function difference(expected: Verdict, got: Uint8Array | undefined, wanted: Uint8Array): string {
  if (expected === "invalid") return "accepted, and should have been refused";
  if (got === undefined) return "refused, and should have been accepted";
  return `got ${shortened(got)}, wanted ${shortened(wanted)}`;
}

function shortened(value: Uint8Array): string {
  const hex = Buffer.from(value).toString("hex");
  return hex.length <= 64 ? hex || "nothing" : `${hex.slice(0, 64)}… (${value.length} octets)`;
}
