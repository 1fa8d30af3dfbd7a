/** The policies of ours without an engine: `lock` and `unlock`. */
import { policyKey } from "../engine/policies.ts";
import type { Kernel, KernelRefusal, Policy } from "../kernel/port.ts";

/** The kernel refused; `refusal` carries its own words. */
export class PolicyRefused extends Error {
  override readonly name = "PolicyRefused";
  readonly refusal: KernelRefusal;

  constructor(refusal: KernelRefusal, what: string) {
    super(`the kernel refused to ${what}: ${refusal.errno}, ${refusal.said}`);
    this.refusal = refusal;
  }
}

/** What `installLocks` did. */
export interface LockOutcome {
  readonly installed: number;
  /** Stood already, locked or protected: a protecting policy is no less silent without its SA. */
  readonly stood: number;
  /** Of ours, but not of this desired state. */
  readonly foreign: number;
  readonly refused: readonly { readonly policy: Policy; readonly refusal: KernelRefusal }[];
}

/** Installs what does not stand yet; throws PolicyRefused where the standing policies cannot be listed. */
export async function installLocks(kernel: Kernel, policies: readonly Policy[]): Promise<LockOutcome> {
  const standing = new Set((await ourPolicies(kernel)).map(policyKey));
  const missing = policies.filter((policy) => !standing.has(policyKey(policy)));
  const refused: { policy: Policy; refusal: KernelRefusal }[] = [];
  for (const policy of missing) {
    const answer = await kernel.request({ kind: "setPolicy", policy });
    if (answer.kind === "refused") refused.push({ policy, refusal: answer.refusal });
  }
  const stood = policies.length - missing.length;
  return { installed: missing.length - refused.length, stood, foreign: standing.size - stood, refused };
}

/** Deletes every policy of ours and counts them; throws PolicyRefused. */
export async function removeOurPolicies(kernel: Kernel): Promise<number> {
  const policies = await ourPolicies(kernel);
  let removed = 0;
  for (const { selector, direction } of policies) {
    const answer = await kernel.request({ kind: "deletePolicy", selector, direction });
    if (answer.kind === "done") removed += 1;
    // Gone already: somebody else deleted it meanwhile.
    else if (answer.kind === "refused" && answer.refusal.errno !== "ENOENT")
      throw new PolicyRefused(answer.refusal, "delete a policy");
  }
  return removed;
}

async function ourPolicies(kernel: Kernel): Promise<readonly Policy[]> {
  const answer = await kernel.request({ kind: "listPolicies" });
  if (answer.kind === "policies") return answer.policies;
  if (answer.kind === "refused") throw new PolicyRefused(answer.refusal, "list its policies");
  throw new Error(`a kernel answered listPolicies with ${answer.kind}`);
}
