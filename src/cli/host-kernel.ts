/** This host's kernel, opened for a command; what it cannot do becomes a sentence. */
import { Failure } from "../daemon/failure.ts";
import type { Warning } from "../daemon/warning.ts";
import type { Kernel } from "../kernel/port.ts";
import { noXfrm, permission } from "../kernel/xfrm/capabilities.ts";
import { XfrmKernel } from "../kernel/xfrm/xfrm-kernel.ts";
import { SystemCallError } from "../netlink-xfrm/index.ts";
import type { DesiredState } from "../sa/desired.ts";
import { kernelAbility } from "./kernel-ability.ts";

/** Opens the kernel for the daemon; throws Failure where it cannot do what the desired state asks for, changes nothing. */
export async function openAbleKernel(
  desired: DesiredState,
): Promise<{ readonly kernel: Kernel; readonly warnings: readonly Warning[] }> {
  const { inability, warnings } = kernelAbility(desired);
  const [first, ...more] = inability;
  if (first !== undefined) throw new Failure(1, first, more);
  return { kernel: await openHostKernel(), warnings };
}

/** Opens the kernel and lists our policies, which takes the rights that all else takes; throws Failure, changes nothing. */
export async function openHostKernel(): Promise<Kernel> {
  const kernel = openXfrm();
  const answer = await kernel.request({ kind: "listPolicies" });
  if (answer.kind !== "refused") return kernel;
  kernel.close();
  const { errno, said } = answer.refusal;
  if (errno === "EPERM" || errno === "EACCES") throw new Failure(1, permission);
  throw new Failure(1, `the kernel does not list its IPsec policies: ${said}`);
}

function openXfrm(): Kernel {
  try {
    return new XfrmKernel();
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    throw new Failure(1, noXfrm(error).sentence);
  }
}
