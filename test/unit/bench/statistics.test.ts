import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countFor, median, pairedRatio, rounded, spread } from "../../bench/statistics.ts";

describe("the bench's arithmetic", () => {
  test("the median is the middle of the sorted samples, and of two middles the mean", () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([10, 2, 9, 100])).toBe(9.5);
    expect(median([])).toBeNaN();
  });

  test("half of the samples lie on each side of the median, in whatever order they came", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1e6 }), { minLength: 1 }), (samples) => {
        const middle = median(samples);
        const below = samples.filter((sample) => sample < middle).length;
        const above = samples.filter((sample) => sample > middle).length;
        expect(Math.max(below, above)).toBeLessThanOrEqual(samples.length / 2);
      }),
    );
  });

  test("a ratio is that of neighbouring samples: a slow moment that met both does not show", () => {
    expect(pairedRatio([100, 20, 100], [50, 10, 50])).toBe(2);
    // The quotient of the medians would say 2 here.
    expect(pairedRatio([100, 100, 10], [50, 100, 10])).toBe(1);
  });

  test("a spread is the excess of the dearest over the cheapest", () => {
    expect(spread([200, 210, 220])).toBeCloseTo(0.1);
    expect(spread([5, 5])).toBe(0);
  });

  test("a count for a time follows from a sample, within its bounds", () => {
    const bounds = { min: 50, max: 8000 };
    expect(countFor(2, { count: 500, took: 0.25 }, bounds)).toBe(4000);
    expect(countFor(2, { count: 1, took: 1 }, bounds)).toBe(50);
    expect(countFor(2, { count: 1000, took: 0.1 }, bounds)).toBe(8000);
  });

  test("figures keep their significant digits", () => {
    expect(rounded(2361.456)).toBe(2361);
    expect(rounded(0.33451, 3)).toBe(0.335);
  });
});
