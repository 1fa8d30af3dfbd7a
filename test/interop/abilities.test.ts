// What Libreswan can do of the life of a tunnel, and strongSwan beside what other files show of it: docs/interop.md.
import { describe, expect } from "vitest";
import { type Keys, libreswanSteps, plain } from "./abilities/libreswan-steps.ts";
import { runSteps } from "./abilities/stage.ts";
import { type CharonKeys, strongswanSteps } from "./abilities/strongswan-steps.ts";
import { peerOf, statusOf } from "./daemon-words.ts";
import { connection, libreswanConnections, secret, strongswanChildren } from "./ends.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import type { Libreswan, LibreswanConnection } from "./lab/libreswan.ts";
import { waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, type Strongswan, strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const spec = { gateways: ["a", "b"], lan: "device", seconds: 300 } as const;

describe("with Libreswan 5.2", () => {
  scenario("all that it can do, in the roles in which it can", spec, async (lab) => {
    const [base] = libreswanConnections(lab, { here: "b", there: "a", family: "v4" }).slice(-1);
    if (base === undefined) throw new Error("no connection");
    const own = (more: Keys): LibreswanConnection => ({ ...base, more });
    let pluto: Libreswan | undefined;
    const started = () => {
      if (pluto === undefined) throw new Error("Libreswan was not started");
      return pluto;
    };
    await runSteps(lab, "Libreswan 5.2", libreswanSteps(lab, started), async () => {
      pluto = await lab.libreswan("b", [own(plain)]);
      return {
        load: async (more) => await started().load(own(more)),
        initiate: async () => await started().initiate(base.name),
        close: async () => await started().down(base.name),
        log: () => started().log(),
      };
    });
  });

  scenario("behind a NAT, and with us behind it; the NAT restarts", { ...spec, lan: "host" }, async (lab) => {
    const nat = await lab.nat({ behind: ["b"] });
    const inside = nat.inside("b");
    const outside = lab.gateway("a").address.v4;
    const called = lanTunnel(lab, "a", "b", { address: outside, remote: "any" });
    await called.must("lock");
    await called.start();
    const [base] = libreswanConnections(lab, { here: "b", there: "a", family: "v4" }).slice(-1);
    if (base === undefined) throw new Error("no connection");
    const caller = await lab.libreswan("b", [{ ...base, localAddress: inside }]);
    await caller.initiate(base.name);
    await lanPings(lab);
    const before = await kernelSas(lab.gateway("a").machine);
    expect(before.every(({ encap }) => encap !== undefined)).toBe(true);
    await nat.restart();
    // The inside speaks, and is heard from another port.
    const [there, here] = [lab.gateway("b").inside, lab.gateway("a").inside];
    await lostPings(there.machine, there.address.v4, here.address.v4, { sizes: [56], count: 1 });
    await waitFor("the new mapping", () => called.log().includes("path-changed"));
    await lanPings(lab);
    expect((await kernelSas(lab.gateway("a").machine)).map(({ spi }) => spi)).toEqual(before.map(({ spi }) => spi));
    await caller.stop();
    await called.stop();
    await called.must("unlock");
    const [other] = libreswanConnections(lab, { here: "a", there: "b", family: "v4", more: { mobike: "yes" } }).slice(
      -1,
    );
    if (other === undefined) throw new Error("no connection");
    await lab.libreswan("a", [{ ...other, remoteAddress: "%any" }]);
    const ours = lanTunnel(lab, "b", "a", { address: inside, remote: outside });
    await ours.must("lock");
    await ours.start();
    await ours.must("up", "a");
    await lanPings(lab);
    const spis = (await kernelSas(lab.gateway("b").machine)).map(({ spi }) => spi);
    await nat.restart();
    await waitFor("that Libreswan follows", async () => {
      const lost = await lostPings(here.machine, here.address.v4, there.address.v4, { sizes: [56], count: 1 });
      return lost[56] === 0;
    });
    await lanPings(lab);
    expect((await kernelSas(lab.gateway("b").machine)).map(({ spi }) => spi)).toEqual(spis);
  });

  scenario("sent to another gateway, and sending us there", { ...spec, gateways: ["a", "b", "c"] }, async (lab) => {
    const [a, b, c] = [lab.gateway("a"), lab.gateway("b"), lab.gateway("c")];
    const gateway = (here: string, callers: readonly string[]) =>
      lab.underlock(here, {
        config: {
          local: { id: "gateway.example", address: lab.gateway(here).address.v4 },
          peers: Object.fromEntries(
            callers.map((name) => [
              name,
              {
                remote: lab.gateway(name).address.v4,
                id: `${name}.example`,
                auth: { psk: "file:peer.psk" },
                protect: [{ tunnel: `10.0.0.0/16 <-> ${lab.gateway(name).lan.v4.prefix}` }],
                initiate: false,
              },
            ]),
          ),
        },
        files: { "peer.psk": secret },
      });
    const first = gateway("a", ["b"]);
    const second = gateway("c", ["a", "b"]);
    await Promise.all([first.start(), second.start()]);
    const callsGateway: LibreswanConnection = {
      name: "net",
      localAddress: b.address.v4,
      remoteAddress: a.address.v4,
      localId: "b.example",
      remoteId: "gateway.example",
      secret,
      mode: "tunnel",
      selectors: { leftsubnet: b.lan.v4.prefix, rightsubnet: "10.0.0.0/16" },
      more: { "accept-redirect": "yes" },
    };
    const served: LibreswanConnection = {
      ...callsGateway,
      remoteAddress: a.address.v4,
      localId: "gateway.example",
      remoteId: "a.example",
      selectors: { leftsubnet: "10.0.0.0/16", rightsubnet: a.lan.v4.prefix },
    };
    // The second is never up, and there for the sake of its secret.
    const key = { ...served, name: "key", remoteAddress: "192.0.2.99" };
    const pluto = await lab.libreswan("b", [callsGateway, key]);
    const at = async (daemon: Underlock, peer: string) => peerOf(await statusOf(daemon), peer).ikeSas.length;
    await pluto.initiate("net");
    expect([await at(first, "b"), await at(second, "b")]).toEqual([1, 0]);
    await first.ask("redirect", { peer: "b", to: c.address.v4 });
    await waitFor("that Libreswan is at the second gateway", async () => (await at(second, "b")) === 1);
    await waitFor("that it has left the first", async () => (await at(first, "b")) === 0);
    await pluto.down("net");
    await pluto.load(callsGateway);
    const seen = pluto.log().length;
    // whack ends with the first answer, which sends it away.
    await pluto.refusal("net");
    await waitFor("that it is sent to the second gateway", async () => (await at(second, "b")) === 1);
    expect(await at(first, "b")).toBe(0);
    expect(pluto.log().slice(seen)).toMatch(/redirect/i);
    await pluto.down("net");
    await first.stop();

    first.configure({
      local: { id: "a.example", address: a.address.v4 },
      peers: {
        gateway: {
          remote: [b.address.v4, c.address.v4],
          id: "gateway.example",
          auth: { psk: "file:peer.psk" },
          protect: [{ tunnel: `${a.lan.v4.prefix} <-> 10.0.0.0/16` }],
          initiate: false,
        },
      },
    });
    await first.start();
    await pluto.load(served);
    await first.must("up", "gateway");
    expect(await at(second, "a")).toBe(0);
    await pluto.must("--name", "net", "--redirect-to", c.address.v4);
    await waitFor("that our end is at the second gateway", async () => (await at(second, "a")) === 1);
    await first.must("down", "gateway");
    await pluto.load({ ...served, more: { "send-redirect": "yes", "redirect-to": c.address.v4 } });
    await first.must("up", "gateway");
    await waitFor("that our end is at the second gateway again", async () => (await at(second, "a")) === 1);
    expect(pluto.log()).toMatch(/redirect/i);
  });
});

/** Our end of a tunnel between the two LANs. */
function lanTunnel(lab: Lab, here: string, there: string, where: { address: string; remote: string }): Underlock {
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: where.address },
      peers: {
        [there]: {
          remote: where.remote,
          id: `${there}.example`,
          auth: { psk: "file:peer.psk" },
          protect: [{ tunnel: `${lab.gateway(here).lan.v4.prefix} <-> ${lab.gateway(there).lan.v4.prefix}` }],
          liveness: "5s",
          ...(where.remote === "any" ? {} : { initiate: false }),
        },
      },
    },
    files: { "peer.psk": secret },
  });
}

async function lanPings(lab: Lab): Promise<void> {
  const [a, b] = [lab.gateway("a").inside, lab.gateway("b").inside];
  const small = { sizes: [56] };
  expect(await lostPings(a.machine, a.address.v4, b.address.v4, small)).toEqual({ 56: 0 });
  expect(await lostPings(b.machine, b.address.v4, a.address.v4, small)).toEqual({ 56: 0 });
}

describe.each(strongswanVersions)("with strongSwan %s", (version) => {
  scenario("what no other scenario shows of it", spec, async (lab) => {
    const net = strongswanChildren.net(lab.gateway("b").lan.v4.prefix, lab.gateway("a").lan.v4.prefix);
    const base = connection(lab, { here: "b", there: "a", family: "v4", children: [] });
    const own = ({ child, ...keys }: CharonKeys): Connection => ({
      ...base,
      ...keys,
      children: net.map((one) => ({ ...one, ...child })),
    });
    let charon: Strongswan | undefined;
    const started = () => {
      if (charon === undefined) throw new Error("charon was not started");
      return charon;
    };
    await runSteps(lab, `strongSwan ${version}`, strongswanSteps(lab, version, started), async () => {
      // A connection that is never up, for the sake of its secret.
      const key = { ...base, name: "x", remoteAddress: "192.0.2.99", localId: "operator-b.example" };
      charon = await lab.strongswan("b", version, [key, own({})], { make_before_break: "yes" });
      return {
        load: async (keys) => await started().load(own(keys)),
        initiate: async () => await started().initiate("net"),
        close: async () => await started().end("a"),
        log: () => started().log(),
      };
    });
  });
});
