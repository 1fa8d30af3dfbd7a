import { describe, expect, test } from "vitest";
import type { ChildSuite } from "../../../src/negotiate/suite.ts";
import type { ChildDesired } from "../../../src/sa/desired.ts";
import { rekeyRetry, softLimits } from "../../../src/sa/lifetime.ts";
import { peer } from "../engine/desired.ts";
import { a, b } from "../engine/pair.ts";

const [gre] = peer(a, b).children;
if (gre === undefined) throw new Error("no child");

const lowest = (length: number) => new Uint8Array(length);
const highest = (length: number) => new Uint8Array(length).fill(0xff);
const soft = { seconds: 1_000, bytes: 1_000_000n, packets: 1_000_000n };

function limits(role: "initiator" | "responder", random: (length: number) => Uint8Array, esn = 1, limited = soft) {
  const child: ChildDesired = { ...(gre as ChildDesired), soft: limited };
  return softLimits(child, { esn: { ikev2: esn } } as ChildSuite, role, random);
}

describe("a soft limit, jittered (RFC 7296 2.8.1)", () => {
  test("comes up to a tenth early, at the end that asked for the SA in the earlier half of that", () => {
    expect(limits("responder", lowest)).toEqual({ seconds: 1_000, bytes: 1_000_000n, packets: 1_000_000n });
    expect(limits("responder", highest)?.seconds).toBeCloseTo(950, 1);
    expect(limits("initiator", lowest)).toEqual({ seconds: 950, bytes: 950_000n, packets: 950_000n });
    const earliest = limits("initiator", highest);
    expect(earliest?.seconds).toBeCloseTo(900, 1);
    expect(Number(earliest?.bytes)).toBeGreaterThanOrEqual(900_000);
    expect(Number(earliest?.bytes)).toBeLessThan(900_100);
    expect(earliest?.packets).toBe(earliest?.bytes);
  });

  test("comes before 32 bits have counted all packets, where sequence numbers are not extended (RFC 4303 3.3.3)", () => {
    const ceiling = 3n << 30n;
    const many = { ...soft, packets: 1n << 40n };
    expect(limits("responder", lowest, 0, many)?.packets).toBe(ceiling);
    expect(limits("responder", lowest, 1, many)?.packets).toBe(1n << 40n);
    expect(limits("responder", lowest, 0)?.packets).toBe(1_000_000n);
  });

  test("is none where the file says none", () => {
    expect(softLimits({ ...gre, soft: undefined }, { esn: { ikev2: 0 } } as ChildSuite, "initiator", lowest)).toBe(
      undefined,
    );
  });
});

test("a rekey that failed is tried again after two seconds, then twice as long each time up to a minute, a quarter less by chance", () => {
  const waits = (random: (length: number) => Uint8Array) =>
    [1, 2, 3, 4, 5, 6, 7, 500].map((n) => rekeyRetry(n, random));
  const longest = [2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1_000);
  expect(waits(lowest)).toEqual(longest);
  for (const [at, wait] of waits(highest).entries()) expect(wait / (longest[at] ?? 0)).toBeCloseTo(0.75, 3);
});
