/** What this host makes of a desired state: what its kernel cannot do, and what would defeat the locks. */
import type { Warning } from "../daemon/warning.ts";
import type { DesiredState } from "../sa/desired.ts";
import { kernelAbility } from "./kernel-ability.ts";

export interface HostFindings {
  /** Sentences; where there is one, the daemon does not start. */
  readonly inability: readonly string[];
  readonly hazards: readonly Warning[];
}

/** Asks the kernel and the host; changes nothing. */
export async function askHost(desired: DesiredState): Promise<HostFindings> {
  const { inability, warnings } = kernelAbility(desired);
  return { inability, hazards: [...warnings, ...(await findHazards(desired))] };
}

/** What on this host would defeat the locks now. */
export async function findHazards(_desired: DesiredState): Promise<readonly Warning[]> {
  return [];
}
