/** The configuration file for the commands. */
import { resolve } from "node:path";
import { type DaemonSettings, formatProblem, loadConfiguration, type Problem, systemResolver } from "../config/load.ts";
import type { Configuration } from "../daemon/daemon.ts";
import { Failure } from "../daemon/failure.ts";

/** What of a file can be used, and what is wrong with the rest. */
export interface UsableFile extends Configuration {
  readonly file: string;
  readonly errors: readonly string[];
  readonly settings: DaemonSettings;
}

/**
 * Loads the file; a broken peer is not spoken to, but its traffic is locked. Throws Failure (2) where nothing may start
 * from the file. With `strict` one error is enough: a reload must not change what runs because of a slip of the pen.
 */
export async function loadFile(path: string, options: { readonly strict: boolean }): Promise<UsableFile> {
  const file = resolve(path);
  const { desired, problems, daemon, fatal, broken, unresolved } = await loadConfiguration(file, {
    resolve: systemResolver,
  });
  const errors = problems.filter(isError).map(formatProblem);
  const nothing = desired.peers.length === 0 && desired.local.locks.length === 0 && unresolved.length === 0;
  if (fatal || (errors.length > 0 && (nothing || options.strict)))
    throw new Failure(2, `${file} cannot be used`, errors);
  return {
    file,
    desired: { ...desired, locked: broken },
    errors,
    settings: daemon,
    incomplete: unresolved.length > 0,
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
