/** `underlock vectors`. */
import { Failure } from "../../daemon/failure.ts";
import { LayoutError } from "../../vectors/layouts/error.ts";
import { readVectors } from "../../vectors/layouts/layout.ts";
import { Report } from "../../vectors/report.ts";
import { printJson, printLine } from "../print.ts";
import { ownVectorFiles, readJson } from "./files.ts";
import { markdownTable } from "./markdown.ts";
import { reportText, totalsOf } from "./text.ts";

/** What the command line says. */
export interface VectorsOptions {
  readonly filter?: string | undefined;
  readonly json?: boolean | undefined;
  readonly markdown?: boolean | undefined;
}

/** Throws {@link Failure}: 1 when a vector fails, 2 for a file that holds none. */
export async function runVectors(named: readonly string[], options: VectorsOptions): Promise<void> {
  const report = new Report();
  const own = named.length === 0;
  for (const file of own ? ownVectorFiles() : named) {
    report.run(shortName(file), vectorsOf(file), options.filter);
  }
  const { passed, failed } = totalsOf(report);
  if (options.filter !== undefined && passed + failed === 0 && report.lines.size === 0) {
    throw new Failure(2, `no vector has "${options.filter}" in its algorithm, name or source`);
  }
  const whole = own && options.filter === undefined;
  if (options.json === true) printJson(jsonOf(report, whole));
  else if (options.markdown === true) for (const line of markdownTable(report)) printLine(line);
  else for (const line of reportText(report, whole)) printLine(line);
  if (failed > 0) throw new Failure(1, `${failed} of ${passed + failed} vectors failed`);
}

function vectorsOf(file: string) {
  try {
    return readVectors(readJson(file), shortName(file));
  } catch (error) {
    if (error instanceof LayoutError) throw new Failure(2, `${file}: ${error.message}`);
    throw error;
  }
}

function shortName(file: string): string {
  return file.split("/").slice(-2).join("/");
}

function jsonOf(report: Report, whole: boolean): unknown {
  return {
    totals: totalsOf(report),
    algorithms: [...report.lines.values()].map((line) => ({ ...line, reasons: Object.fromEntries(line.reasons) })),
    failures: report.failures,
    files: report.files,
    ...(whole ? { rowsWithout: report.rowsWithout } : {}),
  };
}
