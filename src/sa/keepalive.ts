/** Keeping a NAT's mapping alive from the end that sits behind it (RFC 3948 2.3, 4). */

import type { AnyIkeSa } from "./any-ike-sa.ts";
import { outboundId } from "./child-sa.ts";

/** What was last seen leaving on one IKE SA and its Child SAs. Exists only behind a NAT. */
export interface Outgoing {
  /** Not earlier than this, in ms of the engine's clock, something left. */
  at: number;
  /** Packets that the outbound SAs had carried at the last look, and when that was. */
  packets: bigint;
  looked: number;
}

/** One octet that is no message and no ESP, and that no receiver answers. */
export const keepaliveOctets: Uint8Array = Uint8Array.of(0xff);

/** Begins to keep the mapping alive, where there is one: the other end has told that our address is translated. */
export function watchKeepalive(sa: AnyIkeSa): void {
  const interval = intervalOf(sa);
  if (interval === 0 || !sa.nat.local) return sa.host.disarm(sa, "keepalive");
  const now = sa.host.now();
  sa.outgoing = { at: now, packets: 0n, looked: now };
  sa.host.arm(sa, "keepalive", now + interval / 2);
}

/**
 * The timer has come: looks at what left since the last look, and sends a keepalive where nothing did for the interval.
 * Looks twice in an interval: of what left between two looks, only the earlier of them is certain not to be too late.
 */
export function checkKeepalive(sa: AnyIkeSa): void {
  const { outgoing } = sa;
  if (outgoing === undefined || sa.state.kind !== "Established" || intervalOf(sa) === 0) return;
  // The kernel does it for what leaves on the same port, and knows better what has left.
  if ([...sa.children.values()].some((child) => child.keepalive !== undefined && sa.children.sendsOn(child))) {
    outgoing.at = sa.host.now();
    return sa.host.arm(sa, "keepalive", outgoing.at + intervalOf(sa) / 2);
  }
  const queries = [...sa.children.values()]
    .filter((child) => sa.children.sendsOn(child))
    .map((child) => ({ kind: "querySa", sa: outboundId(child) }) as const);
  if (queries.length === 0) return judge(sa, outgoing, 0n);
  sa.host.kernel(queries, (answers) => {
    let packets = 0n;
    for (const answer of answers) if (answer.kind === "usage") packets += answer.usage.packets;
    judge(sa, outgoing, packets);
  });
}

function judge(sa: AnyIkeSa, outgoing: Outgoing, packets: bigint): void {
  if (sa.state.kind !== "Established" || sa.outgoing !== outgoing) return;
  const now = sa.host.now();
  const interval = intervalOf(sa);
  // A sum that fell is that of other SAs, which a rekey brought: nothing is known of what left.
  if (packets > outgoing.packets) outgoing.at = Math.max(outgoing.at, outgoing.looked);
  outgoing.at = Math.max(outgoing.at, sa.lastSent);
  outgoing.packets = packets;
  outgoing.looked = now;
  if (outgoing.at + interval <= now) {
    sa.host.send(keepaliveOctets, sa.path);
    outgoing.at = now;
  }
  sa.host.arm(sa, "keepalive", Math.min(outgoing.at + interval, now + interval / 2));
}

function intervalOf(sa: AnyIkeSa): number {
  return sa.peer?.nat.keepalive ?? 0;
}
