// NATs between the ends, in a real kernel: found, kept open, and followed when they forget.
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect } from "vitest";
import { strongswanChildren } from "./ends.ts";
import { type FrameKind, protectedKinds } from "./lab/frames.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import type { Machine } from "./lab/machine.ts";
import { waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, type Strongswan, strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;
const spec = { gateways, lan: "host", seconds: 240 } as const;
const noneLost = { 56: 0, 1300: 0 };
const psk = "a secret of the lab";

interface Where {
  readonly here: string;
  readonly there: string;
  readonly local: string;
  readonly remote: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

function underlock(lab: Lab, { here, there, local, remote, more }: Where): Underlock {
  const line = `${lab.gateway(here).lan.v4.prefix} <-> ${lab.gateway(there).lan.v4.prefix}`;
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: local },
      peers: {
        [there]: {
          remote,
          id: `${there}.example`,
          auth: { psk: "file:peer.psk" },
          protect: [{ tunnel: line }],
          ...more,
        },
      },
    },
    files: { "peer.psk": `${psk}\n` },
  });
}

function connection(lab: Lab, { here, there, local, remote }: Where): Connection {
  const localTs = lab.gateway(here).lan.v4.prefix;
  const remoteTs = lab.gateway(there).lan.v4.prefix;
  return {
    name: there,
    localAddress: local,
    remoteAddress: remote,
    localId: `${here}.example`,
    remoteId: `${there}.example`,
    secret: psk,
    children: [{ name: "net", mode: "tunnel", localTs, remoteTs }],
  };
}

/** Pings between the LANs in both directions. */
async function lost(lab: Lab): Promise<object[]> {
  const [left, right] = gateways.map((name) => lab.gateway(name).inside);
  if (left === undefined || right === undefined) throw new Error("no LANs");
  const sizes = { sizes: [56, 1300] };
  return [
    await lostPings(left.machine, left.address.v4, right.address.v4, sizes),
    await lostPings(right.machine, right.address.v4, left.address.v4, sizes),
  ];
}

async function spis(machine: Machine): Promise<number[]> {
  return (await kernelSas(machine)).map(({ spi }) => spi).sort((one, other) => one - other);
}

/** Nothing in clear from a gateway of ours, and everything that is protected inside UDP. */
async function onlyUdp(lab: Lab, from: string): Promise<Record<FrameKind, number>> {
  const allowed = protectedKinds.filter((kind) => kind !== "esp" && kind !== "ah");
  const wire = await lab.wireFrom(from, allowed);
  expect(wire.leaks).toEqual([]);
  expect(wire.dropped).toBe(0);
  return wire.counts;
}

/** GRE and VXLAN devices between a, behind the NAT, and b; each end names the other as it sees it. */
async function overlays(lab: Lab, inside: string, outside: string): Promise<void> {
  const server = lab.gateway("b").address.v4;
  const devices = (local: string, remote: string, number: number) => [
    `link add gre9 type gre local ${local} remote ${remote} ttl 64`,
    `link add vx9 type vxlan id 42 local ${local} remote ${remote} dstport 4789 udpcsum`,
    `address add 172.16.9.${number}/24 dev gre9`,
    `address add 172.16.10.${number}/24 dev vx9`,
    "link set gre9 up",
    "link set vx9 up",
  ];
  await lab.gateway("a").machine.ip(devices(inside, server, 1));
  await lab.gateway("b").machine.ip(devices(server, outside, 2));
}

async function lostOnOverlays(lab: Lab): Promise<object[]> {
  const [a, b] = gateways.map((name) => lab.gateway(name).machine);
  if (a === undefined || b === undefined) throw new Error("no gateways");
  const sizes = { sizes: [56, 1300] };
  return [
    await lostPings(a, "172.16.9.1", "172.16.9.2", sizes),
    await lostPings(b, "172.16.9.2", "172.16.9.1", sizes),
    await lostPings(a, "172.16.10.1", "172.16.10.2", sizes),
    await lostPings(b, "172.16.10.2", "172.16.10.1", sizes),
  ];
}

/** Starts another one where one ran before, whose log says that it was ready. */
async function begin(end: Underlock): Promise<void> {
  await end.start();
  await waitFor("that it answers", async () => (await end.command("status")).status === 0);
}

const allArrived = [noneLost, noneLost, noneLost, noneLost];
const transport = { protect: ["gre", "vxlan"] };
const ikev1 = { ike: "aes256-sha256-modp2048", esp: "aes256-sha256" };
/** Our sections and strongSwan's connections, with either version of IKE. */
const versionsOfIke = [
  { version: 2, ours: transport, proposals: {} },
  { version: 1, ours: { ...transport, ...ikev1, ikev1: "main" }, proposals: { esp: ikev1.esp } },
] as const;
const plain = { gateways, seconds: 240 } as const;

describe("transport mode through a NAT", () => {
  scenario("GRE and VXLAN with checksums, Underlock against Underlock; the NAT restarts", plain, async (lab) => {
    const nat = await lab.nat({ behind: ["a"] });
    const server = lab.gateway("b").address.v4;
    await overlays(lab, nat.inside("a"), nat.address);
    const liveness = { liveness: "5s" };
    const a = underlock(lab, {
      here: "a",
      there: "b",
      local: nat.inside("a"),
      remote: server,
      more: { ...transport, ...liveness },
    });
    const b = underlock(lab, { here: "b", there: "a", local: server, remote: "any", more: transport });
    await Promise.all([a.must("lock"), b.must("lock")]);
    await lab.watch();
    await Promise.all([a.start(), b.start()]);
    await a.must("up", "b");
    expect(await lostOnOverlays(lab)).toEqual(allArrived);
    const before = await spis(lab.gateway("b").machine);
    await nat.restart();
    await waitFor("the new mapping", () => b.log().includes("path-changed"), 30_000);
    expect(await lostOnOverlays(lab)).toEqual(allArrived);
    expect(await spis(lab.gateway("b").machine)).toEqual(before);
    await onlyUdp(lab, "b");
  });

  for (const version of strongswanVersions) {
    // IKEv1 with one of them: each round takes a while here.
    const rounds = versionsOfIke.filter((one) => one.version === 2 || version === "6.0.1");
    scenario(
      `GRE and VXLAN with strongSwan ${version} behind it, and with us behind it, in ${rounds.length} versions of IKE`,
      plain,
      async (lab) => {
        const nat = await lab.nat({ behind: ["a"] });
        const server = lab.gateway("b").address.v4;
        await overlays(lab, nat.inside("a"), nat.address);
        for (const { version: ike, ours, proposals } of rounds) {
          const children = [...strongswanChildren.gre(), ...strongswanChildren.vxlan(4789)].map((child) => ({
            ...child,
            ...proposals,
          }));
          const theirs = (where: Where) => ({
            ...connection(lab, where),
            ...(ike === 1 ? { version: ike, ike: ikev1.ike } : {}),
            children,
          });
          const b = underlock(lab, { here: "b", there: "a", local: server, remote: "any", more: ours });
          await begin(b);
          const caller = { here: "a", there: "b", local: nat.inside("a"), remote: server };
          const charon = await lab.strongswan("a", version, [theirs(caller)]);
          for (const { name } of children) await charon.initiate(name);
          expect(await lostOnOverlays(lab)).toEqual(allArrived);
          await charon.stop();
          await b.stop();
          await b.must("unlock");
          const other = await lab.strongswan("b", version, [
            theirs({ here: "b", there: "a", local: server, remote: "%any" }),
          ]);
          const a = underlock(lab, { ...caller, more: ours });
          await begin(a);
          await a.must("up", "b");
          expect({ ike, lost: await lostOnOverlays(lab) }).toEqual({ ike, lost: allArrived });
          await a.stop();
          await a.must("unlock");
          await other.stop();
        }
      },
    );
  }
});

describe("a NAT, Underlock against Underlock", () => {
  scenario(
    "the initiator behind one: packets pass, keepalives leave, and a NAT that restarts is followed",
    spec,
    async (lab) => {
      const nat = await lab.nat({ behind: ["a"] });
      const server = lab.gateway("b").address.v4;
      const a = underlock(lab, {
        here: "a",
        there: "b",
        local: nat.inside("a"),
        remote: server,
        more: { nat: { keepalive: "2s" }, liveness: "5s" },
      });
      const b = underlock(lab, { here: "b", there: "a", local: server, remote: "any" });
      const capture = await lab.watch();
      await Promise.all([a.must("lock"), b.must("lock")]);
      const offer = lab.offer();
      await Promise.all([a.start(), b.start()]);
      await a.must("up", "b");
      expect(await lost(lab)).toEqual([noneLost, noneLost]);
      await offer.stop();
      const before = await spis(lab.gateway("b").machine);
      const quiet = capture.counts()["nat-keepalive"];
      await sleep(9_000);
      const kept = capture.counts()["nat-keepalive"] - quiet;
      expect(kept).toBeGreaterThanOrEqual(2);
      expect(kept).toBeLessThanOrEqual(6);
      await nat.restart();
      // The inside speaks, and is heard from another port.
      const { inside } = lab.gateway("a");
      await lostPings(inside.machine, inside.address.v4, lab.gateway("b").inside.address.v4, { sizes: [56] });
      await waitFor("the new mapping", () => b.log().includes("path-changed"));
      expect(await lost(lab)).toEqual([noneLost, noneLost]);
      expect(await spis(lab.gateway("b").machine)).toEqual(before);
      await nat.restart();
      // Nobody speaks: the signs of life bring the way back.
      const [, right] = gateways.map((name) => lab.gateway(name).inside);
      await waitFor("the mapping after that", () => b.log().split("path-changed").length === 3);
      expect(
        await lostPings(right?.machine ?? inside.machine, right?.address.v4 ?? "", inside.address.v4, { sizes: [56] }),
      ).toEqual({ 56: 0 });
      expect(await spis(lab.gateway("b").machine)).toEqual(before);
      const counts = await onlyUdp(lab, "b");
      expect(counts["esp-in-udp"]).toBeGreaterThan(50);
      expect(counts.esp).toBe(0);
    },
  );

  scenario("kill -9 at either end: traffic goes on without a daemon, and a new one takes over", spec, async (lab) => {
    const nat = await lab.nat({ behind: ["a"] });
    const server = lab.gateway("b").address.v4;
    const a = underlock(lab, { here: "a", there: "b", local: nat.inside("a"), remote: server });
    const b = underlock(lab, { here: "b", there: "a", local: server, remote: "any" });
    await Promise.all([a.must("lock"), b.must("lock")]);
    await Promise.all([a.start(), b.start()]);
    await a.must("up", "b");
    expect(await lost(lab)).toEqual([noneLost, noneLost]);
    await lab.watch();
    const offer = lab.offer({ rate: 50 });
    await sleep(1_000);
    await a.crash();
    await sleep(3_000);
    await a.start();
    await a.must("up", "b");
    await sleep(8_000);
    await b.crash();
    await sleep(3_000);
    await b.start();
    await sleep(3_000);
    for (const { flow, sent, received } of await offer.stop()) {
      expect(sent).toBeGreaterThan(500);
      // What is on its way when the flow ends has no answer yet.
      expect(`${flow}: ${Math.max(0, sent - received - 1)} lost`).toBe(`${flow}: 0 lost`);
    }
    await onlyUdp(lab, "a");
    // A polite end leaves nobody behind.
    await a.stop();
    await b.stop();
    for (const name of gateways) {
      const { machine } = lab.gateway(name);
      await waitFor(`${name}: the ports to be free`, async () => !(await machine.run("ss -uan")).includes(":4500"));
    }
  });

  scenario("both behind different ones, the caller's restarts", spec, async (lab) => {
    const nearer = await lab.nat({ behind: ["a"] });
    const farther = await lab.nat({ behind: ["b"], forwardTo: "b" });
    const a = underlock(lab, {
      here: "a",
      there: "b",
      local: nearer.inside("a"),
      remote: farther.address,
      more: { liveness: "5s" },
    });
    const b = underlock(lab, {
      here: "b",
      there: "a",
      local: farther.inside("b"),
      remote: "any",
      more: { liveness: "5s" },
    });
    await lab.watch();
    await Promise.all([a.must("lock"), b.must("lock")]);
    await Promise.all([a.start(), b.start()]);
    await a.must("up", "b");
    expect(await lost(lab)).toEqual([noneLost, noneLost]);
    const before = await spis(lab.gateway("b").machine);
    await nearer.restart();
    await waitFor("the new mapping", () => b.log().includes("path-changed"), 30_000);
    expect(await lost(lab)).toEqual([noneLost, noneLost]);
    expect(await spis(lab.gateway("b").machine)).toEqual(before);
    // A NAT that has forgotten a mapping says so to whoever still uses it.
    const wire = await lab.wire([...protectedKinds.filter((kind) => kind !== "esp"), "icmp-error-about-ipsec"]);
    expect(wire.leaks).toEqual([]);
  });
});

describe.each(strongswanVersions)("a NAT, with strongSwan %s", (version) => {
  scenario("we behind it call; the NAT restarts", spec, async (lab) => {
    const nat = await lab.nat({ behind: ["a"] });
    const server = lab.gateway("b").address.v4;
    const where = { here: "b", there: "a", local: server, remote: "%any" };
    const charon = await lab.strongswan("b", version, [connection(lab, where)]);
    const a = underlock(lab, {
      here: "a",
      there: "b",
      local: nat.inside("a"),
      remote: server,
      more: { liveness: "5s" },
    });
    await a.start();
    await a.must("up", "b");
    expect(await lost(lab)).toEqual([noneLost, noneLost]);
    await nat.restart();
    const { inside } = lab.gateway("a");
    await lostPings(inside.machine, inside.address.v4, lab.gateway("b").inside.address.v4, { sizes: [56] });
    await waitFor(
      "charon to follow",
      async () => (await lost(lab)).every((each) => JSON.stringify(each) === JSON.stringify(noneLost)),
      30_000,
    );
    await charon.stop();
  });

  scenario("it calls from behind it; the NAT restarts", spec, async (lab) => {
    const nat = await lab.nat({ behind: ["a"] });
    const server = lab.gateway("b").address.v4;
    const b = underlock(lab, { here: "b", there: "a", local: server, remote: "any" });
    await b.must("lock");
    await lab.watch();
    await b.start();
    const charon: Strongswan = await lab.strongswan("a", version, [
      connection(lab, { here: "a", there: "b", local: nat.inside("a"), remote: server }),
    ]);
    await charon.initiate("net");
    expect(await lost(lab)).toEqual([noneLost, noneLost]);
    const before = await spis(lab.gateway("b").machine);
    await nat.restart();
    const { inside } = lab.gateway("a");
    await lostPings(inside.machine, inside.address.v4, lab.gateway("b").inside.address.v4, { sizes: [56] });
    await waitFor("the new mapping", () => b.log().includes("path-changed"));
    expect(await lost(lab)).toEqual([noneLost, noneLost]);
    expect(await spis(lab.gateway("b").machine)).toEqual(before);
    await onlyUdp(lab, "b");
    await charon.stop();
  });
});
