/** When SAs are replaced (RFC 7296 2.8), and when a replacement that failed is tried again. */
import type { SaLimits } from "../kernel/port.ts";
import type { ChildSuite } from "../negotiate/suite.ts";
import type { ChildDesired } from "./desired.ts";

/** The wait after the first rekey that failed, and the longest, in ms (RFC 7296 2.25: never at once). */
const firstRetry = 2_000;
const longestRetry = 60_000;

/** Packets of an SA without extended sequence numbers: three quarters of what 32 bits count (RFC 4303 3.3.3). */
const sequenceLimit = 3n << 30n;

/** Up to this share of a limit is taken off by chance, so that many SAs of one age are not replaced at once. */
const jitter = 0.1;

/**
 * The limits at which a new Child SA is to be replaced. RFC 7296 2.8.1: jittered, against both ends' rekeying at once; the
 * end that asked for the Child SA takes the earlier half of the range, so that two ends of our kind hardly ever collide.
 */
export function softLimits(
  child: ChildDesired,
  suite: ChildSuite,
  role: "initiator" | "responder",
  random: (length: number) => Uint8Array,
): SaLimits | undefined {
  const { soft } = child;
  if (soft === undefined) return undefined;
  const share = jittered(role, random);
  const millionths = BigInt(Math.floor(share * 1_000_000));
  const shorten = (limit: bigint | undefined) => (limit === undefined ? undefined : (limit * millionths) / 1_000_000n);
  const packets =
    suite.esn.ikev2 === 1 || (soft.packets ?? sequenceLimit) < sequenceLimit ? soft.packets : sequenceLimit;
  return { seconds: soft.seconds * share, bytes: shorten(soft.bytes), packets: shorten(packets) };
}

/** What is left of a limit after jitter: a share between 0.9 and 1. */
export function jittered(role: "initiator" | "responder", random: (length: number) => Uint8Array): number {
  return 1 - (jitter / 2) * (chance(random) + (role === "initiator" ? 1 : 0));
}

/** The wait before the next try after `failures` rekeys that failed, in ms: doubling, up to a quarter shorter by chance. */
export function rekeyRetry(failures: number, random: (length: number) => Uint8Array): number {
  const wait = Math.min(firstRetry * 2 ** Math.min(failures - 1, 20), longestRetry);
  return wait - (wait / 4) * chance(random);
}

/** At least 0, less than 1. */
function chance(random: (length: number) => Uint8Array): number {
  const [high = 0, low = 0] = random(2);
  return (high * 256 + low) / 65_536;
}
