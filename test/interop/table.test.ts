// The table: {role x family x peer x thing x cipher}. Every cell is run and printed, with what went wrong where it did.
import { afterAll, describe, expect } from "vitest";
import { type Proposals, secret, strongswanChildren } from "./ends.ts";
import { kindsAfterStop } from "./lab/frames.ts";
import { kernelSas } from "./lab/kernel-state.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, strongswanVersions } from "./lab/strongswan.ts";
import type { Family } from "./lab/topology.ts";
import { lostPings, transfer } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const peers = [...strongswanVersions.map((version) => `strongSwan ${version}` as const), "Underlock"] as const;
type PeerKind = (typeof peers)[number];

/** Our end's role: what opens the IKE SA and asks for the Child SAs. */
const roles = ["initiator", "responder"] as const;
type Role = (typeof roles)[number];
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
      for (const cipher of ciphers) cellsOf(peer, role, cipher);
    }
  });
}

afterAll(() => {
  const width = Math.max(0, ...cells.map(({ row }) => row.length));
  const lines = cells.map(({ row, thing, result }) => `${row.padEnd(width)} | ${thing.padEnd(10)} | ${result}`);
  console.log(`\n${lines.join("\n")}\n${cells.length} cells`);
});

/** One bring-up of both families, eight cells: the things of a family share an IKE SA, as they do in life. */
function cellsOf(peer: PeerKind, role: Role, cipher: Cipher): void {
  const row = (family: Family) => `${peer} | ${role} | IP${family} | ${cipher.name}`;
  const seen = families.flatMap((family) => things.map((thing) => ({ family, thing, result: "not run" })));
  scenario(
    `as ${role} with ${cipher.name}: GRE, VXLAN on two ports and net-to-net, over IPv4 and IPv6`,
    {
      gateways,
      lan: "host",
      seconds: 150,
      overlays: families.flatMap((family, at) => [
        { kind: "gre", between: gateways, family },
        { kind: "vxlan", between: gateways, family, port: 4789, vni: 42 + at },
        { kind: "vxlan", between: gateways, family, port: 8472, vni: 52 + at },
      ]),
    },
    async (lab) => {
      try {
        const ours = underlock(lab, { here: "a", there: "b", cipher, initiate: role === "initiator" });
        const theirs = underlock(lab, { here: "b", there: "a", cipher, initiate: role === "responder" });
        await Promise.all([ours.must("lock"), peer === "Underlock" ? theirs.must("lock") : undefined]);
        await lab.watch();
        const offer = lab.offer({ rate: 2, families });
        if (peer === "Underlock") await bringUpPair(role, ours, theirs);
        else await bringUpCharon(lab, peer, role, cipher, ours);
        await Promise.all(
          families.map(async (family) => {
            for (const cell of seen.filter((one) => one.family === family)) {
              cell.result = await tryThing(lab, cell.thing, family);
            }
          }),
        );
        const sas = await kernelSas(lab.gateway("a").machine);
        expect(sas.filter(({ algorithms }) => !algorithms.every((name) => cipher.kernel.test(name)))).toEqual([]);
        expect(sas.length).toBeGreaterThanOrEqual(24);
        expect(await ours.stop()).toBe(0);
        await offer.stop();
        const wire = peer === "Underlock" ? await lab.wire(kindsAfterStop) : await lab.wireFrom("a", kindsAfterStop);
        for (const cell of seen) if (wire.leakCount > 0) cell.result = `leak: ${wire.leaks[0]}`;
        expect(wire.leaks).toEqual([]);
        expect(wire.dropped).toBe(0);
        expect(cipher.ah === undefined ? wire.counts.esp : wire.counts.ah).toBeGreaterThan(500);
      } finally {
        for (const { family, thing, result } of seen) cells.push({ row: row(family), thing, result });
      }
      expect(seen.filter(({ result }) => !result.startsWith("passed"))).toEqual([]);
    },
  );
}

async function bringUpPair(role: Role, ours: Underlock, theirs: Underlock): Promise<void> {
  await Promise.all([ours.start(), theirs.start()]);
  await bothUp(role === "initiator" ? ours : theirs);
}

async function bringUpCharon(lab: Lab, peer: PeerKind, role: Role, cipher: Cipher, ours: Underlock): Promise<void> {
  const version = strongswanVersions.find((one) => peer.endsWith(one)) ?? strongswanVersions[0];
  const connections = families.map((family) => connection(lab, family, cipher));
  const [charon] = await Promise.all([lab.strongswan("b", version, connections), ours.start()]);
  if (role === "initiator") return await bothUp(ours);
  for (const { children } of connections) for (const child of children) await charon.initiate(child.name);
}

async function bothUp(initiator: Underlock): Promise<void> {
  for (const family of families) await initiator.must("up", family);
}

/** Our daemon with a peer for each family. */
function underlock(
  lab: Lab,
  options: { readonly here: string; readonly there: string; readonly cipher: Cipher; readonly initiate: boolean },
): Underlock {
  const { here, there, cipher, initiate } = options;
  const [self, other] = [lab.gateway(here), lab.gateway(there)];
  const peer = (family: Family) => ({
    remote: other.address[family],
    id: `${there}.example`,
    auth: { psk: "file:peer.psk" },
    ...proposalsOf(cipher),
    protect: [
      "gre",
      { vxlan: { port: 4789 } },
      { vxlan: { port: 8472 } },
      { tunnel: `${self.lan[family].prefix} <-> ${other.lan[family].prefix}` },
    ],
    initiate,
  });
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: [self.address.v4, self.address.v6] },
      peers: { v4: peer("v4"), v6: peer("v6") },
    },
    files: { "peer.psk": `${secret}\n` },
  });
}

/** strongSwan's half for one family: VXLAN takes two children, one for each direction. */
function connection(lab: Lab, family: Family, cipher: Cipher): Connection {
  const [self, other] = [lab.gateway("b"), lab.gateway("a")];
  const { ike, ...childProposals } = proposalsOf(cipher);
  const children = [
    ...strongswanChildren.gre(),
    ...strongswanChildren.vxlan(4789),
    ...strongswanChildren.vxlan(8472),
    ...strongswanChildren.net(self.lan[family].prefix, other.lan[family].prefix),
  ];
  return {
    name: family,
    localAddress: self.address[family],
    remoteAddress: other.address[family],
    localId: "b.example",
    remoteId: "a.example",
    secret,
    ike,
    children: children.map((child) => ({ ...child, ...childProposals, name: `${child.name}-${family}` })),
  };
}

/** Pings of three sizes and a transfer. */
async function tryThing(lab: Lab, thing: Thing, family: Family): Promise<string> {
  const { sender, receiver, from, to } = ends(lab, thing, family);
  const lost = describeLost(await lostPings(sender, from, to));
  if (lost !== "") return lost;
  try {
    const port = 5001 + things.indexOf(thing) + things.length * families.indexOf(family);
    await transfer(sender, receiver, to, 300_000, port);
    return "passed";
  } catch (error) {
    return `TCP transfer: ${error instanceof Error ? error.message.split("\n")[0] : error}`;
  }
}

function describeLost(bySize: Readonly<Record<number, number>>): string {
  const lost = Object.entries(bySize).filter(([, count]) => count > 0);
  return lost.map(([size, count]) => `${count} of 3 pings of ${size} octets lost`).join(", ");
}

function ends(lab: Lab, thing: Thing, family: Family) {
  const [a, b] = [lab.gateway("a"), lab.gateway("b")];
  if (thing === "net-to-net") {
    const [from, to] = [a.inside.address[family], b.inside.address[family]];
    return { sender: a.inside.machine, receiver: b.inside.machine, from, to };
  }
  const overlay = lab.topology.overlays[things.indexOf(thing) + 3 * families.indexOf(family)];
  return { sender: a.machine, receiver: b.machine, from: overlay?.inner.a ?? "", to: overlay?.inner.b ?? "" };
}

function proposalsOf({ ike, esp, ah }: Cipher): Proposals {
  return { ike, ...(esp === undefined ? {} : { esp }), ...(ah === undefined ? {} : { ah }) };
}
