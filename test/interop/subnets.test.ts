// One Child SA for several subnets at each end, with strongSwan in both roles.
import { describe, expect } from "vitest";
import { peerOf, statusOf } from "./daemon-words.ts";
import { connection, underlock } from "./ends.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";

const gateways = ["a", "b"] as const;
const small = { sizes: [56] };
const west = ["10.1.0.1", "10.3.0.1"];
const east = ["10.2.0.1", "10.4.0.1"];
const tunnel = "10.1.0.0/16, 10.3.0.0/16 <-> 10.2.0.0/16, 10.4.0.0/16";

/** The pairs of addresses between which pings are answered, from a. */
async function answering(lab: Lab): Promise<string[]> {
  const pairs: string[] = [];
  for (const from of west) {
    for (const to of east) {
      const { 56: lost } = await lostPings(lab.gateway("a").machine, from, to, { ...small, count: 2 });
      if (lost === 0) pairs.push(`${from} ${to}`);
    }
  }
  return pairs;
}

async function addSubnets(lab: Lab): Promise<void> {
  await lab.gateway("a").machine.ip(["address add 10.3.0.1/16 dev lan0"]);
  await lab.gateway("b").machine.ip(["address add 10.4.0.1/16 dev lan0"]);
}

describe("several subnets in one Child SA", () => {
  for (const version of strongswanVersions) {
    for (const role of ["initiator", "responder"] as const) {
      scenario(`as ${role} with strongSwan ${version}`, { gateways, lan: "device", seconds: 90 }, async (lab) => {
        await addSubnets(lab);
        const initiate = role === "initiator";
        const ours = underlock(lab, { here: "a", there: "b", family: "v4", protect: [{ tunnel }], initiate });
        const children = [
          { name: "net", mode: "tunnel", localTs: "10.2.0.0/16,10.4.0.0/16", remoteTs: "10.1.0.0/16,10.3.0.0/16" },
        ] as const;
        await ours.must("lock");
        const charon = await lab.strongswan("b", version, [
          connection(lab, { here: "b", there: "a", family: "v4", children }),
        ]);
        await lab.watch();
        await ours.start();
        if (initiate) await ours.must("up", "b");
        else await charon.initiate("net");
        expect(await answering(lab)).toHaveLength(4);
        expect(await kernelSas(lab.gateway("a").machine)).toHaveLength(2);
        const [child] = peerOf(await statusOf(ours), "b").children;
        expect(child?.sas).toMatchObject([{ selectors: { length: 4 } }]);
        const wire = await lab.wireFrom("a");
        expect(wire.leaks).toEqual([]);
      });
    }
  }

  for (const role of ["initiator", "responder"] as const) {
    scenario(
      `as ${role}, a peer that has fewer gets its pairs, and the others stay stopped`,
      { gateways, lan: "device", seconds: 90 },
      async (lab) => {
        await addSubnets(lab);
        const initiate = role === "initiator";
        const ours = underlock(lab, { here: "a", there: "b", family: "v4", protect: [{ tunnel }], initiate });
        const children = [
          { name: "net", mode: "tunnel", localTs: "10.4.0.0/16", remoteTs: "10.1.0.0/16,10.3.0.0/16" },
        ] as const;
        await ours.must("lock");
        const charon = await lab.strongswan("b", "6.0.1", [
          connection(lab, { here: "b", there: "a", family: "v4", children }),
        ]);
        await lab.watch();
        await ours.start();
        if (initiate) await ours.must("up", "b");
        else await charon.initiate("net");
        expect(await answering(lab)).toEqual(["10.1.0.1 10.4.0.1", "10.3.0.1 10.4.0.1"]);
        const wire = await lab.wireFrom("a");
        expect(wire.leaks).toEqual([]);
        expect(ours.log()).toMatch(/2 of 4/);
      },
    );
  }
});
