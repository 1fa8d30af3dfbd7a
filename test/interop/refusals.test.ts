// Every way in which two ends can disagree: our end says the cause in one line, leaves no SA, and lets nothing out.
import { describe, expect } from "vitest";
import type { LogLine } from "../../src/observe/log.ts";
import { logLines, peerOf, statusOf } from "./daemon-words.ts";
import { kindsAfterStop } from "./lab/frames.ts";
import { kernelSas, xfrmCounters } from "./lab/kernel-state.ts";
import { sleep, waitFor } from "./lab/machine.ts";
import { type Lab, scenario } from "./lab/scenario.ts";
import { type Connection, strongswanVersions } from "./lab/strongswan.ts";
import type { Family, TopologySpec } from "./lab/topology.ts";
import { lostPings } from "./lab/traffic.ts";
import type { Underlock } from "./lab/underlock.ts";
import { agreed, type Cause, causes, type End, type Said } from "./refusal-causes.ts";

const peers = [...strongswanVersions.map((version) => `strongSwan ${version}` as const), "Underlock"] as const;
const roles = ["initiator", "responder"] as const;
type Role = (typeof roles)[number];
const families: readonly Family[] = ["v4", "v6"];

/** A peer with which there is nothing to disagree about: its traffic shows that the ends and the watch work. */
const control: Disagreement = { name: "control" };
type Disagreement = Pick<Cause, "name" | "ours" | "theirs" | "unknown">;

/** Gateway b has an address of its own for each. */
const all: readonly Disagreement[] = [control, ...causes];

for (const peer of peers) {
  for (const [role, family] of roles.flatMap((role) => families.map((family) => [role, family] as const))) {
    describe(`as ${role} with ${peer} over IP${family}`, () => {
      scenario(causes.map(({ name }) => name).join(", "), topology(role, family), async (lab) => {
        const addresses = all.map((cause) => `address replace ${address(family, cause)}${onLink[family]} dev u0 nodad`);
        await lab.gateway("b").machine.ip(addresses);
        const ours = underlock(lab, "a", role, family);
        await ours.must("lock");
        await lab.watch();
        // The other end may be no Underlock, which sends in clear what it has no SA for.
        const offer = lab.offer({ rate: 5, from: ["a"] });
        await refuse(lab, peer, role, family, ours);
        const status = await statusOf(ours);
        for (const cause of causes) {
          const { of, reason } = saidOf(cause, role, peer);
          const lines = linesOf(ours, cause, family);
          expect(lines, cause.name).toMatchObject([{ reason }]);
          if (of === "log") continue;
          const { reason: ofPeer, children } = peerOf(status, cause.name);
          expect(of === "peer" ? ofPeer : children[0]?.reason, cause.name).toMatchObject(reason);
          expect(children, cause.name).toMatchObject([{ state: "locked", sas: [] }]);
        }
        const [gre] = lab.topology.overlays;
        const { machine } = lab.gateway("a");
        expect(await lostPings(machine, gre?.inner.a ?? "", gre?.inner.b ?? "", { sizes: [56] })).toEqual({ 56: 0 });
        const sas = await kernelSas(machine);
        const ends = [lab.gateway("a").address[family], address(family, control)];
        expect(sas.map(({ src, dst }) => [src, dst].sort())).toEqual([ends, ends]);
        expect(await ours.stop()).toBe(0);
        const flows = await offer.stop();
        expect(flows.filter(({ sent }) => sent < 10)).toEqual([]);
        expect(await kernelSas(machine)).toEqual([]);
        expect((await xfrmCounters(machine)).XfrmOutPolBlock).toBeGreaterThan(50);
        const wire = await lab.wire(kindsAfterStop);
        expect(wire.leaks).toEqual([]);
        expect(wire.counts.esp).toBeGreaterThan(5);
        expect(wire.dropped).toBe(0);
      });
    });
  }
}

/** Starts both ends and waits until every cause has been told of; then long enough for one to be told of twice. */
async function refuse(
  lab: Lab,
  peer: (typeof peers)[number],
  role: Role,
  family: Family,
  ours: Underlock,
): Promise<void> {
  const version = strongswanVersions.find((one) => peer.endsWith(one));
  if (version === undefined) {
    const theirs = underlock(lab, "b", role === "initiator" ? "responder" : "initiator", family);
    const [responder, initiator] = role === "initiator" ? [theirs, ours] : [ours, theirs];
    await responder.start();
    await initiator.start();
    await initiator.must("up", control.name);
  } else {
    const connections = all.map((cause) => connection(lab, cause, role, family));
    const [charon] = await Promise.all([lab.strongswan("b", version, connections), ours.start()]);
    if (role === "initiator") await ours.must("up", control.name);
    else for (const { name } of all) await charon.refusal(name);
  }
  for (const cause of causes) {
    await waitFor(`a line about ${cause.name}`, () => linesOf(ours, cause, family).length > 0);
  }
  await sleep(500);
}

/** The lines of our log that give a reason and are about this peer, or about a caller that is nobody's peer. */
function linesOf(ours: Underlock, cause: Cause, family: Family): LogLine[] {
  const about = ({ peer, facts }: LogLine) =>
    peer === undefined ? facts?.remote?.toString().includes(address(family, cause)) : peer === cause.name;
  return logLines(ours).filter((line) => line.reason !== undefined && about(line));
}

function saidOf(cause: Cause, role: Role, peer: (typeof peers)[number]): Said {
  if (role === "responder") return cause.responder;
  return (peer === "Underlock" ? undefined : cause.initiatorWithStrongswan) ?? cause.initiator;
}

/** GRE to each of gateway b's addresses that our end knows of, and LANs. */
function topology(role: Role, family: Family): TopologySpec & { readonly seconds: number } {
  const overGre = all.filter(({ unknown, ours }) => ours?.subnets === undefined && !(unknown && role === "responder"));
  const overlays = overGre.map((cause) => ({
    kind: "gre" as const,
    between: ["a", "b"] as const,
    family,
    at: { b: address(family, cause) },
  }));
  return { gateways: ["a", "b"], lan: "device", overlays, seconds: 90 };
}

/** Our daemon on a, or the same program as the peer on b; `role` is its own. */
function underlock(lab: Lab, here: "a" | "b", role: Role, family: Family): Underlock {
  const there = here === "a" ? "b" : "a";
  const ends = all.map((cause) => ({ cause, end: endOf(cause, here) }));
  const peerOfCause = ({ cause, end }: (typeof ends)[number]) => ({
    remote: here === "a" ? address(family, cause) : lab.gateway("a").address[family],
    ...(cause.unknown && role === "responder" ? { remote: nowhere[family] } : {}),
    ...(here === "a" ? {} : { local: address(family, cause) }),
    id: `${there}-${cause.name}.example`,
    "local-id": end.misnamed ? "stranger.example" : `${here}-${cause.name}.example`,
    auth: { psk: `file:${cause.name}.psk` },
    ike: end.ike,
    esp: end.esp,
    protect:
      end.subnets === undefined
        ? [{ gre: null, mode: end.mode }]
        : [{ tunnel: (here === "a" ? end.subnets : end.subnets.toReversed()).join(" <-> ") }],
    initiate: role === "initiator",
  });
  return lab.underlock(here, {
    config: {
      local: { address: lab.gateway(here).address[family] },
      // One attempt for each cause: what is told twice is told twice about the same attempt.
      defaults: { retry: { first: "1h", longest: "1d" } },
      peers: Object.fromEntries(ends.map((each) => [each.cause.name, peerOfCause(each)])),
    },
    files: Object.fromEntries(ends.map(({ cause, end }) => [`${cause.name}.psk`, `${end.secret}\n`])),
  });
}

/** strongSwan's on b; `role` is ours. */
function connection(lab: Lab, cause: Disagreement, role: Role, family: Family): Connection {
  const end = endOf(cause, "b");
  const elsewhere = cause.unknown && role === "initiator";
  const [remoteTs, localTs] = end.subnets ?? ["dynamic[gre]", "dynamic[gre]"];
  return {
    name: cause.name,
    localAddress: address(family, cause),
    remoteAddress: elsewhere ? nowhere[family] : lab.gateway("a").address[family],
    localId: end.misnamed ? "stranger.example" : `b-${cause.name}.example`,
    remoteId: `a-${cause.name}.example`,
    secret: end.secret,
    ike: end.ike,
    children: [{ name: cause.name, mode: end.mode, localTs, remoteTs, esp: end.esp }],
  };
}

function endOf(cause: Disagreement, end: "a" | "b"): End {
  return { ...agreed, ...(end === "a" ? cause.ours : cause.theirs) };
}

function address(family: Family, cause: Disagreement): string {
  const host = 101 + all.indexOf(cause);
  return family === "v4" ? `192.0.2.${host}` : `2001:db8::${host}`;
}

const onLink: Readonly<Record<Family, string>> = { v4: "/24", v6: "/64" };

/** Nobody is there. */
const nowhere: Readonly<Record<Family, string>> = { v4: "192.0.2.77", v6: "2001:db8::77" };
