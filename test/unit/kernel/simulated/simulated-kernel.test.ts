import { describe, expect, it } from "vitest";
import { encrTransforms } from "../../../../src/crypto/transforms/encr.ts";
import type { KernelEvent, KernelRequest, Policy, SaInstall } from "../../../../src/kernel/port.ts";
import { reqidRange } from "../../../../src/kernel/port.ts";
import { SimulatedKernel } from "../../../../src/kernel/simulated/simulated-kernel.ts";
import { reverseSelector, type Selector } from "../../../../src/negotiate/selector.ts";

const a = "192.0.2.1";
const b = "192.0.2.2";
const reqid = reqidRange.start + 1;
const greOut: Selector = {
  source: { address: a, length: 32 },
  destination: { address: b, length: 32 },
  protocol: 47,
};
const ping = { source: a, destination: b, protocol: 47 };

function transform(keyword: string) {
  const found = encrTransforms.find((row) => row.keyword === keyword);
  if (found === undefined) throw new Error(`no ${keyword}`);
  return found;
}

function sa(direction: "in" | "out", spi: number, more: Partial<SaInstall> = {}): SaInstall {
  return {
    protocol: "esp",
    spi,
    source: direction === "out" ? a : b,
    destination: direction === "out" ? b : a,
    direction,
    mode: "transport",
    reqid,
    encr: { transform: transform("aes128gcm16"), key: new Uint8Array(20).fill(7) },
    esn: false,
    replayWindow: 32,
    hard: { seconds: 3600 },
    ...more,
  };
}

function protect(direction: "in" | "out"): Policy {
  const selector = direction === "out" ? greOut : reverseSelector(greOut);
  const template = {
    protocol: "esp",
    mode: "transport",
    reqid,
    source: selector.source.address,
    destination: selector.destination.address,
  } as const;
  return { selector, direction, priority: 1000, action: { kind: "protected", template } };
}

function kernelWithEvents(options = {}) {
  const kernel = new SimulatedKernel({ addresses: [a], ...options });
  const events: KernelEvent[] = [];
  kernel.onEvent((event) => events.push(event));
  return { kernel, events };
}

describe("fault injection", () => {
  it("refuses the next matching request only, and leaves the tables as they were", () => {
    const { kernel } = kernelWithEvents();
    kernel.failNext("installSa", "ENOMEM");
    expect(kernel.request({ kind: "listSas" }).kind).toBe("sas");
    expect(kernel.request({ kind: "installSa", sa: sa("out", 0x1000) })).toMatchObject({
      kind: "refused",
      refusal: { request: "installSa", errno: "ENOMEM" },
    });
    expect(kernel.request({ kind: "listSas" })).toEqual({ kind: "sas", sas: [] });
    expect(kernel.pendingFaults).toBe(0);
    expect(kernel.request({ kind: "installSa", sa: sa("out", 0x1000) })).toEqual({ kind: "done" });
  });

  it("carries a request out and loses its answer", () => {
    const { kernel } = kernelWithEvents();
    kernel.failNext((request: KernelRequest) => request.kind === "setPolicy", "ETIMEDOUT", { carriedOut: true });
    expect(kernel.request({ kind: "setPolicy", policy: protect("out") }).kind).toBe("refused");
    expect(kernel.request({ kind: "listPolicies" })).toEqual({ kind: "policies", policies: [protect("out")] });
  });

  it("reports one overrun for the events it loses", () => {
    const { kernel, events } = kernelWithEvents();
    kernel.overrunNext(2);
    kernel.request({ kind: "installSa", sa: sa("out", 0x1000, { hard: { seconds: 10 } }) });
    kernel.request({ kind: "installSa", sa: sa("out", 0x1001, { hard: { seconds: 11 } }) });
    kernel.request({ kind: "installSa", sa: sa("out", 0x1002, { hard: { seconds: 12 } }) });
    kernel.advance(20_000);
    expect(events.map((event) => event.kind)).toEqual(["overrun", "expire"]);
  });

  it("loses an expire without a word", () => {
    const { kernel, events } = kernelWithEvents();
    kernel.loseNext("expire");
    kernel.request({ kind: "installSa", sa: sa("out", 0x1000, { hard: { seconds: 10 } }) });
    kernel.advance(10_000);
    expect(events).toEqual([]);
    expect(kernel.request({ kind: "listSas" })).toEqual({ kind: "sas", sas: [] });
  });
});

describe("virtual time", () => {
  it("lets limits fall due in the order of their times, whoever was installed first", () => {
    const { kernel, events } = kernelWithEvents();
    kernel.request({ kind: "installSa", sa: sa("out", 0x1000, { hard: { seconds: 30 }, soft: { seconds: 20 } }) });
    kernel.request({ kind: "installSa", sa: sa("out", 0x1001, { hard: { seconds: 25 } }) });
    kernel.advance(19_999);
    expect(events).toEqual([]);
    kernel.advance(60_000);
    expect(events).toMatchObject([
      { kind: "expire", sa: { spi: 0x1000 }, hard: false },
      { kind: "expire", sa: { spi: 0x1001 }, hard: true },
      { kind: "expire", sa: { spi: 0x1000 }, hard: true },
    ]);
  });

  it("does not run back", () => {
    const { kernel } = kernelWithEvents({ now: 5000 });
    expect(() => kernel.advance(4999)).toThrow(RangeError);
  });
});

describe("wouldPass", () => {
  it("tells without raising an acquire, counting, or spending a sequence number", () => {
    const { kernel, events } = kernelWithEvents();
    expect(kernel.wouldPass(ping)).toBe("clear");
    kernel.request({ kind: "setPolicy", policy: protect("out") });
    expect(kernel.wouldPass(ping)).toBe("no");
    expect(events).toEqual([]);
    kernel.request({ kind: "installSa", sa: sa("out", 0x1000) });
    expect(kernel.wouldPass(ping)).toBe("protected");
    expect(kernel.send(ping)).toMatchObject({ kind: "protected", packet: { sequence: 1n } });
    expect(kernel.request({ kind: "querySa", sa: sa("out", 0x1000) })).toMatchObject({ usage: { packets: 1n } });
  });

  it("answers for packets that come in", () => {
    const { kernel } = kernelWithEvents();
    const incoming = { source: b, destination: a, protocol: 47 };
    expect(kernel.wouldPass(incoming)).toBe("clear");
    kernel.request({ kind: "setPolicy", policy: protect("in") });
    expect(kernel.wouldPass(incoming)).toBe("no");
  });
});

describe("a process that ends", () => {
  it("leaves everything standing, and nobody hears acquires until another listens", () => {
    const { kernel, events } = kernelWithEvents();
    kernel.request({ kind: "setPolicy", policy: protect("out") });
    kernel.close();
    expect(kernel.send(ping)).toEqual({ kind: "dropped", reason: "XfrmOutNoStates" });
    expect(events).toEqual([]);
    kernel.onEvent((event) => events.push(event));
    kernel.send(ping);
    expect(events).toMatchObject([{ kind: "acquire", reqid }]);
  });
});

describe("another owner", () => {
  it("keeps its SAs and routes to itself", () => {
    const { kernel } = kernelWithEvents();
    const foreign = sa("out", 0x1000, { reqid: 1 });
    kernel.addForeignSa(foreign);
    expect(kernel.request({ kind: "listSas" })).toEqual({ kind: "sas", sas: [] });
    expect(kernel.request({ kind: "deleteSa", sa: foreign })).toMatchObject({ refusal: { errno: "ESRCH" } });
    const route = {
      destination: { address: "10.2.0.0", length: 16 },
      localSubnet: { address: "10.1.0.0", length: 16 },
      via: b,
    };
    expect(kernel.request({ kind: "setRoute", route })).toEqual({ kind: "done", skipped: "no-local-address" });
    kernel.addAddress("10.1.0.1");
    kernel.addForeignRoute(route);
    expect(kernel.request({ kind: "setRoute", route })).toMatchObject({ refusal: { errno: "EEXIST" } });
    expect(kernel.request({ kind: "deleteRoute", route })).toMatchObject({ refusal: { errno: "ESRCH" } });
  });
});

describe("a kernel built without an algorithm", () => {
  it("answers ENOSYS and names it", () => {
    const { kernel } = kernelWithEvents({ unsupported: ["aes128gcm16"] });
    const answer = kernel.request({ kind: "installSa", sa: sa("out", 0x1000) });
    expect(answer).toMatchObject({ kind: "refused", refusal: { errno: "ENOSYS" } });
    expect(answer.kind === "refused" && answer.refusal.said).toContain("aes128gcm16");
  });
});
