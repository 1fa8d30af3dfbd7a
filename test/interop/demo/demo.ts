// The main job, shown: two gateways, three things to protect, traffic on all of them, and a witness on the wire.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Capture, type CaptureReport } from "../lab/capture.ts";
import { kernelSas } from "../lab/kernel-state.ts";
import { Topology } from "../lab/topology.ts";
import { lostPings, Offer } from "../lab/traffic.ts";
import { Underlock } from "../lab/underlock.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const gateways = ["a", "b"] as const;
const sizes = [56, 1300, 5000];
const started = Date.now();

process.exitCode = await demo();

async function demo(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "underlock-demo-"));
  const topology = await Topology.create(
    {
      gateways,
      lan: "host",
      overlays: [
        { kind: "gre", between: gateways, family: "v4" },
        { kind: "vxlan", between: gateways, family: "v4" },
      ],
    },
    folder,
  );
  try {
    return await show(topology, folder);
  } finally {
    await topology.destroy();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function show(topology: Topology, folder: string): Promise<number> {
  title("The place");
  say("gateway a 192.0.2.1  ----- the wire, watched -----  gateway b 192.0.2.2");
  say("  host 10.1.0.2            GRE and VXLAN devices          host 10.2.0.2");
  cpSync(join(root, "examples"), join(folder, "examples"), { recursive: true });
  writeFileSync(join(folder, "examples/underlock.psk"), "a key for the demonstration only\n", { mode: 0o600 });
  const [a, b] = gateways.map((name) => {
    const file = join(folder, `examples/site-to-site/gw-${name}.yaml`);
    say(`gateway ${name} runs examples/site-to-site/gw-${name}.yaml`);
    return new Underlock(topology.gateway(name).machine, file);
  });
  if (a === undefined || b === undefined) return 1;

  title("Locked: the policies stand, nobody negotiates yet");
  for (const line of await Promise.all([a.must("lock"), b.must("lock")])) say(line.trim());
  const capture = await Capture.start(topology.middle);
  const offer = Offer.start(topology);
  await pause(1_500);
  const before = capture.counts();
  say(`traffic is offered on GRE, VXLAN and between the hosts; on the wire: ${frames(before)}`);

  title("Two daemons start, at the same time");
  await Promise.all([a.start(), b.start()]);
  await Promise.all([a.must("up", "site-b"), b.must("up", "site-a")]);
  say((await a.must("status")).trimEnd());

  title("Pings across each");
  const lost = await pings(topology);
  for (const sa of await kernelSas(topology.gateway("a").machine)) {
    say(
      `in the kernel of a: ${sa.proto} ${sa.mode} ${sa.src} -> ${sa.dst} SPI ${sa.spi.toString(16).padStart(8, "0")}: ${sa.packets} packets`,
    );
  }

  title("The daemons stop; the locks stay, the traffic goes on");
  // Down first: a daemon that is told to stop while its peer still wants the tunnel is called again, and its closed port
  // answers with an ICMP error.
  await Promise.all([a.must("down", "site-b"), b.must("down", "site-a")]);
  const statuses = await Promise.all([a.stop(), b.stop()]);
  await pause(1_500);
  const flows = await offer.stop();
  const wire = await capture.stop();
  for (const flow of flows) say(`offered ${flow.flow}: ${flow.sent} pings sent, ${flow.received} answered`);
  return verdict(wire, lost, statuses, before);
}

/** Pings of three sizes over each overlay and between the hosts; the number lost of all. */
async function pings(topology: Topology): Promise<number> {
  const machine = topology.gateway("a").machine;
  const { inside } = topology.gateway("a");
  const far = topology.gateway("b").inside.address.v4;
  const ways = topology.overlays.map(({ device, inner }) => ({
    name: device,
    machine,
    from: inner.a ?? "",
    to: inner.b ?? "",
  }));
  ways.push({ name: "net-to-net", machine: inside.machine, from: inside.address.v4, to: far });
  let lost = 0;
  for (const way of ways) {
    const result = await lostPings(way.machine, way.from, way.to, { sizes });
    const text = Object.entries(result).map(
      ([size, count]) => `${size} octets: ${count === 0 ? "all 3 answered" : `${count} of 3 lost`}`,
    );
    say(`${way.name.padEnd(10)} ${way.from} -> ${way.to}   ${text.join("   ")}`);
    lost += Object.values(result).reduce((sum, count) => sum + count, 0);
  }
  return lost;
}

function verdict(
  wire: CaptureReport,
  lost: number,
  statuses: readonly (number | null)[],
  before: CaptureReport["counts"],
): number {
  title("What the witness on the wire saw, from lock to after the stop");
  say(frames(wire.counts));
  for (const leak of wire.leaks) say(`IN CLEAR: ${leak}`);
  const faults = [
    before.esp > 0 ? "ESP was seen before any daemon ran" : "",
    wire.leakCount > 0 ? `${wire.leakCount} frames in clear` : "",
    wire.counts.esp < 100 ? "hardly any ESP was seen" : "",
    wire.dropped > 0 ? `the witness missed ${wire.dropped} frames` : "",
    lost > 0 ? `${lost} pings were lost` : "",
    statuses.some((status) => status !== 0) ? `the daemons ended with status ${statuses.join(" and ")}` : "",
  ].filter((fault) => fault !== "");
  const seconds = ((Date.now() - started) / 1000).toFixed(0);
  say("");
  if (faults.length === 0) say(`Not one GRE, VXLAN or inner packet in clear; every ping answered. (${seconds} s)`);
  else say(`It did not work: ${faults.join("; ")}. (${seconds} s)`);
  return faults.length === 0 ? 0 : 1;
}

function frames(counts: CaptureReport["counts"]): string {
  const seen = Object.entries(counts).filter(([, count]) => count > 0);
  return seen.length === 0 ? "nothing" : seen.map(([kind, count]) => `${count} ${kind}`).join(", ");
}

function title(text: string): void {
  console.log(`\n== ${text}`);
}

function say(text: string): void {
  for (const line of text.split("\n")) console.log(`   ${line}`);
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}
