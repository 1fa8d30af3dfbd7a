// The table: {role x family x peer x thing x cipher}. Every cell is run and printed, with what went wrong where it did.
import { afterAll, describe, expect } from "vitest";
import { connection, type Proposals, strongswanChildren, underlock } from "./ends.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { strongswanVersions } from "./lab/strongswan.ts";
import type { Family, MadeOverlay } from "./lab/topology.ts";
import { lostPings, transfer } from "./lab/traffic.ts";

const peers = [...strongswanVersions.map((version) => `strongSwan ${version}` as const), "Underlock"] as const;
type PeerKind = (typeof peers)[number];

/** Our end's role: what opens the IKE SA and asks for the Child SAs. */
const roles = ["initiator", "responder"] as const;
const families = ["v4", "v6"] as const;
const things = ["GRE", "VXLAN 4789", "VXLAN 8472", "net-to-net"] as const;
type Thing = (typeof things)[number];

interface Cipher extends Proposals {
  readonly name: string;
  /** As the kernel shows it. */
  readonly kernel: RegExp;
}

const ciphers: readonly Cipher[] = [
  { name: "AES-GCM", ike: "aes256gcm16-prfsha384-ecp384", esp: "aes256gcm16", kernel: /^rfc4106\(gcm\(aes\)\)/ },
  {
    name: "AES-CBC+SHA-256",
    ike: "aes128-sha256-modp2048",
    esp: "aes256-sha256",
    kernel: /^(cbc\(aes\)|hmac\(sha256\))/,
  },
  {
    name: "ChaCha20-Poly1305",
    ike: "chacha20poly1305-prfsha256-x25519",
    esp: "chacha20poly1305",
    kernel: /^rfc7539esp\(chacha20,poly1305\)/,
  },
  { name: "AH SHA-256", ike: "aes128gcm16-prfsha256-x25519", ah: "sha256", kernel: /^hmac\(sha256\)/ },
];

const gateways = ["a", "b"] as const;
const cells: { readonly row: string; readonly thing: Thing; readonly result: string }[] = [];

for (const peer of peers) {
  describe(`with ${peer}`, () => {
    for (const role of roles) {
      for (const family of families) {
        for (const cipher of ciphers) cellsOf(peer, role, family, cipher);
      }
    }
  });
}

afterAll(() => {
  const width = Math.max(...cells.map(({ row }) => row.length));
  console.log(`\n${cells.length} cells`);
  for (const { row, thing, result } of cells) console.log(`${row.padEnd(width)} | ${thing.padEnd(10)} | ${result}`);
});

/** One bring-up, four cells: the things share an IKE SA, as they do in life. */
function cellsOf(peer: PeerKind, role: (typeof roles)[number], family: Family, cipher: Cipher): void {
  const row = `${peer} | ${role} | IP${family} | ${cipher.name}`;
  const seen = new Map<Thing, string>(things.map((thing) => [thing, "not run: the scenario ended before"]));
  scenario(
    `as ${role} over IP${family} with ${cipher.name}: GRE, VXLAN on two ports, net-to-net`,
    {
      gateways,
      lan: "host",
      seconds: 120,
      overlays: [
        { kind: "gre", between: gateways, family },
        { kind: "vxlan", between: gateways, family, port: 4789, vni: 42 },
        { kind: "vxlan", between: gateways, family, port: 8472, vni: 43 },
      ],
    },
    async (lab) => {
      try {
        const ours = underlock(lab, {
          here: "a",
          there: "b",
          family,
          proposals: proposalsOf(cipher),
          protect: protectLines(lab, "a", "b", family),
          initiate: role === "initiator",
        });
        await ours.must("lock");
        await lab.watch();
        const offer = lab.offer({ rate: 5, families: [family] });
        await bringUp(lab, peer, role, family, cipher, ours);
        for (const thing of things) seen.set(thing, await tryThing(lab, thing, family));
        const sas = await kernelSas(lab.gateway("a").machine);
        const wrong = sas.filter(({ algorithms }) => !algorithms.every((name) => cipher.kernel.test(name)));
        expect(wrong).toEqual([]);
        expect(sas.length).toBeGreaterThanOrEqual(12);
        expect(await ours.stop()).toBe(0);
        await offer.stop();
        const wire = await lab.wire();
        if (wire.leakCount > 0) for (const thing of things) seen.set(thing, `leak: ${wire.leaks[0]}`);
        expect(wire.leaks).toEqual([]);
        expect(wire.dropped).toBe(0);
        expect(cipher.ah === undefined ? wire.counts.esp : wire.counts.ah).toBeGreaterThan(100);
      } finally {
        for (const [thing, result] of seen) cells.push({ row, thing, result });
      }
      expect([...seen.values()].filter((result) => result !== "passed")).toEqual([]);
    },
  );
}

async function bringUp(
  lab: Lab,
  peer: PeerKind,
  role: (typeof roles)[number],
  family: Family,
  cipher: Cipher,
  ours: ReturnType<typeof underlock>,
): Promise<void> {
  if (peer === "Underlock") {
    const theirs = underlock(lab, {
      here: "b",
      there: "a",
      family,
      proposals: proposalsOf(cipher),
      protect: protectLines(lab, "b", "a", family),
      initiate: role === "responder",
    });
    // Whoever answers is there first, so that no attempt is lost on a closed port.
    const [first, second] = role === "initiator" ? [theirs, ours] : [ours, theirs];
    await first.start();
    await second.start();
    await second.must("up", role === "initiator" ? "b" : "a");
    return;
  }
  const version = strongswanVersions.find((one) => peer.endsWith(one)) ?? strongswanVersions[0];
  const [left, right] = [lab.gateway("b").lan[family].prefix, lab.gateway("a").lan[family].prefix];
  const children = [
    ...strongswanChildren.gre(),
    ...strongswanChildren.vxlan(4789),
    ...strongswanChildren.vxlan(8472),
    ...strongswanChildren.net(left, right),
  ];
  const theirs = connection(lab, { here: "b", there: "a", family, proposals: proposalsOf(cipher), children });
  const charon = await lab.strongswan("b", version, [theirs]);
  await ours.start();
  if (role === "initiator") await ours.must("up", "b");
  else for (const child of children) await charon.initiate(child.name);
}

async function tryThing(lab: Lab, thing: Thing, family: Family): Promise<string> {
  const { sender, receiver, from, to } = ends(lab, thing, family);
  const lost = Object.entries(await lostPings(sender, from, to)).filter(([, count]) => count > 0);
  if (lost.length > 0) return lost.map(([size, count]) => `${count} of 3 pings of ${size} octets lost`).join(", ");
  try {
    await transfer(sender, receiver, to);
    return "passed";
  } catch (error) {
    return `TCP transfer: ${error instanceof Error ? error.message.split("\n")[0] : error}`;
  }
}

function ends(lab: Lab, thing: Thing, family: Family) {
  const [a, b] = [lab.gateway("a"), lab.gateway("b")];
  if (thing === "net-to-net") {
    const [from, to] = [a.inside.address[family], b.inside.address[family]];
    return { sender: a.inside.machine, receiver: b.inside.machine, from, to };
  }
  const overlay: MadeOverlay | undefined = lab.topology.overlays[things.indexOf(thing)];
  return { sender: a.machine, receiver: b.machine, from: overlay?.inner.a ?? "", to: overlay?.inner.b ?? "" };
}

function protectLines(lab: Lab, here: string, there: string, family: Family) {
  const [left, right] = [lab.gateway(here).lan[family].prefix, lab.gateway(there).lan[family].prefix];
  return ["gre", { vxlan: { port: 4789 } }, { vxlan: { port: 8472 } }, { tunnel: `${left} <-> ${right}` }];
}

function proposalsOf({ ike, esp, ah }: Cipher): Proposals {
  return { ike, ...(esp === undefined ? {} : { esp }), ...(ah === undefined ? {} : { ah }) };
}
