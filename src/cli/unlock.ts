/** `unlock`: removes our policies and nobody else's. */
import { daemonRuns } from "../daemon/control-client.ts";
import { Failure } from "../daemon/failure.ts";
import { removeOurPolicies } from "../daemon/policies.ts";
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
