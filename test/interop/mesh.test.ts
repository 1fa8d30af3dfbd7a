// Gateways of ours that start at the same instant, each with all others as peers, and call each other at once.
import { expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { secret } from "./ends.ts";
import { kindsAfterStop } from "./lab/frames.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Overlay } from "./lab/topology.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b", "c", "d", "e"];
const pairs = gateways.flatMap((one, at) => gateways.slice(at + 1).map((other) => [one, other] as const));
const overlays = pairs.map(
  ([one, other], at): Overlay => ({ kind: "vxlan", between: [one, other], family: "v4", vni: 100 + at }),
);

/** From the first daemon's readiness until all ten pairs have one IKE SA and one pair of SAs for each child. */
const settleSeconds = 10;

scenario(
  "five gateways started at the same instant settle, every VXLAN pair pings",
  { gateways, overlays, seconds: 240 },
  async (lab) => {
    const daemons = gateways.map((name) => daemon(lab, name));
    await Promise.all(daemons.map((one) => one.must("lock")));
    await lab.watch();
    const offer = lab.offer({ rate: 2 });
    await Promise.all(daemons.map((one) => one.start()));
    const ready = Math.min(...daemons.map((one) => timeOf(one, "daemon-ready")));
    let seen: string[] = [];
    await waitFor(
      "that the mesh settles",
      async () => {
        seen = (await Promise.all(daemons.map((one, at) => faults(one, gateways[at] ?? "")))).flat();
        return seen.length === 0;
      },
      60_000,
    ).catch((error) => {
      throw new Error(`${error.message}: ${seen.join("; ")}`);
    });
    const settled = Math.max(...daemons.map((one) => timeOf(one, "child-sa-up", "ike-sa-down", "child-sa-down")));
    console.log(`settled ${((settled - ready) / 1000).toFixed(1)} s after the first daemon was ready`);
    expect(settled - ready).toBeLessThan(settleSeconds * 1000);
    for (const { inner, spec } of lab.topology.overlays) {
      const [one, other] = spec.between;
      for (const [from, to] of [
        [one, other],
        [other, one],
      ] as const)
        await lab.gateway(from).machine.run(`ping -n -q -c 3 -i 0.1 -W 5 -I ${inner[from]} ${inner[to]}`);
    }
    // What was replaced while all called at once lingers a while.
    for (const name of gateways) {
      const { machine } = lab.gateway(name);
      await waitFor(
        `that ${name} has no SA too many`,
        async () => (await kernelSas(machine)).length === 4 * (gateways.length - 1),
      );
    }
    await offer.stop();
    // The first to call meet ports that nobody has opened yet.
    const wire = await lab.wire(kindsAfterStop);
    expect(wire.leaks).toEqual([]);
    expect(wire.dropped).toBe(0);
    expect((await Promise.all(daemons.map((one) => faults(one, "")))).flat()).toEqual([]);
  },
);

function daemon(lab: Lab, here: string): Underlock {
  const others = gateways.filter((name) => name !== here);
  const peer = (name: string) => ({ remote: lab.gateway(name).address.v4, id: `${name}.example` });
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: lab.gateway(here).address.v4 },
      defaults: { auth: { psk: "file:peer.psk" } },
      peers: Object.fromEntries(others.map((name) => [name, { ...peer(name), protect: "vxlan" }])),
    },
    files: { "peer.psk": `${secret}\n` },
  });
}

/** When the last line with one of these events was written, in ms; 0 where there is none. */
function timeOf(one: Underlock, ...events: string[]): number {
  const lines = logLines(one).filter(({ event }) => events.includes(event));
  return Math.max(0, ...lines.map(({ time }) => Date.parse(time)));
}

/** What keeps a gateway from having settled. */
async function faults(one: Underlock, name: string): Promise<string[]> {
  const report = await statusOf(one);
  return report.peers.flatMap((peer) => {
    const { ikeSas, children } = peerOf(report, peer.name);
    const counts = children.map(({ name: child, state, sas }) => ({ child, fine: state === "up" && sas.length === 1 }));
    return [
      ...(ikeSas.length === 1 ? [] : [`${name} to ${peer.name}: ${ikeSas.length} IKE SAs`]),
      ...counts.filter(({ fine }) => !fine).map(({ child }) => `${name} to ${peer.name}: ${child}`),
    ];
  });
}
