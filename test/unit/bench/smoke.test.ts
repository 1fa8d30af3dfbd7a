import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caseNames } from "../../bench/cases.ts";
import { makeCredentials, signatureNames } from "../../bench/credentials.ts";
import { cpuSeconds, residentBytes } from "../../bench/process-usage.ts";
import { rekeyKinds } from "../../bench/rekeyer.ts";
import { Floor, Load, sample } from "../../bench/subjects.ts";
import { startUnderlock } from "../../bench/underlock.ts";

/** Our side of the bench with small counts, on loopback and without root; charon needs root, and is left to `npm run bench`. */
describe("the bench's own side", () => {
  const endpoint = { address: "127.0.0.1", port: 21_500 };
  const folder = mkdtempSync(join(tmpdir(), "underlock-bench-"));
  let load: Load;
  let daemon: ReturnType<typeof startUnderlock>;

  beforeAll(async () => {
    await makeCredentials(folder);
    // The helpers are TypeScript here.
    process.execArgv.push("--import", "tsx");
    load = new Load();
    daemon = startUnderlock(folder, endpoint, true, [], folder);
    await load.firstAnswer(endpoint);
  }, 30_000);

  afterAll(async () => {
    load.close();
    await daemon.kill();
    rmSync(folder, { recursive: true, force: true });
  });

  test("establishes tunnels of each case and tells what they cost the daemon", async () => {
    for (const name of caseNames) {
      const taken = await sample(load, { endpoint, process: daemon, startMilliseconds: 0 }, name, 20);
      expect(taken.count).toBe(20);
      expect(taken.took).toBeGreaterThan(0.0005);
      expect(taken.took).toBeLessThan(10);
    }
  }, 30_000);

  test.each(signatureNames)("establishes tunnels whose ends prove themselves by %s", async (name) => {
    await load.establish(endpoint, "x25519", 20, { signature: { name, folder } });
  });

  test("establishes tunnels with a Child SA, ends them, and establishes them again", async () => {
    for (let round = 0; round < 2; round += 1) {
      await load.establish(endpoint, "x25519", 20, { withChild: true, keep: true });
      await load.delete(endpoint, { withChild: true });
    }
  }, 30_000);

  test("establishes ISAKMP SAs with a pair of IPsec SAs each, ends them, and establishes them again", async () => {
    for (let round = 0; round < 2; round += 1) {
      await load.establishIkev1(endpoint, 20);
      await load.delete(endpoint, { withChild: true });
    }
  }, 30_000);

  test("replaces Child SAs and IKE SAs over and over", async () => {
    await load.establish(endpoint, "x25519", 20, { withChild: true, keep: true });
    for (const what of rekeyKinds) await load.rekey(endpoint, what, 50, { withChild: true });
  }, 30_000);

  test("the daemon had nothing to complain of", () => {
    expect(readFileSync(join(folder, "log"), "utf8")).toBe("");
  });

  test("loads nobody but loopback", async () => {
    await expect(load.establish({ address: "192.0.2.1", port: 500 }, "x25519", 1)).rejects.toThrow("not a loopback");
  });

  test("the floor carries out each case", async () => {
    const floor = new Floor();
    for (const name of caseNames) expect((await floor.sample(name, 3)).took).toBeGreaterThan(0);
    floor.close();
  }, 30_000);
});

describe("what a process has used", () => {
  test("CPU seconds are those that the process and /proc count", () => {
    for (let i = 0, end = performance.now() + 200; performance.now() < end; i += 1) Math.sqrt(i);
    const { user, system } = process.cpuUsage();
    const ticks = readFileSync("/proc/self/stat", "utf8").split(") ").at(-1)?.split(" ").slice(11, 13) ?? [];
    const perSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
    const seen = cpuSeconds(process.pid);
    expect(seen).toBeGreaterThan(0.15);
    expect(Math.abs(seen - (user + system) / 1e6)).toBeLessThan(0.15);
    expect(Math.abs(seen - ticks.map(Number).reduce((sum, each) => sum + each, 0) / perSecond)).toBeLessThan(0.15);
  });

  test("resident octets are those that the process sees itself", () => {
    const seen = residentBytes(process.pid);
    expect(Math.abs(seen - process.memoryUsage.rss()) / seen).toBeLessThan(0.2);
  });

  test("a process that has ended is an error", () => {
    expect(() => cpuSeconds(4_194_303)).toThrow("has ended");
  });
});
