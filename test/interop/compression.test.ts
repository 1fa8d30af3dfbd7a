// IPComp below ESP, with strongSwan in both roles and both modes.
import { describe, expect } from "vitest";
import { connection, underlock } from "./ends.ts";
import { kernelPolicies } from "./lab/kernel-state.ts";
import { scenario } from "./lab/scenario.ts";
import { type Child, strongswanVersions } from "./lab/strongswan.ts";
import { lostPings, transfer } from "./lab/traffic.ts";

const gateways = ["a", "b"] as const;
const overlays = [{ kind: "gre", between: gateways, family: "v4" }] as const;
const none = { 56: 0, 1200: 0 };
const sizes = [56, 1200];

describe("compression", () => {
  for (const version of strongswanVersions) {
    for (const role of ["initiator", "responder"] as const) {
      scenario(
        `as ${role} with strongSwan ${version}, in tunnel and in transport mode`,
        { gateways, overlays, lan: "device", seconds: 90 },
        async (lab) => {
          const initiate = role === "initiator";
          const [a, b] = [lab.gateway("a"), lab.gateway("b")];
          const tunnel = `${a.lan.v4.prefix} <-> ${b.lan.v4.prefix}`;
          const ours = underlock(lab, {
            here: "a",
            there: "b",
            family: "v4",
            protect: ["gre", { tunnel }],
            initiate,
            peer: { compress: true },
          });
          const more = { ipcomp: "yes" };
          const children: Child[] = [
            { name: "gre", mode: "transport", localTs: "dynamic[gre]", remoteTs: "dynamic[gre]", more },
            { name: "net", mode: "tunnel", localTs: b.lan.v4.prefix, remoteTs: a.lan.v4.prefix, more },
          ];
          await ours.must("lock");
          const charon = await lab.strongswan("b", version, [
            connection(lab, { here: "b", there: "a", family: "v4", children }),
          ]);
          await lab.watch();
          await ours.start();
          if (initiate) await ours.must("up", "b");
          else for (const { name } of children) await charon.initiate(name);
          const inner = lab.topology.overlays[0]?.inner;
          for (const [from, to] of [
            [inner?.a ?? "", inner?.b ?? ""],
            [a.lan.v4.address, b.lan.v4.address],
          ] as const) {
            expect(await lostPings(a.machine, from, to, { sizes })).toEqual(none);
            await transfer(a.machine, b.machine, to, 200_000);
            await transfer(b.machine, a.machine, from, 200_000, 5002);
          }
          const compressing = (await a.machine.run("ip -s xfrm state")).match(/proto comp/g) ?? [];
          expect(compressing.length).toBeGreaterThanOrEqual(4);
          expect(await kernelPolicies(a.machine)).toHaveLength(5);
          const carried = await a.machine.run("ip -s xfrm state list proto comp | grep -c '[1-9][0-9]*(packets)'");
          expect(Number(carried)).toBeGreaterThanOrEqual(2);
          const wire = await lab.wireFrom("a");
          expect(wire.leaks).toEqual([]);
          await ours.stop();
          expect(await a.machine.run("ip xfrm state")).toBe("");
        },
      );
    }
  }
});
