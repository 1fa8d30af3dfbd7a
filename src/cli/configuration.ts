/** The configuration file for the commands. */
import { resolve } from "node:path";
import { loadConfiguration } from "../config/load.ts";
import { formatProblem, type Problem } from "../config/problem.ts";
import type { Configuration } from "../daemon/daemon.ts";
import { Failure } from "../daemon/failure.ts";

/** What of a file can be used, and what is wrong with the rest. */
export interface UsableFile extends Configuration {
  readonly file: string;
  readonly errors: readonly string[];
}

/**
 * Loads the file; what is broken is left out of it. Throws Failure (2) where nothing is left.
 * With `strict` one error is enough: a reload must not take a peer's policies away because of a slip of the pen.
 */
export async function loadFile(path: string, options: { readonly strict: boolean }): Promise<UsableFile> {
  const file = resolve(path);
  const { desired, problems } = await loadConfiguration(file);
  const errors = problems.filter(isError).map(formatProblem);
  const nothing = desired === undefined || (desired.peers.length === 0 && desired.local.locks.length === 0);
  if (errors.length > 0 && (nothing || options.strict)) {
    throw new Failure(2, `${file} cannot be used`, errors);
  }
  if (desired === undefined) throw new Failure(2, `${file} cannot be used`);
  return {
    file,
    desired,
    errors,
    warnings: problems.map((problem) => ({
      kind: "configuration",
      code: isError(problem) ? "left-out" : "doubtful",
      sentence: formatProblem(problem),
    })),
  };
}

function isError(problem: Problem): boolean {
  return problem.severity === "error";
}
