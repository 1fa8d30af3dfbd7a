/** Signs of life: what the peer sends, IKE or ESP, is one; where there is none it is asked for one (RFC 7296 2.4). */
import type { AnyIkeSa } from "./any-ike-sa.ts";

/** How often the kernel is asked how its SAs stand where the peer is not to be asked for signs of life, in ms. */
const lookInterval = 30_000;

/**
 * Packets prove that the peer's kernel lives. That its daemon still has the IKE SA they do not: one that restarted goes on
 * with the Child SAs that it finds. So it is asked so many times less often all the same.
 */
const daemonFactor = 4;

/** What the Child SAs carried since the last look. */
export interface Traffic {
  readonly received: boolean;
  readonly sent: boolean;
}

/** Begins to watch an IKE SA that has just come to stand. */
export function watchLiveness(sa: AnyIkeSa): void {
  sa.lastLooked = sa.host.now();
  sa.host.arm(sa, "liveness", sa.lastLooked + intervalOf(sa));
}

/** The timer has come: the kernel is asked whether the Child SAs still stand, and what they have carried. */
export function checkLiveness(sa: AnyIkeSa): void {
  if (sa.state.kind !== "Established") return;
  const before = sa.lastLooked;
  sa.lastLooked = sa.host.now();
  sa.host.arm(sa, "liveness", sa.lastLooked + intervalOf(sa));
  sa.host.inspect(sa, (traffic) => judge(sa, before, traffic));
}

/** Looks twice in an interval: of what came between two looks, only the earlier of them is certain not to be too late. */
function judge(sa: AnyIkeSa, before: number, { received, sent }: Traffic): void {
  const liveness = livenessOf(sa);
  if (sa.state.kind !== "Established" || liveness === 0) return;
  const now = sa.host.now();
  if (received) sa.lastReceived = before;
  // RFC 7296 2.4: where only we send, it is essential to know whether the peer still lives.
  const patience = sent && !received ? liveness / 2 : liveness;
  const due = Math.min(Math.max(sa.lastHeard, sa.lastReceived) + patience, sa.lastHeard + liveness * daemonFactor);
  if (due > now) return sa.host.arm(sa, "liveness", Math.min(due, now + intervalOf(sa)));
  if (!sa.isRequesting) sa.dialect.askForLife();
}

function intervalOf(sa: AnyIkeSa): number {
  const liveness = livenessOf(sa);
  return liveness === 0 ? lookInterval : liveness / 2;
}

function livenessOf(sa: AnyIkeSa): number {
  return sa.peer?.timing.liveness ?? 0;
}
