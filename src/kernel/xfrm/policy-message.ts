/** One policy of the port as a message to the kernel, and back. */

import { anyPrefix, familyOf } from "../../negotiate/address.ts";
import { formatSelector, type Selector } from "../../negotiate/selector.ts";
import { type DIRECTION, POLICY_FLAG, type PolicyInput, type Policy as XfrmPolicy } from "../../netlink-xfrm/index.ts";
import { isOurPolicy } from "../ownership.ts";
import type { Policy, PolicyDirection, PolicyTemplate } from "../port.ts";
import { selectorFromXfrm, selectorToXfrm } from "./selector-message.ts";

type XfrmDirection = keyof typeof DIRECTION;

/** The names that the kernel's interface has for the directions. */
export const directionToXfrm = { out: "out", in: "in", forward: "fwd" } as const satisfies Record<
  PolicyDirection,
  XfrmDirection
>;

/** The low three bits of a policy's index are its direction. */
export const directionBits = { in: 0, out: 1, forward: 2 } as const satisfies Record<PolicyDirection, number>;

/**
 * NEWPOLICY or UPDPOLICY of a policy.
 *
 * `icmp`: an ICMP error of this host about a packet that the policy covers goes the way of that packet's answer:
 * protected or not at all. Without the flag it would leave in clear and quote the packet.
 */
export function policyMessage(policy: Policy, index: number): PolicyInput {
  const { action } = policy;
  return {
    selector: selectorToXfrm(policy.selector),
    direction: directionToXfrm[policy.direction],
    priority: policy.priority,
    index,
    action: action.kind === "locked" ? "block" : "allow",
    flags: action.kind === "exempt" ? 0 : POLICY_FLAG.icmp,
    ...(action.kind === "protected" ? { templates: templateMessages(action.template, policy.direction) } : {}),
  };
}

/** A policy of ours that the kernel reports; undefined for one that we could not have installed. */
export function policyFromXfrm(policy: XfrmPolicy): Policy | undefined {
  const direction = directionFromXfrm(policy.direction);
  const action = actionFromXfrm(policy);
  if (direction === undefined || action === undefined) return undefined;
  return { selector: selectorFromXfrm(policy.selector), direction, priority: policy.priority, action };
}

/** Whether a policy that the kernel reports is ours. */
export function isOurs(policy: XfrmPolicy): boolean {
  return isOurPolicy(policy.index, templateReqids(policy));
}

/** Another owner's policy, so that the operator finds it: `ip xfrm policy` prints the same values. */
export function describePolicy(policy: XfrmPolicy): string {
  const templates = (policy.templates ?? []).map(
    (template) => `${template.protocol} ${template.mode} reqid ${template.reqid ?? 0}`,
  );
  const what = templates.length === 0 ? "" : ` with ${templates.join(" and ")}`;
  const selector = formatSelector(selectorFromXfrm(policy.selector));
  return `index ${policy.index}, dir ${policy.direction}, priority ${policy.priority}, action ${policy.action}${what}, for ${selector}`;
}

/**
 * From the inside out, as Linux goes through them on the way out: IPComp, ESP, AH. The first makes the tunnel, and the
 * others are in transport mode around it. On the way in IPComp may be missing (invariant 2: nothing else may): what is
 * short is not compressed.
 */
function templateMessages(template: PolicyTemplate, direction: PolicyDirection) {
  const { protocol, mode, reqid, source, destination } = template;
  const main = {
    source,
    destination,
    protocol,
    mode,
    reqid,
    family: familyOf(source) === 4 ? 2 : 10,
    optional: false,
  };
  const around = { ...main, mode: "transport" as const };
  return [
    ...(template.compressed === true ? [{ ...main, protocol: "comp" as const, optional: direction !== "out" }] : []),
    template.compressed === true ? around : main,
    ...(template.withAh === true ? [{ ...around, protocol: "ah" as const }] : []),
  ];
}

function directionFromXfrm(direction: XfrmPolicy["direction"]): PolicyDirection | undefined {
  switch (direction) {
    case "in":
    case "out":
      return direction;
    case "fwd":
      return "forward";
    default:
      return undefined;
  }
}

function actionFromXfrm(policy: XfrmPolicy): Policy["action"] | undefined {
  if (policy.action === "block") return { kind: "locked" };
  if (policy.action !== "allow") return undefined;
  const templates = policy.templates ?? [];
  if (templates.length === 0) return { kind: "exempt" };
  const compression = templates[0]?.protocol === "comp" ? templates[0] : undefined;
  const [first, around, ...more] = compression === undefined ? templates : templates.slice(1);
  if (first === undefined || more.length > 0 || first.optional === true || first.reqid === undefined) return undefined;
  if (around !== undefined && (around.protocol !== "ah" || first.protocol !== "esp" || around.optional === true))
    return undefined;
  const { protocol, reqid, family } = first;
  const { mode } = compression ?? first;
  if ((protocol !== "esp" && protocol !== "ah") || (mode !== "transport" && mode !== "tunnel")) return undefined;
  const any = anyPrefix(family === 10 ? 6 : 4).address;
  const { source = any, destination = any } = first;
  const companions = {
    ...(compression === undefined ? {} : { compressed: true as const }),
    ...(around === undefined ? {} : { withAh: true as const }),
  };
  return { kind: "protected", template: { protocol, mode, reqid, ...companions, source, destination } };
}

function templateReqids(policy: XfrmPolicy): number[] {
  return (policy.templates ?? []).flatMap(({ reqid }) => (reqid === undefined ? [] : [reqid]));
}

/** What names a policy in GETPOLICY and DELPOLICY by its selector. */
export function policyKey(selector: Selector, direction: PolicyDirection) {
  return { selector: selectorToXfrm(selector), direction: directionToXfrm[direction] };
}
