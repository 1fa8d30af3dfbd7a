import {
  type AttributeCodec,
  attributes,
  listOf,
  octetsAttribute,
  u32Attribute,
  type WithUnknown,
} from "../codec/attribute.ts";
import { body } from "../codec/body.ts";
import type { Dump, Request } from "../codec/request.ts";
import { type Mark, mark, type Offload, offload, policyType } from "./attributes.ts";
import { MAX_TEMPLATES, type PolicyType, XFRM_MSG, XFRMA } from "./constants.ts";
import { type PolicyId, type PolicyInfo, policyId, policyInfo, type Template, template } from "./structs.ts";

/** What a policy may have beside its fixed part. */
export interface PolicyAttributes {
  /** The transforms that a packet goes through, in this order on the way out; none at all lets packets pass in clear. */
  templates?: readonly Partial<Template>[];
  /** Part of the selector: only packets so marked match. */
  mark?: Mark;
  /** XFRM interface. */
  ifId?: number;
  type?: PolicyType | number;
  offload?: Offload;
  /** As the kernel gave it: `struct xfrm_user_sec_ctx`. */
  securityContext?: Uint8Array;
}

const templates: AttributeCodec<readonly Partial<Template>[]> = listOf(template, MAX_TEMPLATES);

/** The attributes of NEWPOLICY and UPDPOLICY. */
export const policyAttributes = attributes<PolicyAttributes>("policy", {
  type: [XFRMA.policyType, policyType],
  templates: [XFRMA.template, templates],
  mark: [XFRMA.mark, mark],
  ifId: [XFRMA.ifId, u32Attribute],
  offload: [XFRMA.offloadDevice, offload],
  securityContext: [XFRMA.securityContext, octetsAttribute],
});

/** A policy as the kernel tells it. */
export type Policy = PolicyInfo & PolicyAttributes & WithUnknown;

/** A policy to be installed: selector, direction, action, priority and templates at least. */
export type PolicyInput = Partial<PolicyInfo & PolicyAttributes>;

/** Payload of NEWPOLICY, UPDPOLICY and of the answers that carry a policy. */
export const policyBody = body(policyInfo, policyAttributes);

/** Adds a policy; EEXIST where one with this selector, direction, mark and interface is there, whatever its priority. */
export function newPolicy(policy: PolicyInput): Request<void> {
  return {
    name: "XFRM_MSG_NEWPOLICY",
    type: XFRM_MSG.newPolicy,
    flags: 0,
    write: (writer) => policyBody.write(writer, policy),
  };
}

/** Replaces the policy with this selector in place and keeps its index, or adds it. */
export function updPolicy(policy: PolicyInput): Request<void> {
  return {
    name: "XFRM_MSG_UPDPOLICY",
    type: XFRM_MSG.updPolicy,
    flags: 0,
    write: (writer) => policyBody.write(writer, policy),
  };
}

type PolicyIdAttributes = Pick<PolicyAttributes, "mark" | "ifId" | "type" | "securityContext">;

/** What names a policy in GETPOLICY and DELPOLICY: direction with index, or with selector; mark, ifId, type where it has them. */
export type PolicyKey = Partial<PolicyId & PolicyIdAttributes>;

const policyIdBody = body(
  policyId,
  attributes<PolicyIdAttributes>("policy id", {
    type: [XFRMA.policyType, policyType],
    mark: [XFRMA.mark, mark],
    ifId: [XFRMA.ifId, u32Attribute],
    securityContext: [XFRMA.securityContext, octetsAttribute],
  }),
);

/** Reads one policy; ENOENT where there is none. */
export function getPolicy(key: PolicyKey): Request<Policy> {
  return {
    name: "XFRM_MSG_GETPOLICY",
    type: XFRM_MSG.getPolicy,
    flags: 0,
    write: (writer) => policyIdBody.write(writer, key),
    reply: { type: XFRM_MSG.newPolicy, read: (message) => policyBody.read(message) },
  };
}

/** Deletes one policy; ENOENT where there is none. */
export function delPolicy(key: PolicyKey): Request<void> {
  return {
    name: "XFRM_MSG_DELPOLICY",
    type: XFRM_MSG.delPolicy,
    flags: 0,
    write: (writer) => policyIdBody.write(writer, key),
  };
}

/** Lists the policies of all directions; socket policies are among them (their index says so: see `isSocketPolicy`). */
export function dumpPolicies(): Dump<Policy> {
  return {
    name: "XFRM_MSG_GETPOLICY dump",
    type: XFRM_MSG.getPolicy,
    itemType: XFRM_MSG.newPolicy,
    write() {},
    read: (message) => policyBody.read(message),
  };
}

/** Whether a policy hangs on one socket (the low three bits of its index are 3 or more): those are not to be deleted. */
export function isSocketPolicy(policy: Pick<PolicyInfo, "index">): boolean {
  return (policy.index & 7) >= 3;
}
