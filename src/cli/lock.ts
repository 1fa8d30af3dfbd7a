/** `lock`: the policies of the file without a daemon. */
import { Failure } from "../daemon/failure.ts";
import { installLocks, type LockOutcome } from "../daemon/policies.ts";
import { lockPolicies } from "../engine/policies.ts";
import { formatSelector } from "../negotiate/selector.ts";
import { loadFile } from "./configuration.ts";
import { openHostKernel } from "./host-kernel.ts";
import { printJson, printLine } from "./print.ts";

/** Installs what does not stand yet and says so; throws Failure where a part of it could not be locked. */
export async function lock(options: { readonly config: string; readonly json?: boolean }): Promise<void> {
  const { file, desired, errors } = await loadFile(options.config, { strict: false });
  const kernel = await openHostKernel();
  try {
    const outcome = await installLocks(kernel, lockPolicies(desired));
    if (options.json === true) printJson(jsonOf(outcome, errors));
    else printLine(textOf(outcome));
    // What can be locked is locked first: a slip in one peer must not leave the others open.
    if (outcome.refused.length > 0) throw new Failure(1, "not everything is locked", outcome.refused.map(refusalText));
    if (errors.length > 0)
      throw new Failure(
        2,
        `part of ${file} could not be used: what it names for sure is locked, the rest is NOT`,
        errors,
      );
  } finally {
    kernel.close();
  }
}

function textOf({ installed, stood, foreign }: LockOutcome): string {
  const others =
    foreign === 0
      ? ""
      : `; ${foreign} more stand that this file does not ask for ("underlock unlock" removes them all)`;
  return `locked: ${installed} policies installed, ${stood} stood already${others}`;
}

function jsonOf({ installed, stood, foreign, refused }: LockOutcome, errors: readonly string[]): unknown {
  return {
    installed,
    stood,
    foreign,
    refused: refused.map(({ policy, refusal }) => ({
      selector: formatSelector(policy.selector),
      direction: policy.direction,
      errno: refusal.errno,
      sentence: refusal.said,
    })),
    errors,
  };
}

function refusalText({ policy, refusal }: LockOutcome["refused"][number]): string {
  return `${policy.direction} ${formatSelector(policy.selector)}: ${refusal.said}`;
}
