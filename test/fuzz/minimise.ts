/** The least input that still fails: octets are taken away in ever smaller pieces, then made zero. */
export function minimise(input: Uint8Array, fails: (input: Uint8Array) => boolean, attempts = 4000): Uint8Array {
  let best = input;
  let left = attempts;
  for (let size = best.length >> 1; size > 0; size >>= 1) {
    for (let at = 0; at + size <= best.length && left > 0; left -= 1) {
      const shorter = Buffer.concat([best.subarray(0, at), best.subarray(at + size)]);
      if (fails(shorter)) best = shorter;
      else at += size;
    }
  }
  for (let at = 0; at < best.length && left > 0; at += 1) {
    if (best[at] === 0) continue;
    left -= 1;
    const plainer = Buffer.from(best);
    plainer[at] = 0;
    if (fails(plainer)) best = plainer;
  }
  return best;
}
