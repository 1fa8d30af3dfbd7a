/** What a NAT between the ends does to a Child SA. */
import type { Reason } from "../negotiate/reason.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { ChildDesired } from "../sa/desired.ts";
import type { IkeSa } from "./ike-sa.ts";
import { isEncapsulated } from "./nat-detection.ts";

/** Why the child cannot be had over a NAT; undefined where there is none, or where ESP in UDP carries it. */
export function natReason(sa: IkeSa, child: ChildDesired): Reason | undefined {
  if (!isEncapsulated(sa.nat)) return undefined;
  // RFC 3715 2.1: AH authenticates the addresses that a NAT changes; and there is no AH in UDP.
  if (child.protocol === "ah") return { code: "nat-forbids-ah", child: child.name };
  // RFC 7296 2.23.1: checksums and selectors would need the original addresses.
  if (child.mode === "transport") return { code: "nat-forbids-transport", child: child.name };
  return undefined;
}

/** ESP in UDP (RFC 3948) where a NAT was found. */
export function encapsulationOf(sa: IkeSa): ChildSa["encapsulation"] {
  if (!isEncapsulated(sa.nat)) return undefined;
  return { localPort: sa.path.local.port, remotePort: sa.path.remote.port };
}

/** The interval, in seconds, in which the kernel is to keep our NAT's mapping alive; undefined where it cannot or need not. */
export function kernelKeepalive(sa: IkeSa): number | undefined {
  const interval = sa.peer?.nat.keepalive ?? 0;
  if (!sa.nat.local || interval === 0 || !sa.host.kernelKeepsAlive()) return undefined;
  return Math.ceil(interval / 1000);
}
