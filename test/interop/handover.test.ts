// How ends prove who they are, and how one IKE SA gives way to another: childless, several rounds, reauthentication, redirect.
import { expect } from "vitest";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { connection, libreswanConnections, secret, strongswanChildren, underlock } from "./ends.ts";
import { Flood } from "./lab/flood.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Strongswan, StrongswanVersion } from "./lab/strongswan.ts";
import { strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const between = ["a", "b"] as const;
const spec = { gateways: between, seconds: 240, overlays: [{ kind: "gre", between, family: "v4" }] } as const;
const family = "v4";

/** The inner address of a gateway's GRE tunnel. */
function inner(lab: Lab, gateway: string): string {
  return lab.topology.overlays[0]?.inner[gateway] ?? "";
}

async function expectTraffic(lab: Lab): Promise<void> {
  const lost = await lostPings(lab.gateway("a").machine, inner(lab, "a"), inner(lab, "b"), { sizes: [56] });
  expect(lost).toEqual({ 56: 0 });
}

/** The payloads of the last message of a kind in charon's log: "IKE_AUTH request 1". */
function payloads(charon: Strongswan, message: string): string {
  return (
    charon
      .log()
      .match(new RegExp(`${message} \\[[^\\]]*\\]`, "g"))
      ?.at(-1) ?? ""
  );
}

const gre = strongswanChildren.gre();

scenario("IKE_AUTH without a Child SA, with strongSwan 6.0.1 in both roles", spec, async (lab) => {
  const configure = (childless: string) =>
    ({ here: "a", there: "b", family, protect: ["gre"], initiate: false, peer: { childless } }) as const;
  const calls = (childless: string) => ({
    ...connection(lab, { here: "b", there: "a", family, children: gre }),
    more: { childless },
  });
  const ours = underlock(lab, configure("prefer"));
  await ours.must("lock");
  await ours.start();
  const charon = await lab.strongswan("b", "6.0.1", [calls("allow")]);
  for (const [childless, child] of [
    ["allow", false],
    ["force", false],
    ["never", true],
  ] as const) {
    await charon.load(calls(childless));
    await ours.must("up", "b");
    expect([childless, payloads(charon, "parsed IKE_AUTH request 1").includes(" SA ")]).toEqual([childless, child]);
    await expectTraffic(lab);
    await charon.terminate("a");
  }
  for (const [childless, child] of [
    ["force", false],
    ["allow", true],
  ] as const) {
    await charon.load(calls(childless));
    await charon.initiate("gre");
    expect([childless, payloads(charon, "generating IKE_AUTH request 1").includes(" SA ")]).toEqual([childless, child]);
    await expectTraffic(lab);
    await charon.terminate("a");
  }
  await ours.stop();
  const strict = underlock(lab, configure("never"));
  await strict.start();
  await charon.load(calls("force"));
  expect(await charon.refusal("gre")).toBeDefined();
  await charon.load(calls("never"));
  await charon.initiate("gre");
  await expectTraffic(lab);
});

scenario("several rounds of authentication, with strongSwan 6.0.1 in both roles", spec, async (lab) => {
  const ours = lab.underlock("a", {
    config: {
      local: { id: "a.example", address: lab.gateway("a").address.v4 },
      peers: {
        b: {
          remote: lab.gateway("b").address.v4,
          id: "b.example",
          auth: {
            local: { psk: "file:peer.psk" },
            remote: [{ psk: "file:peer.psk" }, { psk: "file:theirs.psk", id: "operator-b.example" }],
          },
          protect: ["gre"],
          initiate: false,
        },
      },
    },
    files: { "peer.psk": secret, "theirs.psk": "the operator of b\n" },
  });
  await ours.must("lock");
  await ours.start();
  const base = connection(lab, { here: "b", there: "a", family, children: gre });
  // A connection that is never up, for the sake of its secret.
  const keys = { ...base, children: [] };
  const second = (id: string) => ({ auth: "psk", id });
  const rounds = { "local-2": second("operator-b.example") };
  const charon = await lab.strongswan("b", "6.0.1", [
    { ...keys, name: "x", localId: "operator-b.example", secret: "the operator of b" },
    { ...base, more: rounds },
  ]);
  await charon.initiate("gre");
  await expectTraffic(lab);
  expect(payloads(charon, "generating IKE_AUTH request 1")).toContain("AUTH_FOLLOWS");
  await charon.terminate("a");
  await ours.must("up", "b");
  await expectTraffic(lab);
  // A round too few is refused by our end.
  await charon.terminate("a");
  await charon.load(base);
  expect(await charon.refusal("gre")).toBeDefined();
  expect(logLines(ours).map(({ code }) => code)).toContain("wrong-auth-rounds");
});

/**
 * Both ends up with pings in both directions until another IKE SA has taken the place of the first, and two seconds more.
 * `lost`: so many may be lost. charon, where it is called, sends on the new SA before its answer can have arrived; where it
 * calls, nothing is lost, because our end waits.
 */
async function reauthenticated(lab: Lab, ours: Underlock, lost: number): Promise<void> {
  await expectTraffic(lab);
  const first = peerOf(await statusOf(ours), "b").ikeSas.map(({ initiatorSpi }) => initiatorSpi);
  const floods = between.map((gateway) =>
    Flood.start(lab.gateway(gateway).machine, inner(lab, gateway), inner(lab, gateway === "a" ? "b" : "a"), 100),
  );
  const isReplaced = async () => {
    const now = peerOf(await statusOf(ours), "b").ikeSas.map(({ initiatorSpi }) => initiatorSpi);
    return now.length === 1 && !first.includes(now[0] ?? "");
  };
  await waitFor("that another IKE SA stands", isReplaced, 60_000);
  await sleep(2_000);
  for (const flood of floods) {
    const report = await flood.stop();
    expect(report.sent).toBeGreaterThan(report.seconds * 50);
    expect(report.lost.length).toBeLessThanOrEqual(lost);
  }
}

/** Who opened the IKE SA that took the place of the first, in charon's words. */
const ourCalls = /(parsed IKE_AUTH request 1 .*){2}/s;
const itsCall = /generating IKE_AUTH request 1 /;
const twoOfItsCalls = /(generating IKE_AUTH request 1 .*){2}/s;

const wishes = [
  ["our end calls and wants it", { initiate: true, reauth: "15s" }, {}, [ourCalls]],
  [
    // It says AUTH_LIFETIME only where it could not call itself: to who has an address of it, or logged in by EAP.
    "our end calls, strongSwan wants it, and calls",
    { initiate: true },
    { reauth_time: "16s", over_time: "60s", rekey_time: "0s" },
    [itsCall],
  ],
  [
    "strongSwan calls and wants it",
    { initiate: false },
    { reauth_time: "12s", over_time: "60s", rekey_time: "0s", rand_time: "0s" },
    [twoOfItsCalls],
  ],
  [
    "strongSwan calls, our end asks for it by AUTH_LIFETIME",
    { initiate: false, reauth: "20s" },
    // Time for charon to repeat a request once, which it does after 4 s.
    { over_time: "9s", rand_time: "0s" },
    [/parsed IKE_AUTH response 1 \[[^\]]*AUTH_LFT.*received AUTH_LIFETIME of 20s/s, twoOfItsCalls],
  ],
] as const;

for (const [name, { initiate, ...peer }, more, signs] of wishes) {
  scenario(`reauthentication, make before break: ${name}`, spec, async (lab) => {
    const ours = underlock(lab, { here: "a", there: "b", family, protect: ["gre"], initiate, peer });
    await ours.must("lock");
    const connections = [{ ...connection(lab, { here: "b", there: "a", family, children: gre }), more }];
    const charon = await lab.strongswan("b", "6.0.1", connections, { make_before_break: "yes" });
    await ours.start();
    if (initiate) await ours.must("up", "b");
    else await charon.initiate("gre");
    await reauthenticated(lab, ours, initiate ? 40 : 0);
    for (const sign of signs) expect(charon.log()).toMatch(sign);
    const { machine } = lab.gateway("a");
    await waitFor("that nothing old is left", async () => (await kernelSas(machine)).length === 2);
  });
}

scenario("NULL authentication, with Libreswan 5.2 in both roles", spec, async (lab) => {
  const peer = { auth: { unauthenticated: true }, id: undefined };
  const ours = underlock(lab, { here: "a", there: "b", family, protect: ["gre"], initiate: false, peer });
  await ours.must("lock");
  await ours.start();
  const more = { authby: "null", leftid: "%null", rightid: "%null" };
  const connections = libreswanConnections(lab, { here: "b", there: "a", family, more });
  const pluto = await lab.libreswan(
    "b",
    connections.filter(({ name }) => name === "gre-v4"),
  );
  await ours.must("up", "b");
  await expectTraffic(lab);
  expect(peerOf(await statusOf(ours), "b").ikeSas).toMatchObject([{ remoteId: "unauthenticated" }]);
  await pluto.delete("ike", "gre-v4");
  await waitFor("that nothing is left", async () => (await kernelSas(lab.gateway("a").machine)).length === 0);
  await pluto.initiate("gre-v4");
  await expectTraffic(lab);
  const level = logLines(ours).flatMap((line) => (line.event === "ike-sa-up" ? [line.level] : []));
  expect(level).toEqual(["warn", "warn"]);
});

const three = { gateways: ["a", "b", "c"], seconds: 240, lan: "device" } as const;

scenario(
  "strongSwan is sent to another gateway of ours: at the start, and while its tunnel stands",
  three,
  async (lab) => {
    const caller = lab.gateway("b");
    const gateways = ["a", "c"].map((here) =>
      lab.underlock(here, {
        config: {
          local: { id: "gateway.example", address: lab.gateway(here).address.v4 },
          peers: {
            b: {
              remote: caller.address.v4,
              id: "b.example",
              auth: { psk: "file:peer.psk" },
              protect: [{ tunnel: `10.0.0.0/16 <-> ${caller.lan.v4.prefix}` }],
              initiate: false,
            },
          },
        },
        files: { "peer.psk": secret },
      }),
    );
    const [first, second] = gateways;
    if (first === undefined || second === undefined) throw new Error("no gateways");
    for (const gateway of gateways) {
      await gateway.must("lock");
      await gateway.start();
    }
    const at = async (gateway: Underlock) => peerOf(await statusOf(gateway), "b").ikeSas.length;
    for (const version of strongswanVersions) {
      const charon = await lab.strongswan("b", version, [
        {
          ...connection(lab, {
            here: "b",
            there: "a",
            family,
            children: strongswanChildren.net(caller.lan.v4.prefix, "10.0.0.0/16"),
          }),
          remoteId: "gateway.example",
        },
      ]);
      await charon.initiate("net");
      expect([await at(first), await at(second)]).toEqual([1, 0]);
      await first.ask("redirect", { peer: "b", to: lab.gateway("c").address.v4 });
      await waitFor(
        "that charon is at the second gateway",
        async () => (await at(first)) === 0 && (await at(second)) === 1,
      );
      await charon.terminate("a");
      await charon.initiate("net");
      expect([await at(first), await at(second)]).toEqual([0, 1]);
      expect(charon.log()).toContain("REDIR_FROM");
      await charon.stop();
      await first.ask("redirect", { peer: "b", to: null });
      await waitFor("that nobody is there", async () => (await at(second)) === 0);
    }
  },
);

scenario(
  "our end is sent from strongSwan 5.9.8 to 6.0.1 by swanctl --redirect, and goes nowhere else",
  three,
  async (lab) => {
    const here = lab.gateway("b");
    const remote = ["a", "c"].map((name) => lab.gateway(name).address.v4);
    const ours = lab.underlock("b", {
      config: {
        local: { id: "b.example", address: here.address.v4 },
        peers: {
          gateway: {
            remote,
            id: "gateway.example",
            auth: { psk: "file:peer.psk" },
            protect: [{ tunnel: `${here.lan.v4.prefix} <-> 10.0.0.0/16` }],
          },
        },
      },
      files: { "peer.psk": secret },
    });
    await ours.must("lock");
    const serve = async (name: string, version: StrongswanVersion) =>
      await lab.strongswan(name, version, [
        {
          ...connection(lab, {
            here: name,
            there: "b",
            family,
            children: strongswanChildren.net("10.0.0.0/16", here.lan.v4.prefix),
          }),
          localId: "gateway.example",
        },
      ]);
    const first = await serve("a", "5.9.8");
    const second = await serve("c", "6.0.1");
    await ours.start();
    await ours.must("up", "gateway");
    const where = async () =>
      peerOf(await statusOf(ours), "gateway").ikeSas.map(({ remote: end }) => end.split(":")[0]);
    expect(await where()).toEqual([remote[0]]);
    await first.redirect("b", remote[1] ?? "");
    await waitFor("that our end is at the second gateway", async () => (await where()).join() === remote[1]);
    // charon redirects an IKE SA once: it is the second one's turn.
    await second.redirect("b", "192.0.2.99");
    await waitFor("that our end refuses", () => logLines(ours).some(({ code }) => code === "redirect-refused"));
    expect(await where()).toEqual([remote[1]]);
    expect((await second.sas()).length).toBe(1);
  },
);
