// Transform sets that IKEv1 alone can carry, between two of us, with what is on the wire read by others' means, rekeyed and through
// kill -9 under pings; IPComp with strongSwan.
import { describe, expect } from "vitest";
import { connection, type Protect, underlock } from "./ends.ts";
import { ahFrames, espKeys, openEsp, within } from "./lab/ah-frames.ts";
import { Flood } from "./lab/flood.ts";
import { kernelPolicies, kernelSas } from "./lab/kernel-state.ts";
import { waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import type { Child } from "./lab/strongswan.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";

const gateways = ["a", "b"] as const;
const sizes = [56, 1200];
const none = { 56: 0, 1200: 0 };
const spec = {
  gateways,
  overlays: [
    { kind: "gre", between: gateways, family: "v4" },
    { kind: "vxlan", between: gateways, family: "v4" },
  ],
  lan: "device",
  seconds: 120,
} as const;

/** AH around ESP that encrypts alone, with extended numbers; IPComp in AH; all at once in a tunnel. */
function sets(lab: Lab, here: string, there: string): Protect[] {
  const tunnel = `${lab.gateway(here).lan.v4.prefix} <-> ${lab.gateway(there).lan.v4.prefix}`;
  return [
    { gre: null, ah: "sha256", esp: "aes128-esn" },
    { vxlan: null, ah: "sha1", compress: true },
    { tunnel, ah: "sha256", esp: "aes256-sha256", compress: true },
  ];
}

function end(lab: Lab, here: string, there: string): Underlock {
  const proposals = { ike: "aes128-sha256-ecp256" };
  const peer = { ikev1: "main" };
  const protect = sets(lab, here, there);
  return underlock(lab, { here, there, family: "v4", proposals, protect, initiate: here === "a", peer });
}

describe("transform sets of IKEv1", () => {
  scenario(
    "between two of us: AH, ESP and IPComp, what is on the wire opened, rekeyed, and through kill -9",
    spec,
    async (lab) => {
      const [one, two] = [end(lab, "a", "b"), end(lab, "b", "a")];
      const [left, right] = [lab.gateway("a"), lab.gateway("b")];
      await one.must("lock");
      const capture = await lab.watch();
      await Promise.all([one.start(), two.start()]);
      await one.ask("up", { peer: "b" });
      expect(await templates(left.machine)).toEqual([
        "in gre: esp transport required, ah transport required",
        "in udp: comp transport use, ah transport required",
        "in: comp tunnel use, esp transport required, ah transport required",
        "out gre: esp transport required, ah transport required",
        "out udp: comp transport required, ah transport required",
        "out: comp tunnel required, esp transport required, ah transport required",
      ]);
      const keys = new Map([...(await espKeys(left.machine)), ...(await espKeys(right.machine))]);
      const ways = [
        ...lab.topology.overlays.map(({ inner }) => [inner.a ?? "", inner.b ?? ""]),
        [left.lan.v4.address, right.lan.v4.address],
      ];
      for (const [from = "", to = ""] of ways) expect(await lostPings(left.machine, from, to, { sizes })).toEqual(none);
      expect(onTheWire(capture.file, keys)).toEqual({
        "gre in esp": true,
        "ipcomp (udp)": true,
        "ip in esp": true,
        "ipcomp (ip) in esp": true,
      });
      const esn = (await kernelSas(left.machine)).filter((sa) => sa.esn).map(({ proto }) => proto);
      expect(esn.sort()).toEqual(["ah", "ah", "esp", "esp"]);
      await rekeyedAndCrashed(lab, one, ways);
    },
  );

  scenario(
    "IPComp with strongSwan 5.9.8, asked for by either end, in tunnel and in transport mode",
    { ...spec, overlays: [spec.overlays[0]] },
    async (lab) => {
      const [left, right] = [lab.gateway("a"), lab.gateway("b")];
      const tunnel = `${left.lan.v4.prefix} <-> ${right.lan.v4.prefix}`;
      const proposals = { ike: "aes128-sha256-ecp256", esp: "aes128-sha256" };
      const peer = { ikev1: "main", compress: true };
      const ours = underlock(lab, {
        here: "a",
        there: "b",
        family: "v4",
        proposals,
        protect: ["gre", { tunnel }],
        initiate: false,
        peer,
      });
      const more = { ipcomp: "yes" };
      const children: Child[] = [
        { name: "gre", mode: "transport", localTs: "dynamic[gre]", remoteTs: "dynamic[gre]", more },
        { name: "net", mode: "tunnel", localTs: right.lan.v4.prefix, remoteTs: left.lan.v4.prefix, more },
      ];
      const theirs = connection(lab, { here: "b", there: "a", family: "v4", proposals, children });
      const charon = await lab.strongswan("b", "5.9.8", [{ ...theirs, version: 1 }]);
      await ours.must("lock");
      await lab.watch();
      await ours.start();
      const inner = lab.topology.overlays[0]?.inner;
      const ways = [
        [inner?.a ?? "", inner?.b ?? ""],
        [left.lan.v4.address, right.lan.v4.address],
      ] as const;
      for (const asks of ["strongSwan", "us"]) {
        if (asks === "strongSwan") for (const { name } of children) await charon.initiate(name);
        else {
          await ours.ask("down", { peer: "b" });
          await ours.ask("up", { peer: "b" });
        }
        for (const [from, to] of ways) expect(await lostPings(left.machine, from, to, { sizes })).toEqual(none);
        const compressing = (await kernelSas(left.machine)).filter(({ proto }) => proto === "comp");
        expect(compressing.filter(({ packets }) => packets > 0)).toHaveLength(4);
      }
      expect((await lab.wireFrom("a")).leaks).toEqual([]);
    },
  );
});

/** Nothing is lost while all is replaced, while the daemon is dead, and when the next one adopts what stands and replaces that. */
async function rekeyedAndCrashed(lab: Lab, ours: Underlock, ways: readonly (readonly string[])[]): Promise<void> {
  const { machine } = lab.gateway("a");
  const listed = async () => (await kernelSas(machine)).filter(({ proto }) => ["esp", "ah", "comp"].includes(proto));
  const spis = async () => (await listed()).map(({ spi }) => spi);
  const isReplaced = async (before: readonly number[]) => {
    const now = await spis();
    return now.length === before.length && !now.some((spi) => before.includes(spi));
  };
  const floods = ways.map(([from = "", to = ""]) => Flood.start(machine, from, to, 20));
  await waitFor("that pings are answered", () => floods.every((flood) => flood.answered));
  const first = await spis();
  await ours.ask("rekey", { peer: "b" });
  await waitFor("that a whole set has taken the place of each", async () => await isReplaced(first), 40_000);
  const second = await spis();
  await ours.crash();
  await ours.start();
  await ours.ask("up", { peer: "b" });
  await waitFor("that those of the former run are gone", async () => await isReplaced(second), 40_000);
  for (const flood of floods) expect(await flood.stop()).toMatchObject({ lost: [] });
}

/** What came in AH, opened with the keys in the kernels. */
function onTheWire(file: string, keys: ReadonlyMap<number, Buffer>): Record<string, true> {
  const seen: Record<string, true> = {};
  for (const { holds, payload } of ahFrames(file)) {
    const key = holds === within.esp ? keys.get(payload.readUInt32BE()) : undefined;
    if (holds === within.esp && key === undefined) continue;
    const bare = key?.length === 16;
    const opened = key === undefined ? undefined : openEsp(payload, key, bare ? 0 : 16);
    seen[`${named(opened?.holds ?? holds, opened?.inner ?? payload)}${opened === undefined ? "" : " in esp"}`] = true;
  }
  return seen;
}

/** RFC 3173 3: IPComp begins with what it holds. */
function named(protocol: number, octets: Buffer): string {
  const name = Object.entries(within).find(([, number]) => number === protocol)?.[0] ?? String(protocol);
  return protocol === within.ipcomp ? `ipcomp (${named(octets.readUInt8(0), octets)})` : name;
}

/** What the policies of a machine demand, inside out, each sort once. */
async function templates(machine: Parameters<typeof kernelPolicies>[0]): Promise<string[]> {
  const lines = (await kernelPolicies(machine))
    .filter(({ dir }) => dir !== "fwd")
    .map(({ dir, upper, templates: list }) => {
      const protocol = /proto (\S+)/.exec(upper)?.[1];
      const what = list.map(({ proto, mode, level }) => `${proto} ${mode} ${level}`).join(", ");
      return `${dir}${protocol === undefined ? "" : ` ${protocol}`}: ${what}`;
    });
  return [...new Set(lines)].sort();
}
