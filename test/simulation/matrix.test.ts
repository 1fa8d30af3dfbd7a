import { expect, test } from "vitest";
import { type Cell, cells, operations, timings } from "./matrix.ts";
import { Simulation } from "./simulation.ts";
import { tellFailure } from "./story.ts";

const all = cells();
const pairs = operations.flatMap((ours) => operations.map((theirs) => ({ ours, theirs })));

/** Tells the cells, holds each to every invariant of the simulator, and to the nonces that it is named after. */
function hold(some: readonly Cell[]): { readonly fourNonces: number } {
  let fourNonces = 0;
  for (const { scenario } of some) {
    const world = new Simulation(scenario);
    const failure = world.tell();
    if (failure !== undefined) expect.fail(tellFailure(scenario, failure));
    expect(world.counts.owed).toBeGreaterThan(0);
    const wanted = scenario.forced?.nonces ?? [];
    // What never went out had become needless: the other end was quicker.
    world.nonces.forEach((nonce, slot) => {
      if (nonce !== undefined && wanted[slot] !== 255) expect(nonce, scenario.theme).toBe(wanted[slot]);
    });
    if (world.nonces.every((nonce) => nonce !== undefined)) fourNonces += 1;
  }
  return { fourNonces };
}

test("the matrix is whole", () => {
  expect(all).toHaveLength(2_896);
  for (const { ours, theirs } of pairs) {
    for (const timing of timings) {
      const some = all.filter((cell) => cell.ours === ours && cell.theirs === theirs && cell.timing === timing);
      const withNonces = some[0]?.withNonces.filter(Boolean).length ?? 0;
      const orders = [1, 2, 24][withNonces] ?? 0;
      const guessable = some[0]?.withNonces[0] === true;
      expect(some.length, `${ours} x ${theirs}, ${timing}`).toBe(
        timing === "INVALID_KE first" && !guessable ? 0 : orders * 2,
      );
      expect(new Set(some.map(({ scenario }) => scenario.forced?.nonces.join())).size).toBe(some.length / 2);
    }
  }
});

test.each(pairs)(
  "$ours x $theirs: however they cross, whatever is late or lost, whichever nonce is the lowest",
  ({ ours, theirs }) => {
    const some = all.filter((cell) => cell.ours === ours && cell.theirs === theirs);
    const { fourNonces } = hold(some);
    const canCross = some.every(({ withNonces }) => withNonces.every(Boolean));
    if (canCross) expect(fourNonces).toBeGreaterThanOrEqual(some.length / 2);
  },
  120_000,
);
