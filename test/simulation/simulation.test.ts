import { expect, test } from "vitest";
import { generate } from "./generate.ts";
import { simulate } from "./simulation.ts";
import { tellFailure } from "./story.ts";

/** More of them: `npm run simulate`. */
const seeds = 60;

test(`${seeds} stories of two ends and more: no invariant is broken`, () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const scenario = generate(seed);
    const { failure } = simulate(scenario);
    if (failure !== undefined) expect.fail(tellFailure(scenario, failure));
  }
}, 120_000);

test("a seed tells the same story each time, to the octet", () => {
  for (const seed of [3, 10, 20]) {
    const [one, other] = [simulate(generate(seed)), simulate(generate(seed))];
    expect(other).toEqual(one);
    expect(one.counts.owed).toBeGreaterThan(0);
    expect(simulate(generate(seed + 1)).digest).not.toBe(one.digest);
  }
});
