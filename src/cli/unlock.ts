/** `unlock`: removes our policies and nobody else's. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { formatProblem, loadConfiguration } from "../config/load.ts";
import { daemonRuns } from "../daemon/control-client.ts";
import { defaultSocketPath } from "../daemon/control-protocol.ts";
import { Failure } from "../daemon/failure.ts";
import { removeOurPolicies } from "../daemon/policies.ts";
import { HolderProcess, holderPath } from "../transport/holder-process.ts";
import { openHostKernel } from "./host-kernel.ts";
import { printJson, printLine } from "./print.ts";

/** Refuses while a daemon runs, unless forced: it would go on as if its policies stood. */
export async function unlock(options: {
  readonly config: string;
  /** Where the daemon listens, if not where the file says. */
  readonly socket?: string;
  readonly force?: boolean;
  readonly json?: boolean;
}): Promise<void> {
  const socket = options.socket ?? (await socketOf(options.config, options.force === true));
  const runs = await daemonRuns(socket);
  if (options.force !== true && runs) {
    throw new Failure(
      1,
      `an underlock daemon runs (${socket}) and needs its policies: stop it first, or unlock with --force`,
    );
  }
  // With the policies goes what would carry tunnels on after a crash.
  if (!runs) new HolderProcess(holderPath(socket), () => undefined).keep([]);
  const kernel = await openHostKernel();
  try {
    const removed = await removeOurPolicies(kernel);
    if (options.json === true) printJson({ removed });
    else if (removed === 0) printLine("nothing was locked by underlock");
    else printLine(`unlocked: ${removed} policies removed; what they covered may now pass in clear`);
  } finally {
    kernel.close();
  }
}

/** Where a daemon of that file listens. A host without the file can be unlocked; of one that cannot be read nobody knows. */
async function socketOf(config: string, force: boolean): Promise<string> {
  const file = resolve(config);
  if (!existsSync(file)) return defaultSocketPath;
  // Names need not be asked for.
  const { daemon, fatal, problems } = await loadConfiguration(file, { resolve: () => Promise.resolve([]) });
  if (daemon.socket !== undefined || !fatal || force) return daemon.socket ?? defaultSocketPath;
  throw new Failure(
    2,
    `${file} cannot be used, so that nobody knows where a daemon of it would listen: mend it, name the socket with --socket, or unlock with --force`,
    problems.filter(({ severity }) => severity === "error").map(formatProblem),
  );
}
