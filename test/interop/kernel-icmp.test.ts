// The gateway's own ICMP errors quote the packets they are about. Those about packets out of a tunnel; the suite has transport mode.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Policy } from "../../src/kernel/port.ts";
import { type Bed, type End, otherEnd } from "../conformance/kernel/bed.ts";
import { type LinuxBed, linuxBed } from "../conformance/kernel/linux/linux-bed.ts";
import { guardBoth, guarded, installPair, locked, setPolicy, subnetSelector } from "../conformance/kernel/requests.ts";

let made: LinuxBed | undefined;

function bed(): LinuxBed {
  if (made === undefined) throw new Error("the bed was not made");
  return made;
}

beforeAll(async () => {
  made = await linuxBed(mkdtempSync(join(tmpdir(), "kernel-icmp-")));
}, 60_000);
beforeEach(() => bed().reset());
afterAll(() => made?.destroy());

const tunnel = { mode: "tunnel" } as const;

/** Tunnel policies of both ends with those for forwarding, and both SAs. */
async function tunnelUp(on: Bed): Promise<void> {
  await guardBoth(on, subnetSelector("a"), tunnel);
  for (const at of ["a", "b"] as const) await setPolicy(on, at, forward(at));
  await installPair(on, "a", 0x1000, tunnel);
  await installPair(on, "b", 0x2000, tunnel);
}

function forward(at: End): Policy {
  const from = otherEnd(at);
  return { ...guarded(at, from, subnetSelector(from), tunnel), direction: "forward" };
}

/** The gateway answers from its underlay address, which no selector of the tunnel covers. */
async function answerFromUnderlay(): Promise<void> {
  await bed().run("b", "ip route replace 10.1.0.0/16 via 192.0.2.1 dev u0 metric 5000");
}

async function answerFromSubnet(): Promise<void> {
  await bed().run("b", "ip route replace 10.1.0.0/16 via 192.0.2.1 dev u0 src 10.2.0.1 metric 5000");
}

describe("time exceeded, about a packet that came out of a tunnel", () => {
  for (const [from, prepare] of [
    ["an address in the subnet", answerFromSubnet],
    ["the underlay address", answerFromUnderlay],
  ] as const) {
    it(`leaves under ESP, from ${from}`, async () => {
      await prepare();
      await tunnelUp(bed());
      const wire = await bed().watch(() => bed().run("a-lan", "ping -c 1 -t 2 -W 1 10.2.0.2 || true"));
      expect(wire.filter(({ from: end }) => end === "a")).toMatchObject([{ spi: 0x1000 }]);
      expect(wire.filter(({ from: end }) => end === "b")).toMatchObject([{ spi: 0x2000 }]);
    });
  }

  it("stays here where the way back is locked", async () => {
    await answerFromUnderlay();
    await tunnelUp(bed());
    await setPolicy(bed(), "b", locked(subnetSelector("b"), "out"));
    const wire = await bed().watch(() => bed().run("a-lan", "ping -c 1 -t 2 -W 1 10.2.0.2 || true"));
    expect(wire.map(({ spi }) => spi)).toEqual([0x1000]);
  });

  it("would leave in clear if the policy had no ICMP flag", async () => {
    await answerFromUnderlay();
    await tunnelUp(bed());
    await bed().request("b", { kind: "deletePolicy", selector: subnetSelector("b"), direction: "out" });
    await bed().addForeignPolicy("b", guarded("b", "b", subnetSelector("b"), tunnel));
    const wire = await bed().watch(() => bed().run("a-lan", "ping -c 1 -t 2 -W 1 10.2.0.2 || true"));
    const [leak, ...more] = wire.filter(({ from: end }) => end === "b");
    expect(more).toEqual([]);
    expect(leak?.spi).toBeUndefined();
    expect(leak?.frame[23]).toBe(1);
  });
});
