// The gateway's own ICMP errors quote the packets they are about: through the daemon's policies they leave protected.
import { expect } from "vitest";
import { underlock } from "./ends.ts";
import type { Machine } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;

scenario(
  "errors about what came out of a tunnel and out of GRE are under ESP, and in clear once nothing is locked",
  { gateways, lan: "host", overlays: [{ kind: "gre", between: gateways, family: "v4" }], seconds: 120 },
  async (lab) => {
    const [a, b] = [daemon(lab, "a", "b"), daemon(lab, "b", "a")];
    await Promise.all([a.must("lock"), b.must("lock")]);
    // GRE that nobody takes: the kernel answers that it does not know the protocol.
    await lab.gateway("b").machine.ip(["link delete gre1"]);
    await lab.watch();
    await b.start();
    await a.start();
    await a.must("up", "b");
    expect(await timeExceeded(lab)).toBe(3);
    expect(await unreachable(lab.gateway("a").machine)).toBe(3);
    // One after the other: else one's farewell finds the other's port closed.
    await a.stop();
    await b.stop();
    // Locked, neither the packets nor errors about them leave.
    expect(await timeExceeded(lab)).toBe(0);
    expect(await unreachable(lab.gateway("a").machine)).toBe(0);
    const wire = await lab.wire();
    expect(wire.leaks).toEqual([]);
    expect(wire.counts.esp).toBeGreaterThanOrEqual(12);
    expect(wire.dropped).toBe(0);

    await Promise.all([a.must("unlock"), b.must("unlock")]);
    await lab.watch();
    expect(await timeExceeded(lab)).toBe(3);
    expect(await unreachable(lab.gateway("a").machine)).toBe(3);
    const leaks = (await lab.wire()).leaks.join("\n");
    expect(leaks).toMatch(/ICMP time exceeded/);
    expect(leaks).toMatch(/ICMP 192\.0\.2\.2 protocol 47 .*unreachable/);
  },
);

function daemon(lab: Lab, here: "a" | "b", there: "a" | "b"): Underlock {
  const tunnel = `${lab.gateway(here).lan.v4.prefix} <-> ${lab.gateway(there).lan.v4.prefix}`;
  return underlock(lab, { here, there, family: "v4", protect: ["gre", { tunnel }], initiate: here === "a" });
}

/** Sends three packets from a's LAN that die at gateway b; how often that is told. */
async function timeExceeded(lab: Lab): Promise<number> {
  const { machine, address } = lab.gateway("a").inside;
  const to = lab.gateway("b").inside.address.v4;
  const printed = await machine.attempt(`ping -n -c 3 -i 0.2 -W 1 -t 2 -I ${address.v4} ${to}`);
  return printed.stdout.split("Time to live exceeded").length - 1;
}

/** Sends three packets into GRE; how many answers reach gateway a that say that b does not take it. */
async function unreachable(machine: Machine): Promise<number> {
  const count = async () =>
    Number(/icmpInDestUnreachs\s+(\d+)/i.exec(await machine.run("nstat -asz IcmpInDestUnreachs"))?.[1]);
  const before = await count();
  await machine.attempt("ping -n -c 3 -i 0.3 -W 1 172.16.1.2");
  return (await count()) - before;
}

scenario(
  "an error about GRE over IPv6 for which there is no device never leaves in clear, and does where nothing is locked",
  { gateways, overlays: [{ kind: "gre", between: gateways, family: "v6" }], seconds: 120 },
  async (lab) => {
    const end = (here: "a" | "b", there: "a" | "b") =>
      underlock(lab, { here, there, family: "v6", protect: ["gre"], initiate: here === "a" });
    const [a, b] = [end("a", "b"), end("b", "a")];
    await Promise.all([a.must("lock"), b.must("lock")]);
    await lab.gateway("b").machine.ip(["link delete gre1"]);
    const inner = lab.topology.overlays[0]?.inner.b ?? "";
    const ping = () => lab.gateway("a").machine.attempt(`ping -n -c 3 -i 0.3 -W 1 ${inner}`);
    await lab.watch();
    await b.start();
    await a.start();
    await a.must("up", "b");
    await ping();
    const wire = await lab.wire();
    expect(wire.leaks).toEqual([]);
    expect(wire.counts.esp).toBeGreaterThanOrEqual(3);
    await a.stop();
    await b.stop();

    await Promise.all([a.must("unlock"), b.must("unlock")]);
    await lab.watch();
    await ping();
    expect((await lab.wire()).leaks.join("\n")).toMatch(/ICMP6, destination unreachable, unreachable port/);
  },
);
