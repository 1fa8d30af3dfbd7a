import { describe, expect, it } from "vitest";
import { reqidRange } from "../../../../src/kernel/port.ts";
import { kernelEvent } from "../../../../src/kernel/xfrm/events.ts";
import { MalformedMessageError, type XfrmEvent } from "../../../../src/netlink-xfrm/index.ts";

const reqid = reqidRange.start + 5;
const lifetime = {};
const usage = { bytes: 0n, packets: 0n };

function expire(more: object): XfrmEvent {
  const sa = {
    selector: {},
    source: "192.0.2.1",
    destination: "192.0.2.2",
    spi: 0x1000,
    protocol: "esp",
    lifetime,
    usage,
    stats: { replayWindow: 0, replay: 0, integrityFailed: 0 },
    sequence: 0,
    reqid,
    family: 2,
    mode: "transport",
    replayWindow: 0,
    flags: 0,
    ...more,
  } as const;
  return { kind: "expire", hard: true, sa };
}

function mapping(more: object): XfrmEvent {
  const base = { spi: 1, protocol: "esp", family: 2, reqid, destination: "192.0.2.2", oldSourcePort: 4500 } as const;
  return { kind: "mapping", mapping: { ...base, newSource: "198.51.100.7", newSourcePort: 61_000, ...more } };
}

describe("kernel events in the port's words", () => {
  it("tell of our SAs alone", () => {
    expect(kernelEvent(expire({}))).toEqual({
      kind: "expire",
      sa: { protocol: "esp", spi: 0x1000, destination: "192.0.2.2" },
      hard: true,
      reqid,
    });
    expect(kernelEvent(expire({ reqid: 1 }))).toBeUndefined();
    expect(kernelEvent(expire({ protocol: "comp" }))).toBeUndefined();
  });

  it("tell a changed mapping with the peer's new end", () => {
    expect(kernelEvent(mapping({}))).toMatchObject({ from: { address: "198.51.100.7", port: 61_000 } });
    expect(kernelEvent(mapping({ reqid: 1 }))).toBeUndefined();
  });

  it("take what was lost, unreadable or broken for an overrun, and nothing for what nobody waits for", () => {
    expect(kernelEvent({ kind: "overrun" })).toEqual({ kind: "overrun" });
    const error = new MalformedMessageError("x", 0, "y", "z");
    expect(kernelEvent({ kind: "malformed", error })).toEqual({ kind: "overrun" });
    expect(kernelEvent({ kind: "sas-flushed", protocol: 0 })).toBeUndefined();
  });
});
