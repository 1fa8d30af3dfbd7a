/** The bench's arithmetic. */

/** The middle of the samples; of an even number the mean of the middle two. NaN of none. */
export function median(samples: readonly number[]): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** The median of the quotients of samples that were taken one right after the other. */
export function pairedRatio(numerators: readonly number[], denominators: readonly number[]): number {
  return median(numerators.map((numerator, i) => numerator / (denominators[i] ?? Number.NaN)));
}

/** By how much the dearest of several costs exceeds the cheapest: 0.1 is ten per cent. */
export function spread(costs: readonly number[]): number {
  return Math.max(...costs) / Math.min(...costs) - 1;
}

/** How many handshakes take about `seconds`, when `count` of them took `took`; within the bounds. */
export function countFor(
  seconds: number,
  { count, took }: { readonly count: number; readonly took: number },
  { min, max }: { readonly min: number; readonly max: number },
): number {
  return Math.min(max, Math.max(min, Math.round((count / took) * seconds)));
}

/** A number with so many significant digits, for people and for JSON. */
export function rounded(value: number, digits = 4): number {
  return Number(value.toPrecision(digits));
}
