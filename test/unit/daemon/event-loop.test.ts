import { describe, expect, it } from "vitest";
import { EventLoop, type LoopOptions } from "../../../src/daemon/event-loop.ts";
import type { Kernel, KernelAnswer, KernelEvent } from "../../../src/kernel/port.ts";
import type { ComputeResult } from "../../../src/sa/compute.ts";
import type { Path } from "../../../src/sa/path.ts";
import { FakeEngine } from "./fake-engine.ts";

const path: Path = { local: { address: "192.0.2.1", port: 500 }, remote: { address: "192.0.2.2", port: 500 } };
const datagram = { kind: "datagram", octets: Uint8Array.of(1), path } as const;
const invalid: ComputeResult = { kind: "invalid", fault: "zero" };
/** The fake compute never looks at its job. */
const job = { kind: "generate" } as never;

function loop(overrides: Partial<LoopOptions> = {}) {
  const engine = new FakeEngine();
  const did: string[] = [];
  const listeners: ((event: KernelEvent) => void)[] = [];
  const kernel: Kernel = {
    request: (request): KernelAnswer => {
      did.push(request.kind);
      return { kind: "done" };
    },
    onEvent: (listener) => listeners.push(listener),
    close: () => undefined,
  };
  const subject = new EventLoop({
    engine,
    kernel,
    clock: () => performance.now(),
    send: (octets) => did.push(`send ${octets[0]}`),
    compute: () => invalid,
    log: (record) => did.push(`log ${record.event}`),
    stopped: () => did.push("stopped"),
    fault: (event, error) => did.push(`fault ${event} ${String(error)}`),
    ...overrides,
  });
  const raise = (event: KernelEvent): void => {
    for (const listener of listeners) listener(event);
  };
  return { engine, did, subject, raise };
}

describe("the event loop", () => {
  it("carries all effects of an event out, in order, before it hands an answer back", () => {
    const { engine, did, subject } = loop();
    engine.script = (event) => {
      if (event.kind !== "datagram") return [];
      return [
        { kind: "kernel", id: 7, requests: [{ kind: "listSas" }] },
        { kind: "compute", id: 8, job },
        { kind: "send", octets: Uint8Array.of(9), path },
        { kind: "log", record: { level: "info", event: "resync" } },
        { kind: "stopped" },
      ];
    };
    subject.dispatch(datagram);
    expect(did).toEqual(["listSas", "send 9", "log resync", "stopped"]);
    expect(engine.heard.slice(1)).toEqual([
      { kind: "answered", id: 7, answers: [{ kind: "done" }] },
      { kind: "computed", id: 8, result: invalid },
    ]);
  });

  it("once closed, takes nothing in, and leaves no timer that would keep the process", () => {
    const { engine, did, subject, raise } = loop();
    const timers = () => process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
    const before = timers();
    engine.deadline = performance.now() + 30_000;
    subject.dispatch(datagram);
    expect(timers()).toBe(before + 1);
    subject.close();
    subject.dispatch(datagram);
    raise({ kind: "overrun" });
    expect(engine.kinds).toEqual(["datagram"]);
    expect(did).toEqual([]);
    expect(timers()).toBe(before);
  });

  it("hands answers of a chain of a hundred thousand effects back without growing the stack", () => {
    const { engine, subject } = loop();
    let left = 100_000;
    engine.script = () => {
      left -= 1;
      return left > 0 ? [{ kind: "compute", id: left, job }] : [];
    };
    subject.dispatch(datagram);
    expect(left).toBe(0);
  });

  it("takes a worker's answer later", async () => {
    const { engine, subject } = loop({ compute: () => Promise.resolve(invalid) });
    engine.script = (event) => (event.kind === "datagram" ? [{ kind: "compute", id: 3, job }] : []);
    subject.dispatch(datagram);
    expect(engine.kinds).toEqual(["datagram"]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(engine.heard[1]).toEqual({ kind: "computed", id: 3, result: invalid });
  });

  it("passes kernel events on", () => {
    const { engine, raise } = loop();
    raise({ kind: "overrun" });
    expect(engine.heard).toEqual([{ kind: "kernel", event: { kind: "overrun" } }]);
  });

  it("wakes the engine at its deadline, on a clock that never runs back", async () => {
    const { engine, subject } = loop();
    const deadline = performance.now() + 30;
    engine.deadline = deadline;
    engine.script = (event) => {
      if (event.kind === "wake") engine.deadline = undefined;
      return [];
    };
    subject.dispatch(datagram);
    await new Promise((resolve) => setTimeout(resolve, 80));
    expect(engine.kinds).toEqual(["datagram", "wake"]);
    expect(engine.times[1]).toBeGreaterThanOrEqual(deadline);
  });

  it("lives through a fault that a datagram brings about, and handles the next one", () => {
    const { engine, did, subject } = loop();
    engine.script = () => {
      if (engine.heard.length === 1) throw new Error("boom");
      return [{ kind: "stopped" }];
    };
    subject.dispatch(datagram);
    subject.dispatch(datagram);
    expect(did).toEqual(["fault datagram Error: boom", "stopped"]);
  });

  it("does not hide a fault of what the operator asked for", () => {
    const { engine, subject } = loop();
    engine.script = () => {
      throw new Error("boom");
    };
    expect(() => subject.dispatch({ kind: "up", peer: "b" })).toThrow("boom");
  });
});
