/** What a NAT between the ends does to a Child SA. */
import type { Reason } from "../negotiate/reason.ts";
import { substituteAddresses } from "../negotiate/translated-selectors.ts";
import type { AnyIkeSa } from "./any-ike-sa.ts";
import type { ChildSa } from "./child-sa.ts";
import type { ChildDesired } from "./desired.ts";
import { isEncapsulated } from "./nat.ts";

/** Why the child cannot be had over a NAT; undefined where there is none, or where ESP in UDP carries it. */
export function natReason(sa: AnyIkeSa, child: ChildDesired): Reason | undefined {
  if (!isEncapsulated(sa.nat)) return undefined;
  // RFC 3715 2.1: AH authenticates the addresses that a NAT changes; and there is no AH in UDP.
  if (child.protocol === "ah" || child.ah !== undefined) return { code: "nat-forbids-ah", child: child.name };
  return undefined;
}

/** ESP in UDP (RFC 3948) where a NAT was found. */
export function encapsulationOf(sa: AnyIkeSa): ChildSa["encapsulation"] {
  if (!isEncapsulated(sa.nat)) return undefined;
  return { localPort: sa.path.local.port, remotePort: sa.path.remote.port };
}

/** The interval, in seconds, in which the kernel is to keep our NAT's mapping alive; undefined where it cannot or need not. */
export function kernelKeepalive(sa: AnyIkeSa): number | undefined {
  const interval = sa.peer?.nat.keepalive ?? 0;
  if (!sa.nat.local || interval === 0 || !sa.host.kernelKeepsAlive()) return undefined;
  return Math.ceil(interval / 1000);
}

/**
 * The selectors of an answer to us with the addresses of this end's view: in transport mode each end knows its own and
 * the peer's as its own packets have them (RFC 7296 2.23.1). Linux mends no checksum on the way in, but takes none of a
 * transport mode packet that came in UDP for wrong.
 */
export function asSeenHere<T extends Parameters<typeof substituteAddresses>[0]>(
  { nat, path }: AnyIkeSa,
  child: ChildDesired,
  answer: T,
): ReturnType<typeof substituteAddresses> {
  if (child.mode !== "transport") return answer;
  return substituteAddresses(answer, {
    initiator: nat.local ? path.local.address : undefined,
    responder: nat.remote ? path.remote.address : undefined,
  });
}
