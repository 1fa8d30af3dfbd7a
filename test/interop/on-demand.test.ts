// Children that are negotiated when a packet asks for them, on a real kernel.
import { describe, expect } from "vitest";
import { peerOf, statusOf } from "./daemon-words.ts";
import { connection, strongswanChildren, underlock } from "./ends.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { type Machine, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;
const overlays = [{ kind: "gre", between: gateways, family: "v4" }] as const;

/** Pings one a second over the tunnel: the sequence numbers of those that were answered. */
async function answered(machine: Machine, to: string, count: number, interval = 1): Promise<number[]> {
  const { stdout } = await machine.attempt(`ping -n -i ${interval} -c ${count} -W 2 ${to}`, { timeout: 60_000 });
  return [...stdout.matchAll(/icmp_seq=(\d+) ttl/g)].map((match) => Number(match[1]));
}

function waiting(lab: Lab, local: Readonly<Record<string, unknown>> = {}, peer = {}): Underlock {
  return underlock(lab, {
    here: "a",
    there: "b",
    family: "v4",
    protect: ["gre"],
    initiate: true,
    local,
    peer: { start: "on-demand", ...peer },
  });
}

/** A device's own multicast is a packet too, and would ask for the SAs before the test does. */
async function quiet(lab: Lab): Promise<void> {
  await lab.gateway("a").machine.run("echo 1 >/proc/sys/net/ipv6/conf/gre1/disable_ipv6");
}

const stateOf = async (ours: Underlock) => peerOf(await statusOf(ours), "b");

describe("on demand", () => {
  for (const hold of [true, false]) {
    const what = hold ? "held and delivered" : "lost without hold-packets";
    scenario(`the first packet brings the SAs up; it is ${what}`, { gateways, overlays, seconds: 120 }, async (lab) => {
      const { machine } = lab.gateway("a");
      const inner = lab.topology.overlays[0]?.inner.b ?? "";
      const ours = waiting(lab, hold ? { "hold-packets": true } : {});
      const charon = await lab.strongswan("b", "6.0.1", [
        connection(lab, { here: "b", there: "a", family: "v4", children: strongswanChildren.gre() }),
      ]);
      await quiet(lab);
      await ours.must("lock");
      await lab.watch();
      await ours.start();
      expect(await stateOf(ours)).toMatchObject({ state: "waiting", ikeSas: [], children: [{ state: "waiting" }] });
      expect(await charon.sas()).toEqual([]);
      expect((await machine.run("cat /proc/sys/net/core/xfrm_larval_drop")).trim()).toBe(hold ? "0" : "1");
      const seen = await answered(machine, inner, 10);
      expect(seen.at(-1)).toBe(10);
      if (hold) expect(seen).toHaveLength(10);
      else expect(seen).not.toContain(1);
      expect(await stateOf(ours)).toMatchObject({ state: "up", children: [{ state: "up" }] });
      expect(await kernelSas(machine)).toHaveLength(2);
      expect((await lab.wireFrom("a")).leaks).toEqual([]);
    });
  }

  scenario(
    "a peer that is not there is asked again by the next packet, and nothing leaves in clear",
    { gateways, overlays, seconds: 120 },
    async (lab) => {
      const { machine } = lab.gateway("a");
      const inner = lab.topology.overlays[0]?.inner.b ?? "";
      const ours = waiting(
        lab,
        {},
        { retransmission: { first: "500ms", factor: 1, tries: 1 }, retry: { longest: "1s" } },
      );
      await quiet(lab);
      await ours.must("lock");
      await lab.watch();
      await ours.start();
      expect(await answered(machine, inner, 2)).toEqual([]);
      await waitFor("the end of the call", async () => (await stateOf(ours)).state === "waiting", 20_000);
      expect(await stateOf(ours)).toMatchObject({ reason: { code: expect.stringMatching(/no-answer|send-failed/) } });
      const theirs = underlock(lab, { here: "b", there: "a", family: "v4", protect: ["gre"], initiate: false });
      await theirs.start();
      // No larval SA silences it: the kernel's timer would take thirty seconds.
      expect((await answered(machine, inner, 15)).at(-1)).toBe(15);
      expect((await lab.wireFrom("a")).leaks).toEqual([]);
    },
  );

  scenario("an idle child goes and comes again", { gateways, overlays, seconds: 120 }, async (lab) => {
    const { machine } = lab.gateway("a");
    const inner = lab.topology.overlays[0]?.inner.b ?? "";
    const ours = waiting(lab, {}, { idle: "10s" });
    const theirs = underlock(lab, { here: "b", there: "a", family: "v4", protect: ["gre"], initiate: false });
    await theirs.start();
    await quiet(lab);
    await ours.must("lock");
    await lab.watch();
    await ours.start();
    expect((await answered(machine, inner, 8)).at(-1)).toBe(8);
    await waitFor("the idle child's end", async () => (await stateOf(ours)).state === "waiting", 40_000);
    expect(await stateOf(ours)).toMatchObject({
      ikeSas: [],
      children: [{ state: "waiting", reason: { code: "idle" } }],
    });
    expect(await kernelSas(machine)).toEqual([]);
    expect((await answered(machine, inner, 8)).at(-1)).toBe(8);
    expect((await lab.wireFrom("a")).leaks).toEqual([]);
  });
});
