// Two ends that call each other at the same instant: exactly one IKE SA and one pair for each child remain.
import { describe, expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { earlyTime } from "./early-time.ts";
import { connection, strongswanChildren, underlock } from "./ends.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Strongswan, strongswanVersions } from "./lab/strongswan.ts";
import type { Overlay } from "./lab/topology.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;
const overlays: readonly Overlay[] = [
  { kind: "gre", between: gateways, family: "v4" },
  { kind: "vxlan", between: gateways, family: "v4" },
];
const children = [...strongswanChildren.gre(), ...strongswanChildren.vxlan(4789)];

/** Round trip in milliseconds, so that each end has sent all its messages before it hears of the other's. */
const roundTrip = 800;

describe("both ends call at once", () => {
  describe.each(strongswanVersions)("strongSwan %s and us", (version) => {
    scenario("one IKE SA and one pair for each child remain", { gateways, overlays, seconds: 180 }, async (lab) => {
      for (const name of gateways)
        await lab.gateway(name).machine.run(`tc qdisc add dev u0 root netem delay ${roundTrip / 2}ms`);
      // One that both have first: the end that is asked for another would always be the slower one.
      const proposals = { ike: "aes256gcm16-prfsha384-x25519" };
      const theirs = connection(lab, { here: "b", there: "a", family: "v4", proposals, children });
      const charon = await lab.strongswan("b", version, [theirs]);
      const protect = ["gre", "vxlan"];
      const ours = underlock(lab, { here: "a", there: "b", family: "v4", proposals, protect, initiate: false });
      await ours.start();
      let crossed = 0;
      for (const lead of [0, 150, 300]) crossed += await startAtOnce(lab, ours, charon, lead);
      // Or this shows nothing.
      expect(crossed).toBeGreaterThan(0);
    });
  });
});

/** Ours calls, and strongSwan `lead` milliseconds later; gives 1 where both IKE SAs came up. */
async function startAtOnce(lab: Lab, ours: Underlock, charon: Strongswan, lead: number): Promise<number> {
  const before = ours.log().length;
  const wasThere = charon.log().length;
  const calling = ours.ask("up", { peer: "b" });
  await sleep(lead);
  await Promise.all([calling, ...children.map(async ({ name }) => await charon.initiate(name))]);
  const offer = lab.offer({ from: ["a"] });
  const { machine } = lab.gateway("a");
  await waitFor(
    "that one IKE SA and one pair for each child are left",
    async () => await atRest(lab, ours, charon),
    60_000,
  );
  const stood = await kernelSas(machine);
  await sleep(1_000);
  expect(await atRest(lab, ours, charon)).toBe(true);
  expect((await kernelSas(machine)).map(({ spi }) => spi).sort()).toEqual(stood.map(({ spi }) => spi).sort());
  const early = earlyTime(charon.log().slice(wasThere), ours.log());
  const lost = (await offer.stop()).map(({ flow, sent, received }) => ({ flow, sent, lost: sent - received }));
  // The last pings are on their way.
  const most = 1 + Math.ceil(20 * (early + roundTrip / 1000));
  expect(lost.filter(({ sent, lost: count }) => sent < 10 || count > most)).toEqual([]);
  const ups = logLines(ours).filter(({ event }) => event === "ike-sa-up").length;
  const upsBefore = ours.log().slice(0, before).split('"ike-sa-up"').length - 1;
  await ours.ask("down", { peer: "b" });
  await waitFor(
    "that all is gone",
    async () => (await established(charon)).length === 0 && (await kernelSas(machine)).length === 0,
  );
  return ups - upsBefore > 1 ? 1 : 0;
}

async function atRest(lab: Lab, ours: Underlock, charon: Strongswan): Promise<boolean> {
  const peer = peerOf(await statusOf(ours), "b");
  const pairs = (await established(charon)).map(({ sa }) => Object.keys(sa["child-sas"] ?? {}).length);
  const counts = await Promise.all(gateways.map(async (name) => (await kernelSas(lab.gateway(name).machine)).length));
  return (
    peer.ikeSas.length === 1 &&
    peer.children.every(({ sas }) => sas.length === 1) &&
    JSON.stringify([pairs, counts]) === "[[3],[6,6]]"
  );
}

/** Of a call that we gave up it keeps a half-open IKE SA for a while. */
async function established(charon: Strongswan): Promise<Awaited<ReturnType<Strongswan["sas"]>>> {
  return (await charon.sas()).filter(({ sa }) => sa.state === "ESTABLISHED");
}
