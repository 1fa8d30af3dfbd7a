// IKEv1 with others: main and aggressive mode with a pre-shared key, GRE, VXLAN and nets, with and without perfect forward secrecy,
// ESP and AH, asked for by either end, both phases rekeyed under pings, and a peer that vanishes.
import { describe, expect } from "vitest";
import { peerOf, statusOf } from "./daemon-words.ts";
import { connection, type Protect, strongswanChildren, underlock } from "./ends.ts";
import { Flood } from "./lab/flood.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Child, type Strongswan, type StrongswanVersion, strongswanVersions } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const between = ["a", "b"] as const;
const noneLost = { 56: 0, 1300: 0, 5000: 0 };
/** Notices within some seconds that nobody is there. */
const impatient = { liveness: "3s", retransmission: { first: "1s", factor: 1, tries: 3 } };
const spec = {
  gateways: between,
  lan: "host",
  overlays: [
    { kind: "gre", between, family: "v4" },
    { kind: "vxlan", between, family: "v4" },
  ],
  seconds: 150,
} as const;

/** What both ends are told of one way to speak IKEv1; a line of ours has the same words as a child of charon's. */
interface Way {
  readonly mode: "main" | "aggressive";
  readonly ike: string;
  readonly gre: IpsecWords;
  readonly vxlan: IpsecWords;
  readonly net: IpsecWords;
}

type IpsecWords = { readonly esp: string } | { readonly ah: string };

const ways: readonly (readonly [string, Way])[] = [
  [
    "main mode, perfect forward secrecy for the nets alone",
    {
      mode: "main",
      ike: "aes256-sha256-modp2048",
      gre: { esp: "aes256-sha256" },
      vxlan: { esp: "aes256-sha256" },
      net: { esp: "aes256-sha256-modp2048" },
    },
  ],
  [
    "aggressive mode, AH and AES-GCM with perfect forward secrecy",
    {
      mode: "aggressive",
      ike: "aes128-sha1-ecp256",
      gre: { ah: "sha256-ecp256" },
      vxlan: { esp: "aes128gcm16-ecp256" },
      net: { esp: "aes128gcm16" },
    },
  ],
];

describe.each(strongswanVersions)("strongSwan %s", (version) => {
  for (const [name, way] of ways) {
    scenario(`${name}: rekeyed by either end, taken down and up again; it vanishes`, spec, (lab) =>
      speaks(lab, version, way),
    );
  }
});

async function speaks(lab: Lab, version: StrongswanVersion, { mode, ike, ...words }: Way): Promise<void> {
  const [left, right] = [lab.gateway("a"), lab.gateway("b")];
  const proposals = { ike };
  const protect: Protect[] = [
    { gre: null, ...words.gre },
    { vxlan: null, ...words.vxlan },
    { tunnel: `${left.lan.v4.prefix} <-> ${right.lan.v4.prefix}`, ...words.net },
  ];
  const ours = underlock(lab, {
    here: "a",
    there: "b",
    family: "v4",
    proposals,
    protect,
    initiate: true,
    peer: { ikev1: mode, ...impatient },
  });
  const saying = (children: readonly Child[], more: IpsecWords) => children.map((child) => ({ ...child, ...more }));
  const children = [
    ...saying(strongswanChildren.gre(), words.gre),
    ...saying(strongswanChildren.vxlan(4789), words.vxlan),
    ...saying(strongswanChildren.net(right.lan.v4.prefix, left.lan.v4.prefix), words.net),
  ];
  const theirs = connection(lab, { here: "b", there: "a", family: "v4", proposals, children });
  const charon = await lab.strongswan(
    "b",
    version,
    [{ ...theirs, version: 1, more: { aggressive: mode === "aggressive" ? "yes" : "no" } }],
    { i_dont_care_about_security_and_use_aggressive_mode_psk: "yes" },
  );
  await ours.start();
  await ours.must("up", "b");
  await expectTraffic(lab);
  // Both phases, each end's in turn.
  const [gre] = lab.topology.overlays;
  const flood = Flood.start(left.machine, gre?.inner.a ?? "", gre?.inner.b ?? "", 100);
  await waitFor("that pings are answered", () => flood.answered);
  await ours.must("rekey", "b");
  await sleep(1_000);
  await charon.rekey({ child: "gre" });
  await sleep(1_000);
  await ours.must("rekey", "b", "--ike");
  await sleep(1_000);
  await charon.rekey({ ike: "a" });
  await sleep(2_000);
  expect(await flood.stop()).toMatchObject({ lost: [] });
  await expectOne(ours);
  await ours.must("down", "b");
  await waitFor("charon has no SA", async () => (await charon.sas()).length === 0);
  await waitFor("nothing is left in the kernel", async () => (await kernelSas(left.machine)).length === 0);
  await ours.must("up", "b");
  await expectTraffic(lab);
  const protocols = new Set((await kernelSas(left.machine)).map(({ proto }) => proto));
  expect(protocols).toEqual(new Set("ah" in words.gre ? ["esp", "ah"] : ["esp"]));
  // It vanishes without a word, where we called or where it did.
  if ((mode === "main") === (version === "6.0.1")) await calledByIt(ours, charon);
  await charon.stop("SIGKILL");
  await waitFor("that it is missed", async () => peerOf(await statusOf(ours), "b").state === "connecting", 30_000);
  await waitFor("nothing is left in the kernel", async () => (await kernelSas(left.machine)).length === 0);
}

/** To rekey an ISAKMP SA is to call anew. */
async function calledByIt(ours: Underlock, charon: Strongswan): Promise<void> {
  await charon.rekey({ ike: "a" });
  await waitFor("that it has called", async () => {
    const { ikeSas } = peerOf(await statusOf(ours), "b");
    return ikeSas.some(({ role }) => role === "responder");
  });
}

/** One ISAKMP SA and one pair of each child, once what was replaced is gone. */
async function expectOne(ours: Underlock): Promise<void> {
  await waitFor(
    "one pair of each child",
    async () => {
      const { ikeSas, children } = peerOf(await statusOf(ours), "b");
      return ikeSas.length === 1 && children.every(({ state, sas }) => state === "up" && sas.length === 1);
    },
    60_000,
  );
}

async function expectTraffic(lab: Lab): Promise<void> {
  const [left, right] = [lab.gateway("a"), lab.gateway("b")];
  for (const { inner } of lab.topology.overlays)
    expect(await lostPings(left.machine, inner.a ?? "", inner.b ?? "")).toEqual(noneLost);
  expect(await lostPings(left.inside.machine, left.inside.address.v4, right.inside.address.v4)).toEqual(noneLost);
}
