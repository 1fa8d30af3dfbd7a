import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { DeadlineTimer } from "../../../src/daemon/deadline-timer.ts";

describe("the one timer", () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  function timer(now = () => performance.now()) {
    const rings: number[] = [];
    const start = now();
    return { rings, start, timer: new DeadlineTimer(now, () => rings.push(now() - start)) };
  }

  it("rings once, at the deadline and not before", () => {
    const { rings, start, timer: one } = timer();
    one.set(start + 100);
    vi.advanceTimersByTime(99);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(10);
    expect(rings).toEqual([100]);
    vi.advanceTimersByTime(1000);
    expect(rings).toEqual([100]);
  });

  it("takes another deadline, earlier or later, or none", () => {
    const { rings, start, timer: one } = timer();
    one.set(start + 100);
    one.set(start + 50);
    one.set(start + 70);
    vi.advanceTimersByTime(60);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(10);
    expect(rings).toEqual([70]);
    one.set(start + 200);
    one.set(undefined);
    vi.advanceTimersByTime(1000);
    expect(rings).toEqual([70]);
  });

  it("rings for a deadline that has passed, and again for the same one when it is set again", () => {
    const { rings, start, timer: one } = timer();
    one.set(start - 5);
    vi.advanceTimersByTime(1);
    one.set(start - 5);
    vi.advanceTimersByTime(1);
    expect(rings).toEqual([1, 2]);
  });

  it("waits on where Node rings before the clock says so", () => {
    let lag = 3;
    const now = (): number => performance.now() - lag;
    const { rings, start, timer: one } = timer(now);
    one.set(start + 100);
    lag = 5;
    vi.advanceTimersByTime(100);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(2);
    expect(rings).toEqual([100]);
  });

  it("sets no new timer of Node's for each deadline that moves on, and rings at the last one", () => {
    const { rings, start, timer: one } = timer();
    const set = vi.spyOn(globalThis, "setTimeout");
    for (let at = 100; at <= 1000; at += 1) one.set(start + at);
    expect(set).toHaveBeenCalledTimes(1);
    vi.advanceTimersByTime(999);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rings).toEqual([1000]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("waits longer than setTimeout can", () => {
    const { rings, start, timer: one } = timer();
    const days40 = 40 * 86_400_000;
    one.set(start + days40);
    vi.advanceTimersByTime(days40 - 1);
    expect(rings).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(rings).toEqual([days40]);
  });
});
