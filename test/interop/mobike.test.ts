// A gateway's address changes under traffic (RFC 4555), in a real kernel and with strongSwan.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { protectedKinds } from "./lab/frames.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, strongswanVersions } from "./lab/strongswan.ts";
import type { FlowReport } from "./lab/traffic.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;
const spec = { gateways, lan: "host", seconds: 240 } as const;
const psk = "a secret of the lab";
/** Pings a second on each of the two flows. */
const rate = 200;

/** Our end, on whatever address the routes give. */
function underlock(lab: Lab, here: string, there: string, initiate: boolean): Underlock {
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example` },
      peers: {
        [there]: {
          remote: lab.gateway(there).address.v4,
          id: `${there}.example`,
          auth: { psk: "file:peer.psk" },
          protect: [{ tunnel: `${lab.gateway(here).lan.v4.prefix} <-> ${lab.gateway(there).lan.v4.prefix}` }],
          initiate,
        },
      },
    },
    files: { "peer.psk": `${psk}\n` },
  });
}

function connection(lab: Lab, here: string, there: string): Connection {
  return {
    name: there,
    localAddress: "%any",
    remoteAddress: lab.gateway(there).address.v4,
    localId: `${here}.example`,
    remoteId: `${there}.example`,
    secret: psk,
    more: { mobike: "yes" },
    children: [
      {
        name: "net",
        mode: "tunnel",
        localTs: lab.gateway(here).lan.v4.prefix,
        remoteTs: lab.gateway(there).lan.v4.prefix,
      },
    ],
  };
}

/** The new address of a gateway: in another subnet than the old one, so that the one does not go with the other. */
function newAddress(lab: Lab, name: string): string {
  return `192.0.2.${50 + lab.gateway(name).number}`;
}

/** The gateway gets another address and loses the one that is in use, at once. */
async function renumber(lab: Lab, name: string): Promise<void> {
  const { machine, address } = lab.gateway(name);
  await machine.ip([`address add ${newAddress(lab, name)}/25 dev u0`, `address del ${address.v4}/24 dev u0`]);
}

async function spis(lab: Lab, name: string): Promise<number[]> {
  return (await kernelSas(lab.gateway(name).machine)).map(({ spi }) => spi).sort((one, other) => one - other);
}

async function uses(lab: Lab, name: string, address: string): Promise<boolean> {
  const sas = await kernelSas(lab.gateway(name).machine);
  return sas.length > 0 && sas.every(({ src, dst }) => src === address || dst === address);
}

/** What was lost, in ms of the flow. */
function outage(reports: readonly FlowReport[]): number[] {
  return reports.map(({ sent, received }) => Math.round(((sent - received) / rate) * 1000));
}

async function pass(lab: Lab): Promise<void> {
  const [left, right] = gateways.map((name) => lab.gateway(name).inside);
  if (left === undefined || right === undefined) throw new Error("no LANs");
  const sizes = { sizes: [56] };
  expect(await lostPings(left.machine, left.address.v4, right.address.v4, sizes)).toEqual({ 56: 0 });
  expect(await lostPings(right.machine, right.address.v4, left.address.v4, sizes)).toEqual({ 56: 0 });
}

describe("an address changes under a flood of pings", () => {
  scenario("first the caller's, then the other's: the same SAs carry on", spec, async (lab) => {
    const a = underlock(lab, "a", "b", true);
    const b = underlock(lab, "b", "a", false);
    await Promise.all([a.must("lock"), b.must("lock")]);
    await lab.watch();
    await Promise.all([a.start(), b.start()]);
    await a.must("up", "b");
    await pass(lab);
    const before = [await spis(lab, "a"), await spis(lab, "b")];
    for (const name of gateways) {
      const offer = lab.offer({ rate });
      await sleep(1_000);
      await renumber(lab, name);
      await waitFor(`all SAs to use ${newAddress(lab, name)}`, async () =>
        (await Promise.all(gateways.map((each) => uses(lab, each, newAddress(lab, name))))).every(Boolean),
      );
      await sleep(1_000);
      const lost = outage(await offer.stop());
      console.log(`${name} moves: ${lost.join(" and ")} ms of the two flows lost`);
      for (const each of lost) expect(each).toBeLessThan(1_500);
      await pass(lab);
    }
    expect([await spis(lab, "a"), await spis(lab, "b")]).toEqual(before);
    // A host tells who still sends ESP to its old address.
    const wire = await lab.wire([...protectedKinds, "icmp-error-about-ipsec"]);
    expect(wire.leaks).toEqual([]);
    expect(wire.counts["esp-in-udp"]).toBe(0);
  });
});

describe.each(strongswanVersions)("an address changes, with strongSwan %s", (version) => {
  scenario("ours, who called", spec, async (lab) => {
    const charon = await lab.strongswan("b", version, [connection(lab, "b", "a")]);
    const a = underlock(lab, "a", "b", true);
    await a.must("lock");
    await lab.watch();
    await a.start();
    await a.must("up", "b");
    await pass(lab);
    const before = await spis(lab, "a");
    await renumber(lab, "a");
    await waitFor("charon to follow", async () => await uses(lab, "b", newAddress(lab, "a")));
    await pass(lab);
    expect(await spis(lab, "a")).toEqual(before);
    expect((await lab.wireFrom("a")).leaks).toEqual([]);
    await charon.stop();
  });

  scenario("its own, who called", spec, async (lab) => {
    const b = underlock(lab, "b", "a", false);
    await b.must("lock");
    await lab.watch();
    await b.start();
    const charon = await lab.strongswan("a", version, [connection(lab, "a", "b")]);
    await charon.initiate("net");
    await pass(lab);
    const before = await spis(lab, "b");
    await renumber(lab, "a");
    await waitFor("us to follow", async () => await uses(lab, "b", newAddress(lab, "a")), 30_000);
    await pass(lab);
    expect(await spis(lab, "b")).toEqual(before);
    expect((await lab.wireFrom("b")).leaks).toEqual([]);
    await charon.stop();
  });
});
