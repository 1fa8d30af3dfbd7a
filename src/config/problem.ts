/** What is wrong with a configuration, where, and what to do: problems as data and as lines of text. */

/** One thing that is wrong. `line` and `column` count from 1. No sentence ever holds a secret (invariant 8). */
export interface Problem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** The key it is about: `peers.site-b.auth.psk`; empty for the file as a whole. */
  readonly path: string;
  readonly sentence: string;
  readonly severity: Severity;
}

/** `error`: what it is about is left out. `warning`: it is used, but the operator ought to know. */
export type Severity = "error" | "warning";

/** Keys and list indices from the top of a file. */
export type KeyPath = readonly (string | number)[];

/** A place in a file; `line` and `column` count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** A problem before its path is looked up in the file. */
export interface Finding {
  readonly path: KeyPath;
  readonly sentence: string;
  readonly severity: Severity;
  /** Point at the key instead of its value. */
  readonly atKey?: boolean;
  /** Characters into the value's text. */
  readonly offset?: number;
  /** Where it stands, if the path does not say it. */
  readonly at?: Place;
}

/** `gw-a.yaml:12:7: peers.site-b.remote: …`, with `warning:` before the path where it is one. */
export function formatProblem(problem: Problem): string {
  const place = `${problem.file}:${problem.line}:${problem.column}: `;
  const severity = problem.severity === "warning" ? "warning: " : "";
  return `${place}${severity}${problem.path === "" ? "" : `${problem.path}: `}${problem.sentence}`;
}

/** `peers.site-b.protect[0].gre`; a key with unusual characters is quoted. */
export function formatPath(path: KeyPath): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += `${text === "" ? "" : "."}${/^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/.test(step) ? step : quote(step)}`;
  }
  return text;
}

export function errorAt(path: KeyPath, sentence: string, place: FindingPlace = {}): Finding {
  return { path, sentence, severity: "error", ...place };
}

export function warningAt(path: KeyPath, sentence: string, place: FindingPlace = {}): Finding {
  return { path, sentence, severity: "warning", ...place };
}

type FindingPlace = Pick<Finding, "atKey" | "offset" | "at">;

/** Text from a file in quotes, on one line and short, so that a sentence stays one. */
export function quote(text: string): string {
  return JSON.stringify(text.length > longestQuote ? `${text.slice(0, longestQuote)}…` : text);
}

/** By line, then column. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

const longestQuote = 80;
