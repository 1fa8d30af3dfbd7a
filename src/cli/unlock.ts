/** `unlock`: removes our policies and nobody else's. */
import { daemonRuns } from "../daemon/control-client.ts";
import { Failure } from "../daemon/failure.ts";
import { removeOurPolicies } from "../daemon/policies.ts";
import { HolderProcess, holderPath } from "../transport/holder-process.ts";
import { openHostKernel } from "./host-kernel.ts";
import { printJson, printLine } from "./print.ts";

/** Refuses while a daemon runs, unless forced: it would go on as if its policies stood. */
export async function unlock(options: {
  readonly socket: string;
  readonly force?: boolean;
  readonly json?: boolean;
}): Promise<void> {
  if (options.force !== true && (await daemonRuns(options.socket))) {
    throw new Failure(
      1,
      `an underlock daemon runs (${options.socket}) and needs its policies: stop it first, or unlock with --force`,
    );
  }
  // With the policies goes what would carry tunnels on after a crash.
  if (!(await daemonRuns(options.socket))) new HolderProcess(holderPath(options.socket), () => undefined).keep([]);
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
