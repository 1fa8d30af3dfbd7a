/** Policies of the real kernel, each changed in place between its states and never another owner's. */

import type { Selector } from "../../negotiate/selector.ts";
import {
  delPolicy,
  dumpPolicies,
  getPolicy,
  isSocketPolicy,
  newPolicy,
  updPolicy,
  type Policy as XfrmPolicy,
} from "../../netlink-xfrm/index.ts";
import type { KernelAnswer, KernelRequest, Policy, PolicyDirection } from "../port.ts";
import { canonicalSelector, refused } from "../request-check.ts";
import { policyIndex } from "./policy-index.ts";
import { describePolicy, directionToXfrm, isOurs, policyFromXfrm, policyKey, policyMessage } from "./policy-message.ts";
import { unless } from "./refusal.ts";
import type { XfrmSocket } from "./xfrm-socket.ts";

type RequestOf<K extends KernelRequest["kind"]> = Extract<KernelRequest, { kind: K }>;

export class PoliciesOfKernel {
  readonly #socket: XfrmSocket;

  constructor(socket: XfrmSocket) {
    this.#socket = socket;
  }

  set(request: RequestOf<"setPolicy">): KernelAnswer {
    const policy = { ...request.policy, selector: canonicalSelector(request.policy.selector) };
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const standing = this.#find(policy.selector, policy.direction);
      if (standing !== undefined) return this.#change(standing, policy);
      const index = this.#freeIndex(policy, attempt);
      // EEXIST: somebody came in between, and the next look says who.
      if (index === undefined || this.#insert(policy, index) === undefined) continue;
      const inserted = this.#find(policy.selector, policy.direction);
      if (inserted?.index === index) return done;
      // The index was taken in between and the kernel chose another in silence: as it stands, nobody would know it for ours.
      if (inserted !== undefined) this.#remove(inserted);
    }
    return refused("setPolicy", "EBUSY", `no policy index of ours could be had in ${maxAttempts} attempts`);
  }

  delete({ selector, direction }: RequestOf<"deletePolicy">): KernelAnswer {
    const standing = this.#socket.request(getPolicy(policyKey(canonicalSelector(selector), direction)));
    if (!isOurs(standing))
      return refused(
        "deletePolicy",
        "ENOENT",
        `the policy with this selector is another owner's: ${describePolicy(standing)}`,
      );
    this.#remove(standing);
    return done;
  }

  async list(): Promise<KernelAnswer> {
    const found = await this.#socket.dumpAsync(dumpPolicies());
    const policies = found.filter((policy) => !isSocketPolicy(policy) && isOurs(policy)).map(policyFromXfrm);
    return { kind: "policies", policies: policies.filter((policy): policy is Policy => policy !== undefined) };
  }

  #change(standing: XfrmPolicy, policy: Policy): KernelAnswer {
    if (!isOurs(standing))
      return refused("setPolicy", "EEXIST", `another owner's policy has this selector: ${describePolicy(standing)}`);
    this.#socket.request(updPolicy(policyMessage(policy, standing.index)));
    return done;
  }

  /** Undefined where a policy with this selector has appeared. */
  #insert(policy: Policy, index: number): true | undefined {
    return unless(["EEXIST"], () => {
      this.#socket.request(newPolicy(policyMessage(policy, index)));
      return true as const;
    });
  }

  #find(selector: Selector, direction: PolicyDirection): XfrmPolicy | undefined {
    return unless(["ENOENT"], () => this.#socket.request(getPolicy(policyKey(selector, direction))));
  }

  /** An index that nobody has, or undefined where many in a row are taken. */
  #freeIndex({ selector, direction }: Policy, attempt: number): number | undefined {
    for (let probe = 0; probe < maxProbes; probe += 1) {
      const index = policyIndex(selector, direction, attempt * maxProbes + probe);
      const key = { index, direction: directionToXfrm[direction] };
      if (unless(["ENOENT"], () => this.#socket.request(getPolicy(key))) === undefined) return index;
    }
    return undefined;
  }

  /** By index, so that it cannot hit a policy that another owner has put in this one's place. */
  #remove({ index, direction }: XfrmPolicy): void {
    this.#socket.request(delPolicy({ index, direction }));
  }
}

const done: KernelAnswer = { kind: "done" };
const maxAttempts = 8;
const maxProbes = 64;
