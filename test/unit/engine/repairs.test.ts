import { expect, test } from "vitest";
import { Outbox } from "../../../src/engine/outbox.ts";
import { Repairs } from "../../../src/engine/repairs.ts";
import { TimerHeap } from "../../../src/engine/timers.ts";
import type { KernelAnswer, KernelRequest, Policy } from "../../../src/kernel/port.ts";

const host = (address: string) => ({ address, length: 32 });
const selector = { source: host("192.0.2.1"), destination: host("192.0.2.2"), protocol: 47 };
const lock: Policy = { selector, direction: "out", priority: 1, action: { kind: "locked" } };
const pass: Policy = { selector, direction: "out", priority: 1, action: { kind: "exempt" } };
const refused: KernelAnswer = { kind: "refused", refusal: { request: "setPolicy", errno: "ENOMEM", said: "" } };
const done: KernelAnswer = { kind: "done" };

function bench() {
  const outbox = new Outbox();
  const timers = new TimerHeap();
  const clock = { now: 0 };
  const repairs = new Repairs(outbox, timers, () => clock.now);
  const asked: { id: number; request: KernelRequest | undefined }[] = [];
  const collect = () => {
    for (const effect of outbox.take())
      if (effect.kind === "kernel") asked.push({ id: effect.id, request: effect.requests[0] });
  };
  return {
    repairs,
    timers,
    insist(policy: Policy) {
      repairs.insist({ kind: "setPolicy", policy });
      collect();
    },
    answer(answer: KernelAnswer) {
      const first = asked.shift();
      if (first === undefined) throw new Error("nothing was asked");
      outbox.answered(first.id, [answer]);
      collect();
    },
    wake(): number {
      clock.now = timers.nextDeadline() ?? Number.NaN;
      timers.run(clock.now);
      collect();
      return clock.now;
    },
    get asked() {
      return asked.map(({ request }) => (request?.kind === "setPolicy" ? request.policy : undefined));
    },
  };
}

test("a request that was refused is not repeated once a later one for the same policy was made", () => {
  const one = bench();
  one.insist(lock);
  one.insist(pass);
  one.answer(refused);
  one.answer(done);
  expect(one.timers.nextDeadline()).toBeUndefined();
  expect(one.repairs.state({ kind: "setPolicy", policy: lock })).toEqual({ open: false, refusal: undefined });
});

test("nor while the later one is asked for elsewhere", () => {
  const one = bench();
  one.insist(lock);
  one.repairs.supersede({ kind: "setPolicy", policy: pass });
  one.answer(refused);
  expect(one.timers.nextDeadline()).toBeUndefined();
});

test("a new SA ends the deletion of the one that had its SPI", () => {
  const one = bench();
  const sa = { protocol: "esp", spi: 0xc000_0001, destination: "192.0.2.2" } as const;
  one.repairs.insist({ kind: "deleteSa", sa });
  const install = {
    ...sa,
    source: "192.0.2.1",
    direction: "out",
    mode: "tunnel",
    reqid: 1,
    esn: false,
    replayWindow: 0,
  } as const;
  one.repairs.supersede({ kind: "installSa", sa: { ...install, hard: { seconds: 1 } } });
  expect(one.repairs.state({ kind: "deleteSa", sa }).open).toBe(false);
});

test("the waits between repetitions grow to a minute, and begin anew after success", () => {
  const one = bench();
  one.insist(lock);
  one.answer(refused);
  const times = Array.from({ length: 9 }, () => {
    const at = one.wake();
    one.answer(refused);
    return at;
  });
  const waits = times.map((at, i) => at - (times[i - 1] ?? 0));
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  one.wake();
  one.answer(done);
  expect(one.timers.nextDeadline()).toBeUndefined();
  one.insist(lock);
  one.answer(refused);
  const before = one.timers.nextDeadline() ?? 0;
  one.wake();
  expect(before).toBeGreaterThan(0);
  expect(one.asked).toEqual([lock]);
});
