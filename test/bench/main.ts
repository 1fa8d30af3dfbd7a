/** The bench: runs in a network namespace of its own, as root; `scripts/bench.mjs` starts it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { cpus, loadavg, release, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bed, type Effort, measureLevels, measureMemory, measureRates, measureStarts } from "./measure.ts";
import { measureCertificates } from "./measure-certificates.ts";
import { measureIkev1 } from "./measure-ikev1.ts";
import { measureFlood, measureRekeys } from "./measure-rekeys.ts";
import { measureSignatures } from "./measure-signatures.ts";
import { formatProfile, profile } from "./profile.ts";
import { type Circumstances, formatReport, type Measured, report } from "./report.ts";

const efforts: Readonly<Record<"quick" | "full", Effort>> = {
  quick: {
    rounds: 5,
    sampleSeconds: 0.18,
    warmUp: 2_000,
    memoryRounds: 1,
    settleSeconds: 1,
    startRounds: 3,
    levelRounds: 3,
    rekeyRounds: 3,
  },
  full: {
    rounds: 5,
    sampleSeconds: 2,
    warmUp: 12_000,
    memoryRounds: 5,
    settleSeconds: 5,
    startRounds: 5,
    levelRounds: 10,
    rekeyRounds: 5,
  },
};

/** Many: Node compiles what runs often on the way, which is not to weigh in what is shown. */
const profiledHandshakes = 20_000;

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    "charon-root": { type: "string", default: "/" },
    keep: { type: "boolean", default: false },
    profile: { type: "boolean", default: false },
  },
});

const begun = performance.now();
const loadAverage = loadavg()[0] ?? 0;
const folder = mkdtempSync(join(tmpdir(), "underlock-bench-"));
const bed: Bed = {
  folder,
  charon: { root: values["charon-root"] },
  effort: efforts[values.quick ? "quick" : "full"],
  tell: (sentence) =>
    process.stderr.write(`bench: ${((performance.now() - begun) / 1000).toFixed(0)} s: ${sentence}\n`),
};

try {
  if (values.profile) process.stdout.write(`${formatProfile(await profile(bed, "x25519", profiledHandshakes))}\n`);
  else await measureAndReport();
} finally {
  if (values.keep) bed.tell(`the daemons' files are in ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

async function measureAndReport(): Promise<void> {
  const { measured, peerVersion } = await measure();
  const found = report(measured, circumstances(peerVersion));
  process.stdout.write(values.json ? `${JSON.stringify(found)}\n` : `${formatReport(found)}\n`);
  if (values.json) process.stderr.write(`${formatReport(found)}\n`);
}

async function measure(): Promise<{ measured: Measured; peerVersion: string }> {
  const { levels, others } = await measureLevels(bed, async () => {
    const { rates, peerVersion } = await measureRates(bed);
    const signatures = await measureSignatures(bed);
    const ikev1 = await measureIkev1(bed);
    const starts = await measureStarts(bed);
    const memory = await measureMemory(bed);
    const rekeys = await measureRekeys(bed);
    const flood = await measureFlood(bed);
    bed.tell("certificates of 200 gateways");
    const certificates = await measureCertificates(bed.folder, bed.effort.startRounds);
    return { rates, signatures, ikev1, starts, memory, rekeys, flood, certificates, peerVersion };
  });
  const { peerVersion, ...rest } = others;
  return { measured: { levels, ...rest }, peerVersion };
}

function circumstances(peerVersion: string): Circumstances {
  return {
    date: new Date().toISOString().slice(0, 10),
    commit: commit(),
    node: process.versions.node,
    openssl: process.versions.openssl,
    peer: { name: "strongSwan", version: peerVersion, root: values["charon-root"] },
    machine: { cpu: cpuModel(), processors: cpus().length, kernel: release() },
    loadAverage,
    quick: values.quick,
    seconds: Math.round((performance.now() - begun) / 1000),
  };
}

function commit(): string {
  const git = (...words: string[]): string => execFileSync("git", words, { encoding: "utf8" }).trim();
  try {
    return git("rev-parse", "--short", "HEAD") + (git("status", "--porcelain", "--", "src") === "" ? "" : "+");
  } catch {
    return "unknown";
  }
}

function cpuModel(): string {
  const info = readFileSync("/proc/cpuinfo", "utf8");
  return /^model name\s*:\s*(.*)$/m.exec(info)?.[1] ?? "unknown";
}
