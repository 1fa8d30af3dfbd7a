// The lab proves itself here with peers that know nothing of us: what these scenarios see, the others may rely on.
import { describe, expect } from "vitest";
import { kernelPolicies, kernelSas } from "./lab/kernel-state.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Child, type Connection, type Strongswan, strongswanVersions } from "./lab/strongswan.ts";
import type { Family } from "./lab/topology.ts";
import { lostPings, transfer } from "./lab/traffic.ts";

const families = ["v4", "v6"] as const;
const gateways = ["a", "b"] as const;
const noneLost = { 56: 0, 1300: 0, 5000: 0 };

describe("with no IPsec at all", () => {
  for (const family of families) {
    scenario(
      `the watch sees GRE, VXLAN and the LANs leak, over IP${family}`,
      {
        gateways,
        lan: "host",
        overlays: [
          { kind: "gre", between: gateways, family },
          { kind: "vxlan", between: gateways, family },
        ],
      },
      async (lab) => {
        await lab.watch();
        const offer = lab.offer({ families: [family] });
        expect(await pings(lab, 0)).toEqual(noneLost);
        const flows = await offer.stop();
        expect(flows.length).toBe(6);
        for (const { sent, received } of flows) expect(received).toBeGreaterThan(sent / 2);
        const wire = await lab.wire();
        const leaks = wire.leaks.join("\n");
        expect(leaks).toMatch(/GRE/);
        expect(leaks).toMatch(/\.4789: .*(VXLAN|UDP)/);
        expect(leaks).toMatch(
          family === "v4" ? /IP 10\.1\.0\.2 > 10\.2\.0\.2: ICMP/ : /IP6 fd00:1::2 > fd00:2::2: ICMP6/,
        );
        expect(wire.counts).toMatchObject({ esp: 0, ah: 0, ike: 0 });
        expect(wire.counts.other).toBe(wire.leakCount);
        expect(wire.dropped).toBe(0);
      },
    );
  }
});

describe.for(strongswanVersions)("strongSwan %s against itself", (version) => {
  describe.for(families)("over IP%s", (family) => {
    scenario(
      "GRE in transport mode",
      { gateways, overlays: [{ kind: "gre", between: gateways, family }] },
      async (lab) => {
        const gre: Child = { name: "gre", mode: "transport", localTs: "dynamic[gre]", remoteTs: "dynamic[gre]" };
        const a = await bothEnds(lab, family, [gre], [gre]);
        await a.initiate("gre");
        await protectedTraffic(lab, 0);
        const sas = await kernelSas(lab.gateway("a").machine);
        expect(sas.map(({ proto, mode }) => `${proto} ${mode}`)).toEqual(["esp transport", "esp transport"]);
        const policies = await kernelPolicies(lab.gateway("b").machine);
        expect(policies.map(({ dir, upper }) => `${dir} ${upper}`).sort()).toEqual(["in proto gre", "out proto gre"]);
      },
    );

    scenario(
      "VXLAN as two Child SAs",
      { gateways, overlays: [{ kind: "vxlan", between: gateways, family }] },
      async (lab) => {
        const to: Child = { name: "to", mode: "transport", localTs: "dynamic[udp]", remoteTs: "dynamic[udp/4789]" };
        const from: Child = { name: "from", mode: "transport", localTs: "dynamic[udp/4789]", remoteTs: "dynamic[udp]" };
        const a = await bothEnds(lab, family, [to, from], [to, from]);
        await a.initiate("to");
        await a.initiate("from");
        await protectedTraffic(lab, 0);
        const sas = await kernelSas(lab.gateway("a").machine);
        // VXLAN sends to 4789 from any port: of the four SAs, those from 4789 to any port stay idle.
        expect(sas.map(({ packets }) => packets > 0).sort()).toEqual([false, false, true, true]);
      },
    );

    scenario("a tunnel between two LANs", { gateways, lan: "host" }, async (lab) => {
      const [left, right] = [lab.gateway("a").lan[family].prefix, lab.gateway("b").lan[family].prefix];
      const child = (localTs: string, remoteTs: string): Child => ({ name: "net", mode: "tunnel", localTs, remoteTs });
      const a = await bothEnds(lab, family, [child(left, right)], [child(right, left)]);
      await a.initiate("net");
      await protectedTraffic(lab, undefined, family);
      const sas = await kernelSas(lab.gateway("b").machine);
      expect(sas.map(({ mode }) => mode)).toEqual(["tunnel", "tunnel"]);
    });
  });

  /** Starts strongSwan at both gateways and returns the first. */
  async function bothEnds(
    lab: Lab,
    family: Family,
    left: readonly Child[],
    right: readonly Child[],
  ): Promise<Strongswan> {
    const ends = [left, right].map(async (children, index) => {
      const [here, there] = index === 0 ? gateways : [...gateways].reverse();
      if (here === undefined || there === undefined) throw new Error("there are two gateways");
      return await lab.strongswan(here, version, [connection(lab, family, here, there, children)]);
    });
    const [a] = await Promise.all(ends);
    if (a === undefined) throw new Error("there are two gateways");
    return a;
  }
});

function connection(lab: Lab, family: Family, here: string, there: string, children: readonly Child[]): Connection {
  return {
    name: "peer",
    localAddress: lab.gateway(here).address[family],
    remoteAddress: lab.gateway(there).address[family],
    localId: `${here}.example`,
    remoteId: `${there}.example`,
    secret: "a secret of the lab",
    children,
  };
}

/** Offers traffic, pings and transfers over an overlay or between the LANs, and expects ESP and nothing in clear. */
async function protectedTraffic(lab: Lab, overlay: number | undefined, family: Family = "v4"): Promise<void> {
  await lab.watch();
  const offer = lab.offer({ families: [family] });
  expect(await pings(lab, overlay, family)).toEqual(noneLost);
  const { sender, receiver, to } = ends(lab, overlay, family);
  await transfer(sender, receiver, to);
  for (const { sent, received } of await offer.stop()) expect(sent - received).toBeLessThanOrEqual(1);
  const wire = await lab.wire();
  expect(wire.leaks).toEqual([]);
  expect(wire.counts.esp).toBeGreaterThan(100);
  expect(wire.dropped).toBe(0);
}

async function pings(lab: Lab, overlay: number | undefined, family: Family = "v4"): Promise<Record<number, number>> {
  const { sender, from, to } = ends(lab, overlay, family);
  return await lostPings(sender, from, to);
}

function ends(lab: Lab, overlay: number | undefined, family: Family) {
  const [a, b] = [lab.gateway("a"), lab.gateway("b")];
  if (overlay === undefined) {
    const [from, to] = [a.inside.address[family], b.inside.address[family]];
    return { sender: a.inside.machine, receiver: b.inside.machine, from, to };
  }
  const inner = lab.topology.overlays[overlay]?.inner ?? {};
  return { sender: a.machine, receiver: b.machine, from: inner.a ?? "", to: inner.b ?? "" };
}
