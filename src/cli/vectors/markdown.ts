/** The totals of each folder of vectors, as the README shows them. */
import type { Report } from "../../vectors/report.ts";

/** One row a folder, and one for all. */
export function markdownTable(report: Report): string[] {
  const folders = new Map<string, number[]>();
  const all = [0, 0, 0, 0];
  for (const { file, passed, failed, notApplicable } of report.files) {
    const name = file.includes("/") ? (file.split("/")[0] ?? file) : file;
    const sums = folders.get(name) ?? [0, 0, 0, 0];
    for (const [index, value] of [1, passed, failed, notApplicable].entries()) {
      sums[index] = (sums[index] ?? 0) + value;
      all[index] = (all[index] ?? 0) + value;
    }
    folders.set(name, sums);
  }
  const rows = [...folders, ["all", all] as const];
  const cells = [
    ["vectors of", "files", "passed", "failed", "not applicable"],
    ...rows.map(([name, sums]) => [name, ...sums.map(String)]),
  ];
  const widths = cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  const line = (row: readonly string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = `| ${widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`)).join(" | ")} |`;
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map(line)];
}
