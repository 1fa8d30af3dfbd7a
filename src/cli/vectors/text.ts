/** The report of a run of vectors, for people. */
import type { Report, ReportLine } from "../../vectors/report.ts";

/** How many vectors passed, failed and were not applicable. */
export interface Totals {
  readonly passed: number;
  readonly failed: number;
  readonly notApplicable: number;
}

/** Failures that are listed one by one. */
const listed = 50;

/** All files together. */
export function totalsOf(report: Report): Totals {
  const totals = { passed: 0, failed: 0, notApplicable: 0 };
  for (const file of report.files) {
    totals.passed += file.passed;
    totals.failed += file.failed;
    totals.notApplicable += file.notApplicable;
  }
  return totals;
}

/** The table, the failures, why some are not applicable, and for a whole run the rows without a vector. */
export function reportText(report: Report, whole: boolean): string[] {
  const lines = [...report.lines.values()].sort(
    (a, b) => compare(a.algorithm, b.algorithm) || compare(a.source, b.source),
  );
  const totals = totalsOf(report);
  return [
    ...table(lines),
    "",
    `${totals.passed} passed, ${totals.failed} failed, ${totals.notApplicable} not applicable`,
    ...failures(report),
    ...reasons(lines),
    ...(whole ? rows(report) : []),
  ];
}

function table(lines: readonly ReportLine[]): string[] {
  const width = Math.max(9, ...lines.map((line) => line.algorithm.length));
  const source = Math.max(6, ...lines.map((line) => line.source.length));
  const row = (...cells: readonly [string, string, string, string, string]) =>
    `${cells[0].padEnd(width)}  ${cells[1].padEnd(source)}  ${cells[2].padStart(6)}  ${cells[3].padStart(6)}  ${cells[4].padStart(14)}`;
  return [
    row("algorithm", "source", "passed", "failed", "not applicable"),
    ...lines.map((line) =>
      row(line.algorithm, line.source, String(line.passed), String(line.failed), String(line.notApplicable)),
    ),
  ];
}

function failures(report: Report): string[] {
  if (report.failures.length === 0) return [];
  const more = report.failures.length - listed;
  return [
    "",
    "Failed:",
    ...report.failures
      .slice(0, listed)
      .map(({ file, name, algorithm, why }) => `  ${file} ${name} (${algorithm}): ${why}`),
    ...(more > 0 ? [`  and ${more} more (--json has all)`] : []),
  ];
}

function reasons(lines: readonly ReportLine[]): string[] {
  const because = lines.flatMap((line) =>
    [...line.reasons].map(([why, count]) => `  ${count} of ${line.source}, ${line.algorithm}: ${why}`),
  );
  return because.length === 0 ? [] : ["", "Not applicable:", ...because];
}

function rows(report: Report): string[] {
  const without = report.rowsWithout.map(({ keyword, why }) => `  ${keyword}: ${why ?? "NO VECTOR AND NO REASON"}`);
  return ["", "Rows of the table of algorithms without a vector:", ...without];
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
