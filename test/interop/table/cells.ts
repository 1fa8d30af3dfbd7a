// One cell of the table: a thing protected between our daemon on `a` and another end on `b`, tried with traffic and seen on the wire.
import { afterAll, expect } from "vitest";
import { secret } from "../ends.ts";
import { kindsAfterStop } from "../lab/frames.ts";
import { kernelSas } from "../lab/kernel-state.ts";
import { type Lab, scenario } from "../lab/scenario.ts";
import type { Family, MadeOverlay, Overlay } from "../lab/topology.ts";
import { lostPings, transfer } from "../lab/traffic.ts";
import type { Underlock } from "../lab/underlock.ts";
import { type Cipher, proposalsOf } from "./ciphers.ts";

/** Our end's role: what opens the IKE SA and asks for the Child SAs. */
export const roles = ["initiator", "responder"] as const;
export type Role = (typeof roles)[number];
const allFamilies = ["v4", "v6"] as const;
export const things = ["GRE", "VXLAN 4789", "VXLAN 8472", "net-to-net"] as const;
export type Thing = (typeof things)[number];
/** Child SAs' SAs in the kernel, both directions: VXLAN takes two pairs. */
const sasOf: Readonly<Record<Thing, number>> = { GRE: 2, "VXLAN 4789": 4, "VXLAN 8472": 4, "net-to-net": 2 };

const gateways = ["a", "b"] as const;

/** Several cells that one bring-up fills: the things of a family share an IKE SA, as they do in life. */
export interface Cells {
  /** The other end's name, in the row. */
  readonly peer: string;
  readonly role: Role;
  readonly cipher: Cipher;
  readonly things?: readonly Thing[];
  readonly families?: readonly Family[];
}

/** The end on gateway `b`. */
export interface OtherEnd {
  /** It sends nothing in clear either, so that its frames are judged, too. */
  readonly locks: boolean;
  /** Before the watch and the traffic begin. */
  prepare?(lab: Lab, cells: Required<Cells>): Promise<void>;
  /** Starts it; `bringUp` asks for every child, and is called where the other end is the initiator. */
  start(lab: Lab, cells: Required<Cells>): Promise<{ bringUp(): Promise<void> }>;
}

const results: { readonly row: string; readonly thing: Thing; readonly result: string }[] = [];

/** Prints all that was run in this file, with what went wrong where it did. */
export function printTable(): void {
  afterAll(() => {
    const printed = results.splice(0);
    const width = Math.max(0, ...printed.map(({ row }) => row.length));
    const lines = printed.map(({ row, thing, result }) => `${row.padEnd(width)} | ${thing.padEnd(10)} | ${result}`);
    console.log(`\n${lines.join("\n")}\n${printed.length} cells`);
  });
}

/** A scenario that brings all of these up, tries each, and holds our end to silence in clear until after its stop. */
export function runCells(asked: Cells, other: OtherEnd): void {
  const cells: Required<Cells> = { things, families: allFamilies, ...asked };
  const { peer, role, cipher, families } = cells;
  const seen = families.flatMap((family) => cells.things.map((thing) => ({ family, thing, result: "not run" })));
  const over = families.map((family) => `IP${family}`).join(" and ");
  scenario(
    `as ${role} with ${cipher.name}: ${cells.things.join(", ")} over ${over}`,
    {
      gateways,
      lan: cells.things.includes("net-to-net") ? "host" : "none",
      seconds: 150,
      overlays: families.flatMap((family, at) => overlaysOf(cells, family, at)),
    },
    async (lab) => {
      try {
        const ours = ourEnd(lab, { ...cells, here: "a", there: "b", initiate: role === "initiator" });
        await Promise.all([ours.must("lock"), other.prepare?.(lab, cells)]);
        await lab.watch();
        const offer = lab.offer({ rate: 2, families });
        const [started] = await Promise.all([other.start(lab, cells), ours.start()]);
        if (role === "responder") await started.bringUp();
        else for (const family of families) await ours.must("up", family);
        await Promise.all(
          families.map(async (family) => {
            for (const cell of seen.filter((one) => one.family === family)) {
              cell.result = await tryThing(lab, cell.thing, family);
            }
          }),
        );
        const sas = await kernelSas(lab.gateway("a").machine);
        expect(sas.filter(({ algorithms }) => !algorithms.every((name) => cipher.kernel.test(name)))).toEqual([]);
        expect(sas.length).toBeGreaterThanOrEqual(seen.reduce((sum, { thing }) => sum + sasOf[thing], 0));
        expect(await ours.stop()).toBe(0);
        await offer.stop();
        const wire = other.locks ? await lab.wire(kindsAfterStop) : await lab.wireFrom("a", kindsAfterStop);
        for (const cell of seen) if (wire.leakCount > 0) cell.result = `leak: ${wire.leaks[0]}`;
        expect(wire.leaks).toEqual([]);
        expect(wire.dropped).toBe(0);
        expect(cipher.ah === undefined ? wire.counts.esp : wire.counts.ah).toBeGreaterThan(60 * seen.length);
      } finally {
        for (const { family, thing, result } of seen)
          results.push({ row: `${peer} | ${role} | IP${family} | ${cipher.name}`, thing, result });
      }
      expect(seen.filter(({ result }) => result !== "passed")).toEqual([]);
    },
  );
}

/** Our daemon with a peer for each family. */
export function ourEnd(
  lab: Lab,
  options: Required<Cells> & { readonly here: string; readonly there: string; readonly initiate: boolean },
): Underlock {
  const { here, there, cipher, initiate, families } = options;
  const [self, other] = [lab.gateway(here), lab.gateway(there)];
  const protect = (family: Family) => ({
    GRE: "gre",
    "VXLAN 4789": { vxlan: { port: 4789 } },
    "VXLAN 8472": { vxlan: { port: 8472 } },
    "net-to-net": { tunnel: `${self.lan[family].prefix} <-> ${other.lan[family].prefix}` },
  });
  const peer = (family: Family) => ({
    remote: other.address[family],
    id: `${there}.example`,
    auth: { psk: "file:peer.psk" },
    ...proposalsOf(cipher),
    protect: options.things.map((thing) => protect(family)[thing]),
    initiate,
  });
  return lab.underlock(here, {
    config: {
      local: { id: `${here}.example`, address: families.map((family) => self.address[family]) },
      peers: Object.fromEntries(families.map((family) => [family, peer(family)])),
    },
    files: { "peer.psk": `${secret}\n` },
  });
}

function overlaysOf(cells: Required<Cells>, family: Family, at: number): Overlay[] {
  const all: Readonly<Record<Thing, readonly Overlay[]>> = {
    GRE: [{ kind: "gre", between: gateways, family }],
    "VXLAN 4789": [{ kind: "vxlan", between: gateways, family, port: 4789, vni: 42 + at }],
    "VXLAN 8472": [{ kind: "vxlan", between: gateways, family, port: 8472, vni: 52 + at }],
    "net-to-net": [],
  };
  return cells.things.flatMap((thing) => all[thing]);
}

/** Pings of three sizes and a transfer. */
async function tryThing(lab: Lab, thing: Thing, family: Family): Promise<string> {
  const { sender, receiver, from, to } = ends(lab, thing, family);
  const lost = describeLost(await lostPings(sender, from, to));
  if (lost !== "") return lost;
  try {
    const port = 5001 + things.indexOf(thing) + things.length * allFamilies.indexOf(family);
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
  const overlay = lab.topology.overlays.find((made) => made.spec.family === family && thingOf(made) === thing);
  return { sender: a.machine, receiver: b.machine, from: overlay?.inner.a ?? "", to: overlay?.inner.b ?? "" };
}

function thingOf({ spec }: MadeOverlay): string {
  return spec.kind === "gre" ? "GRE" : `VXLAN ${spec.port}`;
}
