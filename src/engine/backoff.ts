import type { PeerTiming } from "../sa/desired.ts";

/** The wait before the next try after `failures` failures, in ms: doubling, bounded, up to a quarter shorter by chance. */
export function backoff(timing: PeerTiming, failures: number, random: (length: number) => Uint8Array): number {
  const doubled = timing.retryFirst * 2 ** Math.min(failures - 1, 30);
  const wait = Math.min(Math.max(doubled, timing.retryFirst), timing.retryLongest);
  // Many peers that were lost at once must not all come back at once.
  return wait - (wait / 4) * ((random(1)[0] ?? 0) / 256);
}
