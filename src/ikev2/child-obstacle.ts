import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { natReason } from "../sa/child-nat.ts";
import type { ChildDesired } from "../sa/desired.ts";

/** Why a child cannot be had in IKEv2, or over a NAT; undefined where it can. A proposal of IKEv2 has one protocol (RFC 7296 3.3). */
export function childObstacle(sa: AnyIkeSa, child: ChildDesired): Reason | undefined {
  if (child.ah !== undefined) return { code: "ikev1-alone", child: child.name };
  return natReason(sa, child);
}
