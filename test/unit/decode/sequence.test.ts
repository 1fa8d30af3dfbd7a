import { expect, it } from "vitest";
import { SequenceTracker } from "../../../src/decode/sequence.ts";

/** What is said of each number, one after the other. */
function said(...numbers: number[]): string[] {
  const tracker = new SequenceTracker();
  return numbers.map((number) => {
    const found = tracker.take(number);
    return found.kind === "gap" ? `gap of ${found.missing}` : found.kind;
  });
}

it.each<[string, number[], string[]]>([
  ["one after the other", [1, 2, 3], ["usual", "usual", "usual"]],
  ["a capture that begins in the middle", [500, 501], ["usual", "usual"]],
  ["numbers that are missing, and how many", [1, 3, 10], ["usual", "gap of 1", "gap of 6"]],
  ["one that was overtaken, and comes again", [1, 3, 2, 2, 3], ["usual", "gap of 1", "late", "replay", "replay"]],
  ["the first packet again", [1, 1], ["usual", "replay"]],
  ["a number that no packet has", [0, 1], ["zero", "usual"]],
  ["one that is too old to be known", [1, 100_000, 1], ["usual", "gap of 99998", "late"]],
  ["the lower half of an extended number beginning anew", [0xffff_ffff, 0, 1], ["usual", "usual", "usual"]],
])("%s", (_, numbers, wanted) => expect(said(...numbers)).toEqual(wanted));

it("knows the upper half of extended numbers, also for one that is late", () => {
  const tracker = new SequenceTracker();
  tracker.take(0xffff_fffe);
  expect([tracker.highFor(0xffff_ffff), tracker.highFor(3)]).toEqual([0, 1]);
  tracker.take(3);
  expect(tracker.highFor(4)).toBe(1);
});
