// XAuth with mode config: strongSwan and Libreswan log in with us and we with them, in main and aggressive mode, addresses asked for and
// sent.
import { describe, expect } from "vitest";
import { peerOf, statusOf } from "./daemon-words.ts";
import { secret } from "./ends.ts";
import type { LibreswanConnection } from "./lab/libreswan.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, type Strongswan, strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const proposals = { ike: "aes256-sha256-modp2048", esp: "aes256-sha256" };
const password = "open sesame";

/** Each way is a peer at an address of its own; `inside` is the caller's, a pool of one. */
const ways = [
  { name: "pull", mode: "main", delivery: "pull", remote: "192.0.2.101", inside: "10.9.1.1" },
  { name: "push", mode: "aggressive", delivery: "push", remote: "192.0.2.102", inside: "10.9.2.1" },
] as const;

type Way = (typeof ways)[number];

/** In `-called` strongSwan calls, in `-calling` we do. */
function ourEnd(lab: Lab): Underlock {
  const [ours, theirs] = [lab.gateway("a").lan.v4.prefix, lab.gateway("b").lan.v4.prefix];
  const section = ({ name, mode }: Way, remote: string) => ({
    remote,
    id: `${name}.b.example`,
    auth: { psk: "file:peer.psk" },
    ikev1: mode,
    ...proposals,
    initiate: false,
  });
  const peers = ways.flatMap((way) => [
    [
      `${way.name}-called`,
      {
        ...section(way, way.remote),
        xauth: { users: { alice: "file:alice.password" } },
        "inner-address": { pool: `${way.inside}/32`, delivery: way.delivery },
        protect: [{ tunnel: `${ours} <-> ${way.inside}/32` }],
      },
    ],
    [
      `${way.name}-calling`,
      {
        ...section(way, otherOf(way)),
        xauth: { user: "bob", password: "file:alice.password" },
        "inner-address": { ask: true, delivery: way.delivery },
        protect: [{ tunnel: `${insideOf(way)}/32 <-> ${theirs}` }],
      },
    ],
  ]);
  return lab.underlock("a", {
    config: {
      local: { id: "a.example", address: lab.gateway("a").address.v4 },
      peers: Object.fromEntries(peers),
    },
    files: { "peer.psk": `${secret}\n`, "alice.password": `${password}\n` },
  });
}

/** Where strongSwan is when we call, and the address that it then gives us. */
const otherOf = ({ remote }: Way) => remote.replace(".10", ".20");
const insideOf = ({ inside }: Way) => inside.replace("10.9.", "10.8.");

function connections(lab: Lab, way: Way): Connection[] {
  const { name, mode, delivery } = way;
  const [localId, remoteId] = [`${name}.b.example`, "a.example"];
  const common = {
    version: 1,
    ike: proposals.ike,
    remoteAddress: lab.gateway("a").address.v4,
    localId,
    remoteId,
    secret,
  } as const;
  const more = { aggressive: mode === "aggressive" ? "yes" : "no", pull: delivery === "pull" ? "yes" : "no" };
  const psk = { local: { auth: "psk", id: localId }, remote: { auth: "psk", id: remoteId } };
  const child = { mode: "tunnel", esp: proposals.esp } as const;
  return [
    {
      ...common,
      name: `${name}-called`,
      localAddress: way.remote,
      more: { ...more, vips: ["0.0.0.0"], ...psk, "local-xauth": { auth: "xauth", xauth_id: "alice" } },
      children: [{ ...child, name: `${name}-called`, localTs: "dynamic", remoteTs: lab.gateway("a").lan.v4.prefix }],
    },
    {
      ...common,
      name: `${name}-calling`,
      localAddress: otherOf(way),
      more: { ...more, pools: [name], ...psk, "remote-xauth": { auth: "xauth" } },
      children: [{ ...child, name: `${name}-calling`, localTs: lab.gateway("b").lan.v4.prefix, remoteTs: "dynamic" }],
    },
  ];
}

async function theirEnd(lab: Lab, version: (typeof strongswanVersions)[number]): Promise<Strongswan> {
  const charon = await lab.strongswan("b", version, [], {
    i_dont_care_about_security_and_use_aggressive_mode_psk: "yes",
  });
  await charon.loadPassword("alice", password);
  await charon.loadPassword("bob", "another word");
  for (const way of ways) {
    await charon.loadPool(way.name, `${insideOf(way)}/32`);
    for (const connection of connections(lab, way)) await charon.load(connection);
  }
  return charon;
}

describe.each(strongswanVersions)("strongSwan %s", (version) => {
  const spec = { gateways: ["a", "b"], lan: "device", seconds: 90 } as const;
  scenario("logs in with us and is logged in with, in both modes", spec, async (lab) => {
    const [a, b] = [lab.gateway("a"), lab.gateway("b")];
    await b.machine.ip(
      ways.flatMap((way) => [`address add ${way.remote}/24 dev u0`, `address add ${otherOf(way)}/24 dev u0`]),
    );
    await a.machine.ip(ways.map((way) => `address add ${insideOf(way)}/32 dev lo`));
    const ours = ourEnd(lab);
    await ours.start();
    const charon = await theirEnd(lab, version);
    for (const { name, inside } of ways) {
      expect(await charon.refusal(`${name}-called`, 10)).toBeUndefined();
      const { state, ikeSas } = peerOf(await statusOf(ours), `${name}-called`);
      expect({ state, who: ikeSas.map(({ remoteId }) => remoteId) }).toEqual({ state: "up", who: ["alice"] });
      expect(await lostPings(b.machine, inside, a.lan.v4.address, { sizes: [56, 1300] })).toEqual({ 56: 0, 1300: 0 });
      await charon.terminate(`${name}-called`);
    }
    // The other end has another password: refused, and nothing stands. Then it has ours.
    await ours.command("up", "pull-calling");
    expect(peerOf(await statusOf(ours), "pull-calling").reason).toMatchObject({
      code: "peer-refused-login",
      user: "bob",
    });
    await ours.must("down", "pull-calling");
    await charon.loadPassword("bob", password);
    for (const way of ways) {
      await ours.must("up", `${way.name}-calling`);
      expect(await lostPings(a.machine, insideOf(way), b.lan.v4.address, { sizes: [56, 1300] })).toEqual({
        56: 0,
        1300: 0,
      });
      await ours.must("down", `${way.name}-calling`);
    }
    expect(await charon.sas()).toEqual([]);
    // A password of theirs that we do not have.
    await charon.loadPassword("alice", "another word");
    expect(await charon.refusal("pull-called", 10)).toContain("establishing");
    expect(peerOf(await statusOf(ours), "pull-called").reason).toMatchObject({ code: "login-failed", user: "alice" });
    expect(await ours.stop()).toBe(0);
  });
});

/** pluto's ends of the first way: it logs in and asks, and is logged in with and asked, whatever the password. */
function libreswanConnections(lab: Lab, way: Way): LibreswanConnection[] {
  const [ours, theirs] = [lab.gateway("a").lan.v4.prefix, lab.gateway("b").lan.v4.prefix];
  const common = {
    remoteAddress: lab.gateway("a").address.v4,
    localId: `${way.name}.b.example`,
    remoteId: "a.example",
    secret,
    mode: "tunnel",
  } as const;
  const more = { keyexchange: "ikev1", ike: "aes256-sha2_256-modp2048", esp: "aes256-sha2_256", pfs: "no" };
  const client = (side: string) => ({ [`${side}xauthclient`]: "yes", [`${side}modecfgclient`]: "yes" });
  const server = (side: string) => ({ [`${side}xauthserver`]: "yes", [`${side}modecfgserver`]: "yes" });
  return [
    {
      ...common,
      name: "called",
      localAddress: way.remote,
      selectors: { rightsubnet: ours, leftusername: "alice" },
      more: { ...more, ...client("left"), ...server("right"), modecfgpull: "yes" },
      login: { user: "alice", password },
    },
    {
      ...common,
      name: "calling",
      localAddress: otherOf(way),
      selectors: { leftsubnet: theirs, rightaddresspool: `${insideOf(way)}-${insideOf(way)}` },
      more: { ...more, ...server("left"), ...client("right"), modecfgpull: "yes", xauthby: "alwaysok" },
    },
  ];
}

scenario(
  "Libreswan 5.2 logs in with us and is logged in with, in main mode",
  { gateways: ["a", "b"], lan: "device", seconds: 90 },
  async (lab) => {
    const [a, b] = [lab.gateway("a"), lab.gateway("b")];
    const [way] = ways;
    await b.machine.ip([
      `address add ${way.remote}/24 dev u0`,
      `address add ${otherOf(way)}/24 dev u0`,
      `address add ${way.inside}/32 dev lo`,
      `route add ${insideOf(way)}/32 via ${a.address.v4}`,
    ]);
    await a.machine.ip([`address add ${insideOf(way)}/32 dev lo`]);
    const ours = ourEnd(lab);
    await ours.start();
    const pluto = await lab.libreswan("b", libreswanConnections(lab, way));
    expect(await pluto.refusal("called")).toBeUndefined();
    const { state, ikeSas } = peerOf(await statusOf(ours), "pull-called");
    expect({ state, who: ikeSas.map(({ remoteId }) => remoteId) }).toEqual({ state: "up", who: ["alice"] });
    const sizes = { sizes: [56, 1300] };
    expect(await lostPings(b.machine, way.inside, a.lan.v4.address, sizes)).toEqual({ 56: 0, 1300: 0 });
    await pluto.down("called");
    await ours.must("up", "pull-calling");
    expect(await lostPings(a.machine, insideOf(way), b.lan.v4.address, sizes)).toEqual({ 56: 0, 1300: 0 });
    expect(await ours.stop()).toBe(0);
  },
);
