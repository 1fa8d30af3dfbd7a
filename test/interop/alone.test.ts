// A gateway whose peer has no IPsec: nothing leaves in clear, nothing in clear is taken, and without the lock both happen.
import { describe, expect } from "vitest";
import { logLines } from "./daemon-words.ts";
import { type EndOptions, underlock } from "./ends.ts";
import { xfrmCounters } from "./lab/kernel-state.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Family, Overlay } from "./lab/topology.ts";

const between = ["a", "b"] as const;

for (const family of ["v4", "v6"] as const) {
  const overlays: Overlay[] = [
    { kind: "gre", between, family },
    { kind: "vxlan", between, family, vni: 42 },
    { kind: "vxlan", between, family, vni: 43, port: 8472 },
  ];
  const group: Overlay = {
    kind: "vxlan",
    between,
    family,
    vni: 44,
    group: { v4: "239.1.1.1", v6: "ff05::4789" }[family],
  };
  describe(`over IP${family}`, () => {
    scenario(
      "a peer that never answers and sends GRE and VXLAN in clear",
      { gateways: between, overlays, seconds: 120 },
      async (lab) => {
        await alone(lab, family, { protect: ["gre", "vxlan", { vxlan: { port: 8472 } }] });
      },
    );

    scenario(
      "a VTEP and a GRE host that nobody listed, and a multicast group, with local.lock",
      { gateways: between, overlays: [...overlays, group], seconds: 120 },
      async (lab) => {
        const lock = ["gre", "vxlan", { vxlan: { port: 8472 } }];
        // The only peer that is configured is somebody else, who is not there.
        const remote = { v4: "192.0.2.77", v6: "2001:db8::77" }[family];
        await alone(lab, family, { protect: ["gre"], local: { lock }, peer: { remote } });
      },
    );
  });
}

/** Locks a, lets both ends send while its daemon calls in vain, then takes the lock away: the same traffic is seen. */
async function alone(lab: Lab, family: Family, options: Pick<EndOptions, "protect" | "local" | "peer">): Promise<void> {
  const timing = { retransmission: { first: "200ms", factor: 1, tries: 3 }, retry: { first: "200ms" } };
  const peer = { ...timing, ...options.peer };
  const ours = underlock(lab, { here: "a", there: "b", family, initiate: true, ...options, peer });
  const { machine } = lab.gateway("a");
  await ours.must("lock");
  await lab.watch();
  // What came while the devices were made came before the lock.
  const takenBefore = await taken(lab);
  const offer = lab.offer({ rate: 10 });
  await ours.start();
  await waitFor("that we give up on the peer", () => {
    return logLines(ours).some(({ code }) => code === "no-answer" || code === "send-failed");
  });
  expect(await ours.stop()).toBe(0);
  await sleep(500);
  const before = await offer.stop();
  expect(before.filter(({ sent, received }) => sent < 20 || received > 0)).toEqual([]);
  const { XfrmOutPolBlock = 0, XfrmInPolBlock = 0 } = await xfrmCounters(machine);
  const sent = (from: string) =>
    before.filter(({ flow }) => flow.includes(`${from} to`)).reduce((sum, flow) => sum + flow.sent, 0);
  expect(XfrmOutPolBlock).toBeGreaterThan(sent("a") * 0.9);
  expect(XfrmInPolBlock).toBeGreaterThan(sent("b") * 0.9);
  expect(await taken(lab)).toEqual(takenBefore);
  const wire = await lab.wireFrom("a");
  expect(wire.leaks).toEqual([]);
  expect(wire.counts.other).toBeGreaterThan(sent("b") * 0.9);
  if (options.peer === undefined) expect(wire.counts.ike).toBeGreaterThan(3);
  expect(wire.dropped).toBe(0);

  await ours.must("unlock");
  await lab.watch();
  const open = lab.offer({ rate: 10, from: ["a"] });
  await sleep(1_000);
  const after = await open.stop();
  expect(after.filter(({ received }) => received === 0)).toEqual([]);
  const leaks = (await lab.wireFrom("a")).leaks.join("\n");
  expect(leaks).toContain("GRE");
  for (const port of [4789, 8472]) expect(leaks).toMatch(new RegExp(`> \\S+\\.${port}: `));
  for (const { spec } of lab.topology.overlays)
    if (spec.kind === "vxlan" && spec.group) expect(leaks).toContain(spec.group);
  expect((await taken(lab)).filter(([, packets], index) => packets <= (takenBefore[index]?.[1] ?? 0))).toEqual([]);
}

/** How many packets each overlay device of gateway a has taken from the other end. */
async function taken(lab: Lab): Promise<[device: string, packets: number][]> {
  const links = JSON.parse(await lab.gateway("a").machine.run("ip -s -j link show")) as {
    readonly ifname: string;
    readonly stats64: { readonly rx: { readonly packets: number } };
  }[];
  return lab.topology.overlays.map(({ device }) => [
    device,
    links.find(({ ifname }) => ifname === device)?.stats64.rx.packets ?? Number.NaN,
  ]);
}
