// The life of a tunnel with other daemons: what they delete comes back, who dies is noticed, who starts anew is taken in.
import { describe, expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { connection, libreswanConnections, strongswanChildren, underlock } from "./ends.ts";
import { kindsAfterStop } from "./lab/frames.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type StrongswanVersion, strongswanVersions } from "./lab/strongswan.ts";
import type { Underlock } from "./lab/underlock.ts";

const between = ["a", "b"] as const;
const spec = {
  gateways: between,
  seconds: 150,
  overlays: [
    { kind: "gre", between, family: "v4" },
    { kind: "vxlan", between, family: "v4" },
  ],
} as const;

/** The other daemon, on gateway b, with GRE and VXLAN towards a; each call starts a new process. */
interface Other {
  /** Asks for everything. */
  initiate(): Promise<void>;
  /** Deletes the Child SA for GRE, or the IKE SA. */
  delete(what: "child" | "ike"): Promise<void>;
  stop(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

const peers: Readonly<Record<string, (lab: Lab) => Promise<Other>>> = {
  ...Object.fromEntries(
    strongswanVersions.map((version) => [`strongSwan ${version}`, (lab: Lab) => strongswan(lab, version)]),
  ),
  "Libreswan 5.2": libreswan,
};

for (const [name, start] of Object.entries(peers)) {
  describe(`with ${name}`, () => {
    scenario("a Child SA and the IKE SA that the peer deletes come back", spec, async (lab) => {
      const ours = await locked(lab);
      const other = await start(lab);
      await ours.start();
      await ours.must("up", "b");
      for (const what of ["child", "ike"] as const) {
        const before = await sasOf(ours);
        const ends = what === "child" ? before.gre : before.all;
        await other.delete(what);
        await waitFor(`that what the peer deleted (${what}) is there again`, async () => {
          const now = await sasOf(ours);
          return now.isUp && ends.every((spi) => !now.all.includes(spi));
        });
        await waitFor("that nothing old is left", async () => (await kernelSas(lab.gateway("a").machine)).length === 6);
      }
      await finish(lab, ours);
    });

    scenario("a peer that is killed is noticed, called again, and taken in when it is back", spec, async (lab) => {
      const ours = await locked(lab);
      const other = await start(lab);
      await ours.start();
      await ours.must("up", "b");
      await other.stop("SIGKILL");
      // What it left in its kernel would answer our packets.
      await lab.gateway("b").machine.run("ip xfrm state flush; ip xfrm policy flush");
      await waitFor(
        "that our end has noticed",
        () => logLines(ours).some(({ event }) => event === "ike-sa-down"),
        40_000,
      );
      await waitFor("that we call it again", async () => peerOf(await statusOf(ours), "b").state === "connecting");
      await start(lab);
      await waitFor("that all is up again", async () => (await sasOf(ours)).isUp, 40_000);
      await finish(lab, ours);
    });

    scenario("a peer that starts anew under load and calls us has one IKE SA, and no more", spec, async (lab) => {
      const ours = await locked(lab, { initiate: false });
      await ours.start();
      const first = await start(lab);
      await first.initiate();
      await waitFor("that all is up", async () => (await sasOf(ours)).isUp);
      const before = await sasOf(ours);
      await first.stop("SIGKILL");
      await lab.gateway("b").machine.run("ip xfrm state flush; ip xfrm policy flush");
      const second = await start(lab);
      await second.initiate();
      await waitFor("that the new ones have replaced the old ones", async () => {
        const now = await sasOf(ours);
        const { ikeSas } = peerOf(await statusOf(ours), "b");
        return now.isUp && ikeSas.length === 1 && before.all.every((spi) => !now.all.includes(spi));
      });
      await finish(lab, ours);
    });

    scenario("our end starts anew under load, after a crash and after a farewell", spec, async (lab) => {
      const ours = await locked(lab);
      await start(lab);
      await ours.start();
      await ours.must("up", "b");
      for (const end of ["crash", "stop"] as const) {
        const before = await sasOf(ours);
        await ours[end]();
        await ours.start();
        await ours.must("up", "b");
        await waitFor("that one IKE SA with new Child SAs is left", async () => {
          const now = await sasOf(ours);
          const { ikeSas } = peerOf(await statusOf(ours), "b");
          return now.isUp && ikeSas.length === 1 && before.all.every((spi) => !now.all.includes(spi));
        });
      }
      await finish(lab, ours);
    });
  });
}

// With strongSwan: at-once.test.ts.
describe("with Libreswan 5.2", () => {
  scenario("both ends call at once, again and again, and one of each remains", spec, async (lab) => {
    const ours = await locked(lab, { initiate: false });
    const other = await libreswan(lab);
    await ours.start();
    for (let round = 1; round <= 4; round += 1) {
      // Who loses may be told of a failure: what counts is what remains.
      const asked = [ours.ask("up", { peer: "b" }), other.initiate()];
      await Promise.allSettled(asked);
      const oneOfEach = async () => {
        const { isUp } = await sasOf(ours);
        const { ikeSas } = peerOf(await statusOf(ours), "b");
        const counts = await Promise.all(
          between.map(async (name) => (await kernelSas(lab.gateway(name).machine)).length),
        );
        return isUp && ikeSas.length === 1 && counts.every((count) => count === 6);
      };
      // Where the peer's IKE SA is the one too many it has 15 s to close it, opens another when we do, and ours goes 10 s later.
      await waitFor(`that one of each remains in round ${round}`, oneOfEach, 40_000);
      for (const { inner } of lab.topology.overlays)
        await lab.gateway("a").machine.run(`ping -n -q -c 2 -i 0.1 -W 5 -I ${inner.a} ${inner.b}`);
      if (round < 4) await ours.must("down", "b");
    }
    await finish(lab, ours);
  });
});

/** Our daemon on a, not started yet: locked, watched, and with traffic offered from both ends. */
async function locked(lab: Lab, { initiate = true } = {}): Promise<Underlock> {
  const peer = { liveness: "2s", retransmission: { first: "300ms", tries: 4 }, retry: { first: "500ms" } };
  const ours = underlock(lab, { here: "a", there: "b", family: "v4", protect: ["gre", "vxlan"], initiate, peer });
  await ours.must("lock");
  await lab.watch();
  lab.offer({ rate: 20 });
  return ours;
}

/** SPIs of our Child SAs, and whether each child has a pair. */
async function sasOf(ours: Underlock): Promise<{ isUp: boolean; gre: string[]; all: string[] }> {
  const { children } = peerOf(await statusOf(ours), "b");
  const spis = (wanted: (name: string) => boolean) =>
    children.flatMap(({ name, sas }) => (wanted(name) ? sas.map(({ spiIn }) => spiIn) : []));
  const isUp = children.every(({ state, sas }) => state === "up" && sas.length === 1);
  return { isUp, gre: spis((name) => name === "gre"), all: spis(() => true) };
}

/** Everything carries pings, and nothing of ours was seen in clear. */
async function finish(lab: Lab, ours: Underlock): Promise<void> {
  for (const { inner } of lab.topology.overlays)
    await lab.gateway("a").machine.run(`ping -n -q -c 3 -i 0.1 -W 5 -I ${inner.a} ${inner.b}`);
  await sleep(500);
  const { children } = peerOf(await statusOf(ours), "b");
  expect(children.map(({ sas }) => sas.length)).toEqual([1, 1, 1]);
  expect(logLines(ours).filter(({ event }) => event === "internal-error")).toEqual([]);
  const wire = await lab.wireFrom("a", kindsAfterStop);
  expect(wire.leaks).toEqual([]);
  expect(wire.dropped).toBe(0);
}

async function strongswan(lab: Lab, version: StrongswanVersion): Promise<Other> {
  const children = [...strongswanChildren.gre(), ...strongswanChildren.vxlan(4789)];
  const charon = await lab.strongswan("b", version, [
    connection(lab, { here: "b", there: "a", family: "v4", children }),
  ]);
  return {
    async initiate() {
      for (const { name } of children) await charon.initiate(name);
    },
    async delete(what) {
      await (what === "child" ? charon.terminateChild("gre") : charon.terminate("a"));
    },
    stop: (signal) => charon.stop(signal),
  };
}

async function libreswan(lab: Lab): Promise<Other> {
  const connections = libreswanConnections(lab, { here: "b", there: "a", family: "v4" }).filter(
    ({ name }) => name.startsWith("gre") || name.startsWith("vxlan4789"),
  );
  const pluto = await lab.libreswan("b", connections);
  return {
    async initiate() {
      for (const { name } of connections) await pluto.initiate(name);
    },
    async delete(what) {
      const owner = what === "child" ? "gre-v4" : await ikeOwner();
      await pluto.delete(what, owner);
    },
    stop: (signal) => pluto.stop(signal),
  };

  /** The IKE SA belongs to the connection that opened it. */
  async function ikeOwner(): Promise<string> {
    for (const { name } of connections) if ((await pluto.sas(name)).ike.length > 0) return name;
    throw new Error("Libreswan has no IKE SA");
  }
}
