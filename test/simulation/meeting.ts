/** Whether two ends whose sections differ in the version of IKE can come to an agreement at all. */
import type { Ikev1Plan, Peering } from "./scenario.ts";

type Policy = Ikev1Plan["policies"][number];

/** Whether one of the two calls in a way that the other takes. */
export function canMeet({ ikev1, initiate }: Peering): boolean {
  if (ikev1 === undefined) return true;
  const [one, other] = ikev1.policies;
  return (initiate[0] && takes(other, callOf(one))) || (initiate[1] && takes(one, callOf(other)));
}

type Call = "IKEv2" | "main" | "aggressive";

function callOf(policy: Policy): Call {
  return policy === "off" || policy === "accept" ? "IKEv2" : policy;
}

function takes(policy: Policy, call: Call): boolean {
  if (call === "IKEv2") return true;
  return call === "main" ? policy !== "off" : policy === "aggressive";
}
