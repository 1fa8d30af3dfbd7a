import { describe, expect, test } from "vitest";
import { Intake } from "../../../src/daemon/intake.ts";
import type { Urgency } from "../../../src/engine/engine.ts";
import type { Path } from "../../../src/sa/path.ts";

const path: Path = { local: { address: "192.0.2.1", port: 500 }, remote: { address: "192.0.2.2", port: 500 } };

/** Octets that say how urgent they are; each first message takes `cost` ms. */
function intake(cost = 0.1) {
  const urgencies: readonly Urgency[] = ["session", "proven", "configured", "anybody"];
  const handled: Urgency[] = [];
  const told: number[] = [];
  const turns: (() => void)[] = [];
  let now = 0;
  const urgencyOf = (octets: Uint8Array): Urgency => urgencies[octets[0] ?? 0] ?? "anybody";
  const subject = new Intake({
    urgency: urgencyOf,
    handle: (octets) => {
      const urgency = urgencyOf(octets);
      handled.push(urgency);
      if (urgency !== "session") now += cost;
    },
    later: (work) => turns.push(work),
    clock: () => now,
    overflowed: (count) => told.push(count),
  });
  return {
    handled,
    told,
    turns,
    take: (urgency: Urgency) => subject.take(Uint8Array.of(urgencies.indexOf(urgency)), path),
    turn: () => turns.shift()?.(),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
  };
}

describe("a flood of first messages", () => {
  test("delays messages of IKE SAs that are there not at all: none of it is handled before them", () => {
    const { handled, take } = intake();
    for (let n = 0; n < 10_000; n += 1) {
      take("anybody");
      take("session");
    }
    expect(handled).toEqual(Array.from({ length: 10_000 }, () => "session"));
  });

  test("is worked on for half a millisecond at a time, and no more of it waits than the queue holds", () => {
    const { handled, take, turn, turns } = intake(0.1);
    for (let n = 0; n < 50_000; n += 1) take("anybody");
    expect(turns).toHaveLength(1);
    turn();
    expect(handled).toHaveLength(5);
    while (turns.length > 0) turn();
    expect(handled).toHaveLength(1_024);
  });

  test("from anywhere leaves two of three places to configured peers' addresses, and those with a cookie go first", () => {
    const { handled, take, turns, turn } = intake(0.001);
    for (let n = 0; n < 5_000; n += 1) take("anybody");
    for (let n = 0; n < 20; n += 1) take("configured");
    for (let n = 0; n < 5; n += 1) take("proven");
    while (turns.length > 0) turn();
    expect(handled.slice(0, 5)).toEqual(Array.from({ length: 5 }, () => "proven"));
    expect(handled.slice(5, 35).filter((urgency) => urgency === "configured")).toHaveLength(20);
  });

  test("that pretends to come from configured peers does not shut the others out", () => {
    const { handled, take, turns, turn } = intake(0.001);
    for (let n = 0; n < 5_000; n += 1) take("configured");
    take("anybody");
    while (turns.length > 0) turn();
    expect(handled.slice(0, 3)).toContain("anybody");
  });

  test("is told of once in ten seconds, with its number", () => {
    const { told, take, turns, turn, pass } = intake(0.001);
    for (let n = 0; n < 2_000; n += 1) take("anybody");
    while (turns.length > 0) turn();
    for (let n = 0; n < 2_000; n += 1) take("anybody");
    while (turns.length > 0) turn();
    expect(told).toEqual([976]);
    pass(10_000);
    take("anybody");
    turn();
    expect(told).toEqual([976, 976]);
  });
});

test("a lone first message is handled as soon as the sockets have been read", () => {
  const { handled, take, turns, turn } = intake();
  take("anybody");
  expect(handled).toEqual([]);
  turn();
  expect([handled, turns]).toEqual([["anybody"], []]);
});
