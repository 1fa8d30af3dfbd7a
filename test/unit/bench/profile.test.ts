import { describe, expect, test } from "vitest";
import { formatProfile, sumUp } from "../../bench/profile.ts";

const frame = (functionName: string, url = "") => ({ functionName, url });

describe("the profile of a responder", () => {
  const recorded = {
    nodes: [
      { id: 1, callFrame: frame("(root)"), children: [2, 3, 6] },
      { id: 2, callFrame: frame("(idle)") },
      { id: 3, callFrame: frame("handle", "file:///somewhere/src/engine/engine.js"), children: [4] },
      { id: 4, callFrame: frame("hash", "node:internal/crypto/hash"), children: [5] },
      { id: 5, callFrame: frame("digest") },
      { id: 6, callFrame: frame("doSend", "node:dgram") },
    ],
    samples: [2, 3, 4, 5, 6],
    timeDeltas: [1_000, 10, 20, 30, 40],
  };

  test("leaves out the time in which there was nothing to do", () => {
    const { byFunction } = sumUp(recorded);
    expect(byFunction.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1);
    expect(byFunction.map(({ what }) => what)).not.toContain("(idle)");
  });

  test("lays what Node does at the door of our folder that called it", () => {
    expect(sumUp(recorded).byFolder).toEqual([
      { what: "engine", share: 0.6 },
      { what: "Node and the system, called by nothing of ours", share: 0.4 },
    ]);
  });

  test("names who called a native function", () => {
    expect(formatProfile(sumUp(recorded))).toContain("| digest < hash node:internal/crypto/hash | 30.0 % |");
  });
});
