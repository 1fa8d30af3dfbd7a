// What stands outlives the daemon: after kill -9, over a restart, after SIGTERM; and nobody else's SAs and policies are touched.
import { describe, expect } from "vitest";
import { peerOf, statusOf } from "./daemon-words.ts";
import { earlyTime } from "./early-time.ts";
import { connection, strongswanChildren, underlock } from "./ends.ts";
import { type KernelSa, kernelPolicies, kernelSas } from "./lab/kernel-state.ts";
import { type Machine, sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Overlay } from "./lab/topology.ts";

const gateways = ["a", "b"] as const;
const overlays: readonly Overlay[] = [
  { kind: "gre", between: gateways, family: "v4" },
  { kind: "vxlan", between: gateways, family: "v4" },
];
const spec = { gateways, overlays, seconds: 120 };

describe("a crash and a new start, under traffic", () => {
  scenario("between two of us", spec, async (lab) => {
    const theirs = underlock(lab, { ...end("b", "a"), initiate: false });
    await theirs.must("lock");
    await theirs.start();
    await crashAndRestart(lab, () => 0);
  });

  scenario("with strongSwan 6.0.1 at the other end", spec, async (lab) => {
    const children = [...strongswanChildren.gre(), ...strongswanChildren.vxlan(4789)];
    const theirs = connection(lab, { here: "b", there: "a", family: "v4", children });
    const charon = await lab.strongswan("b", "6.0.1", [theirs]);
    await crashAndRestart(lab, (ours) => earlyTime(charon.log(), ours));
    // Told of INITIAL_CONTACT it would have deleted all old SAs first, and made the new ones then.
    expect(charon.log()).not.toContain("destroying duplicate IKE_SA");
  });
});

scenario("another owner's policy with our selector is named, and never overwritten", { gateways }, async (lab) => {
  const { machine, address } = lab.gateway("a");
  const selector = `src ${address.v4}/32 dst ${lab.gateway("b").address.v4}/32 proto gre dir out`;
  await machine.ip([`xfrm policy add ${selector} action block priority 7`]);
  const theirs = await kernelPolicies(machine);
  const ours = underlock(lab, { ...end("a", "b"), initiate: false });
  const refused = await ours.command("lock");
  expect(refused).toMatchObject({ status: 1, stdout: expect.stringContaining("locked: 5 policies installed") });
  expect(refused.stderr).toMatch(/out 192\.0\.2\.1.*another owner's policy has this selector.*priority 7/);
  await ours.start();
  const fault = { code: "kernel-refused", request: "setPolicy", errno: "EEXIST" };
  expect(peerOf(await statusOf(ours), "b").children[0]?.policyFault).toMatchObject(fault);
  expect(await kernelPolicies(machine)).toEqual(expect.arrayContaining(theirs));
  await machine.ip([`xfrm policy delete ${selector}`]);
  await waitFor("that the daemon takes the free place", async () =>
    (await kernelPolicies(machine)).some(({ dir, upper }) => dir === "out" && upper === "proto gre"),
  );
  expect(peerOf(await statusOf(ours), "b").children[0]?.policyFault).toBeUndefined();
});

function end(here: string, there: string) {
  return { here, there, family: "v4" as const, protect: ["gre", "vxlan"] };
}

/**
 * Kills our daemon on a, starts it anew, ends it politely, unlocks; pings cross all the while until that end, but for
 * those of the seconds in which the other end was too early.
 */
async function crashAndRestart(lab: Lab, early: (log: string) => number): Promise<void> {
  const { machine } = lab.gateway("a");
  const foreign = await addForeign(machine);
  const ours = underlock(lab, { ...end("a", "b"), initiate: true });
  await ours.must("lock");
  await lab.watch();
  await ours.start();
  await ours.must("up", "b");
  const first = await ownSas(machine);
  expect(first).toHaveLength(6);
  const offer = lab.offer({ rate: 20, from: ["a"] });
  await sleep(1_000);

  await ours.crash();
  await sleep(1_000);
  expect(spis(await ownSas(machine))).toEqual(spis(first));
  const watched = watchSas(machine, first);
  await ours.start();
  await ours.must("up", "b");
  const second = (await ownSas(machine)).filter(({ spi }) => !spis(first).includes(spi));
  expect(second).toHaveLength(6);
  await waitFor("that the old SAs go", async () => (await ownSas(machine)).length === 6);
  expect(spis(await ownSas(machine))).toEqual(spis(second));
  const { samples, gaps } = await watched.end();
  expect(samples).toBeGreaterThan(10);
  expect(gaps).toEqual([]);
  const lost = (await offer.stop()).map(({ flow, sent, received }) => ({ flow, sent, lost: sent - received }));
  // The last ping may have been on its way.
  expect(lost.filter(({ sent, lost: count }) => sent < 60 || count > 1 + Math.ceil(20 * early(ours.log())))).toEqual(
    [],
  );

  expect(await ours.stop()).toBe(0);
  expect(await ownSas(machine)).toEqual([]);
  const left = await kernelPolicies(machine);
  expect(left.filter(({ action }) => action === "block")).toHaveLength(6);
  expect(left.filter(({ action }) => action === "allow")).toEqual(foreign.policies);
  const still = lab.offer({ from: ["a"] });
  await sleep(500);
  expect((await still.stop()).filter(({ received }) => received > 0)).toEqual([]);
  const wire = await lab.wireFrom("a");
  expect(wire.leaks).toEqual([]);
  expect(wire.counts.esp).toBeGreaterThan(200);
  expect(wire.dropped).toBe(0);
  expect(await ours.must("unlock")).toContain("6 policies removed");
  expect(await kernelPolicies(machine)).toEqual(foreign.policies);
  expect(await kernelSas(machine)).toEqual(foreign.sas);
}

/** What another daemon has installed, for other hosts. */
async function addForeign(machine: Machine) {
  const ends = "src 198.51.100.1 dst 198.51.100.2";
  await machine.ip([
    `xfrm state add ${ends} proto esp spi 0x1234 reqid 77 mode transport aead rfc4106(gcm(aes)) 0x${"5a".repeat(20)} 128`,
    `xfrm policy add ${ends} proto gre dir out priority 77 tmpl ${ends} proto esp reqid 77 mode transport`,
  ]);
  return { sas: await kernelSas(machine), policies: await kernelPolicies(machine) };
}

async function ownSas(machine: Machine): Promise<KernelSa[]> {
  return (await kernelSas(machine)).filter(({ reqid }) => reqid !== 77);
}

function spis(sas: readonly KernelSa[]): number[] {
  return sas.map(({ spi }) => spi).sort((one, other) => one - other);
}

/** Looks at the SAs without pause; a gap is a look at which a child had not a whole pair, the first one or another. */
function watchSas(machine: Machine, first: readonly KernelSa[]) {
  const gaps: string[] = [];
  let samples = 0;
  let over = false;
  const looking = (async () => {
    while (!over) {
      const now = await ownSas(machine);
      samples += 1;
      for (const { src, dst, reqid } of first) {
        if (!now.some((sa) => sa.reqid === reqid && sa.src === src && sa.dst === dst && sa.algorithms.length > 0))
          gaps.push(`no SA from ${src} of reqid ${reqid} at look ${samples}`);
      }
      await sleep(50);
    }
  })();
  // Where the scenario fails before, nobody waits for this.
  looking.catch(() => {});
  return {
    async end() {
      over = true;
      await looking;
      return { samples, gaps };
    },
  };
}
