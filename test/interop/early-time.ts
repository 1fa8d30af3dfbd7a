// The time in which strongSwan sends on SAs that its peer cannot have yet, from the logs of both ends.

/**
 * Seconds, all Child SAs of our daemon's last run together, from strongSwan's having made one as responder to our having it:
 * it sends at once, though its answer is still on its way, or waits for the guest's one processor (RFC 7296 2.8 asks for
 * patience only where an SA is replaced).
 */
export function earlyTime(theirs: string, ours: string): number {
  const made = new Map<string | undefined, number>();
  for (const line of ours.slice(ours.lastIndexOf('"daemon-started"')).split("\n")) {
    if (line.includes('"child-sa-up"')) made.set(/"spiIn":"([0-9a-f]{8})"/.exec(line)?.[1], secondsOf(line));
  }
  let sum = 0;
  for (const line of theirs.split("\n").filter((one) => / CHILD_SA .* established /.test(one))) {
    const at = made.get(/ ([0-9a-f]{8})_o /.exec(line)?.[1]);
    if (at !== undefined) sum += Math.max(0, at - secondsOf(line));
  }
  return sum;
}

/** Seconds of the day. */
function secondsOf(line: string): number {
  const [, hours = Number.NaN, minutes = 0, seconds = 0] = (/(\d\d):(\d\d):(\d\d\.\d+)/.exec(line) ?? []).map(Number);
  return (hours * 60 + minutes) * 60 + seconds;
}
