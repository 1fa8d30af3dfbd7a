/** What an engine must bear, whichever version its peer speaks: messages that nobody has proved, and a peer that means ill. */
import { expect, vi } from "vitest";
import { Trail } from "../../../src/wire/trail.ts";
import type { Rng } from "../../fuzz/mutate.ts";
import { newRng } from "../wire/mutation-campaign.ts";
import { larval, standing } from "./pair.ts";
import type { End } from "./world.ts";

/** A peer on strings, of either version. */
export interface Attacker {
  readonly end: End;
  inject(octets: Uint8Array): void;
}

/** An engine in some state: by name, how it comes there, and whether it is established. */
export type Target<P extends Attacker> = readonly [name: string, make: () => P, isUp: boolean];

/** One IKE SA and one pair of SAs. */
export function stands(end: End): boolean {
  const status = end.peer();
  return status.state === "up" && status.ikeSas.length === 1 && status.children[0]?.sas.length === 1;
}

/**
 * Shows an engine changed messages that nobody has proved: no exception, at most `mostSteps` of reading for so many octets, and
 * nothing that is established is touched.
 */
export function sayUnproved<P extends Attacker>(
  [, make, isUp]: Target<P>,
  inputs: readonly Uint8Array[],
  runs: number,
  change: (rng: Rng, input: Uint8Array, one: P) => Uint8Array,
  mostSteps: (octets: number) => number,
): void {
  const rng = newRng();
  const entered = vi.spyOn(Trail.prototype, "enter");
  let one = make();
  let status = "";
  const fresh = (): void => {
    one = make();
    status = JSON.stringify([one.end.engine.status(), one.end.kernel.journal.length]);
  };
  fresh();
  for (let run = 0; run < runs; run += 1) {
    // What is not established may be moved by a message that happens to be right.
    if (!isUp && run % 200 === 199) fresh();
    const input = inputs[run % inputs.length];
    if (input === undefined) throw new Error("no recorded messages");
    const octets = change(rng, input, one);
    entered.mockClear();
    one.inject(octets);
    const steps = entered.mock.calls.length;
    if (steps > mostSteps(octets.length)) throw new Error(`${steps} steps for ${Buffer.from(octets).toString("hex")}`);
    if (isUp && run % 100 === 0)
      expect(JSON.stringify([one.end.engine.status(), one.end.kernel.journal.length])).toBe(status);
    expect(one.end.mostEffects).toBeLessThan(16);
  }
  entered.mockRestore();
  if (isUp) {
    expect(stands(one.end)).toBe(true);
    expect(one.end.kernel.journal.filter(({ kind }) => kind === "deleteSa")).toEqual([]);
  }
}

/** How an attack of an authenticated peer runs. */
export interface Assault<P extends Attacker> {
  readonly runs: number;
  /** Says something, with as many runs before. */
  say(one: P, rng: Rng, run: number): void;
  /** What is still to come when the IKE SA is over. */
  over?(one: P): void;
  /** SAs that may stand in the kernel. */
  readonly mostStanding: number;
}

/** Has an authenticated peer say what it will: no exception, bounded work, nothing is left over when its IKE SA ends. */
export function sayProved<P extends Attacker>(make: () => P, { runs, say, over, mostStanding }: Assault<P>): void {
  const rng = newRng();
  let one = make();
  let lives = 1;
  for (let run = 0; run < runs; run += 1) {
    if (one.end.peer().ikeSas.length === 0) {
      over?.(one);
      expect(standing(one.end)).toEqual([]);
      expect(larval(one.end)).toBe(0);
      one = make();
      lives += 1;
    }
    say(one, rng, run);
    expect(one.end.mostEffects).toBeLessThan(32);
    expect(one.end.mostRequests).toBeLessThan(32);
    expect(standing(one.end).length).toBeLessThanOrEqual(mostStanding);
  }
  // Both kinds of ends must be reached, or this tests nothing.
  expect(lives).toBeGreaterThan(5);
  expect(lives).toBeLessThan(runs);
}
