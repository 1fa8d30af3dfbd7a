// Our daemon against itself: from a YAML file to ESP in a real kernel.
import { describe, expect } from "vitest";
import { kindsAfterStop } from "./lab/frames.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { lostPings, transfer } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;
const noneLost = { 56: 0, 1300: 0, 5000: 0 };

describe("Underlock against Underlock", () => {
  scenario(
    "GRE, VXLAN and a net-to-net tunnel come up, carry traffic, and nothing is seen in clear from lock to after the stop",
    {
      gateways,
      lan: "host",
      seconds: 120,
      overlays: [
        { kind: "gre", between: gateways, family: "v4" },
        { kind: "vxlan", between: gateways, family: "v4" },
      ],
    },
    async (lab) => {
      const a = underlock(lab, "a", "b");
      const b = underlock(lab, "b", "a");
      await Promise.all([a.must("lock"), b.must("lock")]);
      await lab.watch();
      const offer = lab.offer();
      await Promise.all([a.start(), b.start()]);
      await Promise.all([a.must("up", "peer"), b.must("up", "peer")]);
      expect(await a.status()).toMatchObject({ peers: [{ name: "peer", state: "up" }] });
      for (const overlay of lab.topology.overlays) {
        const from = overlay.inner.a ?? "";
        const to = overlay.inner.b ?? "";
        expect(await lostPings(lab.gateway("a").machine, from, to)).toEqual(noneLost);
        await transfer(lab.gateway("a").machine, lab.gateway("b").machine, to);
      }
      const { inside: left } = lab.gateway("a");
      const { inside: right } = lab.gateway("b");
      expect(await lostPings(left.machine, left.address.v4, right.address.v4)).toEqual(noneLost);
      expect(await a.stop()).toBe(0);
      expect(await b.stop()).toBe(0);
      await offer.stop();
      const wire = await lab.wire(kindsAfterStop);
      expect(wire.leaks).toEqual([]);
      expect(wire.counts.esp).toBeGreaterThan(100);
      expect(wire.dropped).toBe(0);
    },
  );
});

function underlock(lab: Lab, here: string, there: string): Underlock {
  const self = lab.gateway(here);
  const other = lab.gateway(there);
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: self.address.v4 },
      peers: {
        peer: {
          remote: other.address.v4,
          id: `${there}.example`,
          auth: { psk: "file:peer.psk" },
          protect: ["gre", { vxlan: { port: 4789 } }, { tunnel: `${self.lan.v4.prefix} <-> ${other.lan.v4.prefix}` }],
        },
      },
    },
    files: { "peer.psk": "a secret of the lab\n" },
  });
}
