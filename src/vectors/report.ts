/** What a run of vectors came to, by algorithm and source. */
import { transforms } from "../crypto/transforms.ts";
import type { Outcome, VectorCase, VectorFile } from "./case.ts";
import { checkVector } from "./checks/table.ts";
import { uncovered } from "./uncovered.ts";

/** The vectors of one algorithm from one source. */
export interface ReportLine {
  readonly algorithm: string;
  readonly source: string;
  passed: number;
  failed: number;
  notApplicable: number;
  /** Why some are not applicable, and how many for that reason. */
  readonly reasons: Map<string, number>;
}

/** One vector that failed. */
export interface Failed {
  readonly file: string;
  readonly name: string;
  readonly algorithm: string;
  readonly why: string;
}

/** What a filter is looked for in: names as the source has them and as the table prints them, and no octets. */
function wordsOf(vector: VectorCase, outcome: Outcome): string {
  const named = Object.entries(vector).filter(([member]) => nameMembers.has(member));
  const opened = vector.check === "message" ? [vector.open?.encr, vector.open?.integ] : [];
  return [...named.map(([, value]) => value), ...opened, outcome.algorithm, ...outcome.rows].join(" ").toLowerCase();
}

const nameMembers: ReadonlySet<string> = new Set([
  "name",
  "check",
  "algorithm",
  "prf",
  "hash",
  "authentication",
  "scheme",
  "encr",
  "integ",
]);

/** The vectors of one file. */
export interface FileTotals {
  readonly file: string;
  passed: number;
  failed: number;
  notApplicable: number;
}

/** Collects what became of any number of vectors. */
export class Report {
  readonly lines = new Map<string, ReportLine>();
  readonly failures: Failed[] = [];
  readonly files: FileTotals[] = [];
  readonly #rows = new Set<string>();

  /** Runs the vectors of a file whose algorithm, source or name holds `filter`, in any case. */
  run(file: string, vectors: VectorFile, filter = ""): void {
    const totals: FileTotals = { file, passed: 0, failed: 0, notApplicable: 0 };
    const wanted = filter.toLowerCase();
    const whole = `${file} ${vectors.source}`.toLowerCase().includes(wanted);
    for (const vector of vectors.cases) {
      const outcome = checkVector(vector);
      if (!whole && !wordsOf(vector, outcome).includes(wanted)) continue;
      const line = this.#line(outcome.algorithm, vectors.source);
      for (const row of outcome.status === "passed" ? outcome.rows : []) this.#rows.add(row);
      if (outcome.status === "passed") {
        line.passed += 1;
        totals.passed += 1;
      } else if (outcome.status === "failed") {
        line.failed += 1;
        totals.failed += 1;
        this.failures.push({ file, name: vector.name, algorithm: outcome.algorithm, why: outcome.why ?? "" });
      } else {
        line.notApplicable += 1;
        totals.notApplicable += 1;
        const why = outcome.why ?? "";
        line.reasons.set(why, (line.reasons.get(why) ?? 0) + 1);
      }
    }
    this.files.push(totals);
  }

  /** The keywords of the table through which no vector has gone, and why that is right where it is. */
  get rowsWithout(): readonly { readonly keyword: string; readonly why: string | undefined }[] {
    return transforms
      .filter((row) => !this.#rows.has(row.keyword))
      .map((row) => ({ keyword: row.keyword, why: uncovered(row) }));
  }

  #line(algorithm: string, source: string): ReportLine {
    const key = `${algorithm}\0${source}`;
    const known = this.lines.get(key);
    if (known !== undefined) return known;
    const line: ReportLine = { algorithm, source, passed: 0, failed: 0, notApplicable: 0, reasons: new Map() };
    this.lines.set(key, line);
    return line;
  }
}
