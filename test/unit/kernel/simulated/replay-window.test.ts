import { describe, expect, it } from "vitest";
import { ReplayWindow } from "../../../../src/kernel/simulated/replay-window.ts";

describe("the replay window (RFC 4303 3.4.3)", () => {
  it("refuses what was seen, what is left of the window, and sequence number 0", () => {
    const window = new ReplayWindow(4);
    for (const sequence of [1n, 2n, 10n]) {
      expect(window.accepts(sequence)).toBe(true);
      window.advance(sequence);
    }
    expect(window.accepts(0n)).toBe(false);
    expect(window.accepts(10n)).toBe(false);
    expect(window.accepts(6n)).toBe(false);
    expect(window.accepts(7n)).toBe(true);
    window.advance(7n);
    expect(window.accepts(7n)).toBe(false);
    expect(window.accepts(8n)).toBe(true);
    expect(window.accepts(1000n)).toBe(true);
  });

  it("accepts everything with a size of 0", () => {
    const window = new ReplayWindow(0);
    window.advance(5n);
    expect(window.accepts(5n)).toBe(true);
  });
});
