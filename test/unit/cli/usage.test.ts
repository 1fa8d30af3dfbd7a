import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import packageJson from "../../../package.json" with { type: "json" };
import { run, underlock } from "./command.ts";
import { called } from "./in-process.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-cli-"));
});
afterAll(async () => {
  await rm(folder, { recursive: true });
});

describe("underlock", () => {
  it("prints its version, for people and for programs", async () => {
    expect(await underlock(["version"])).toEqual({
      status: 0,
      stdout: `underlock ${packageJson.version} (Node ${process.versions.node})\n`,
      stderr: "",
    });
    const { stdout } = await underlock(["version", "--json"]);
    expect(JSON.parse(stdout)).toEqual({ version: packageJson.version, node: process.versions.node });
  });

  it("lists every command in its help", async () => {
    const { status, stdout } = await underlock(["--help"]);
    expect(status).toBe(0);
    for (const command of [
      "run",
      "lock",
      "unlock",
      "check",
      "up",
      "down",
      "rekey",
      "redirect",
      "reload",
      "status",
      "decode",
      "explain",
      "vectors",
      "version",
    ])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
  });

  it.each([
    [["stauts"], "error: unknown command 'stauts'\n(Did you mean status?)"],
    [["status", "--jsno"], "error: unknown option '--jsno'\n(Did you mean --json?)"],
    [["up"], "error: missing required argument 'peer'"],
    [["up", "b", "--wait", "soon"], "It must be a number of seconds from 0 to 600."],
    [["run", "--log-format", "xml"], "Allowed choices are human, json."],
    [[], "Usage: underlock"],
  ])("%j is a usage error", async (words, sentence) => {
    const { status, stdout, stderr } = await underlock(words);
    expect(stderr).toContain(sentence);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });

  it("refuses to do wrong on purpose, unless the switch for tests is set", { timeout: 30_000 }, async () => {
    const file = join(folder, "underlock.yaml");
    await writeFile(file, "local:\n  address: 192.0.2.1\n");
    const { status, stderr } = await underlock(["run", "--config", file, "--impair", "fail set-policy 1"]);
    expect(stderr).toContain('UNDERLOCK_TEST_ONLY is not "impair"');
    expect(status).toBe(2);
    expect((await underlock(["run", "--help"])).stdout).not.toContain("impair");
  });

  it("exports no key unless it is told where to, and says so before anything runs", { timeout: 120_000 }, async () => {
    const file = join(folder, "underlock.yaml");
    await writeFile(file, "local:\n  address: 192.0.2.1\n");
    const { status, stderr } = await underlock(["run", "--config", file, "--export-keys", "/dev/null/keys"]);
    expect(stderr).toBe("underlock: cannot export keys into /dev/null/keys: ENOTDIR\n");
    expect(status).toBe(2);
    const help = (await called(["run", "--help"])).stdout;
    expect(help).toMatch(/--export-keys <folder>/);
    expect(help.replace(/\s+/g, " ")).not.toMatch(/--export-keys <folder>[^-]*\(default/);
  });

  it.each([
    [["status"]],
    [["up", "b"]],
    [["down", "b"]],
    [["rekey", "b", "--ike"]],
    [["redirect", "b", "192.0.2.9"]],
    [["reload"]],
  ])("%j misses the daemon", async (words) => {
    const socket = join(folder, "absent.sock");
    expect(await underlock([...words, "--socket", socket])).toEqual({
      status: 1,
      stdout: "",
      stderr: `underlock: no underlock daemon answers on ${socket}: start one with "underlock run", or name its socket with --socket\n`,
    });
  });
});

describe("the launcher", () => {
  it("says how to build what is not built", async () => {
    const bin = join(folder, "bin");
    await rm(bin, { recursive: true, force: true });
    const { mkdir } = await import("node:fs/promises");
    await mkdir(bin);
    await writeFile(join(folder, "package.json"), '{"type":"module"}');
    await copyFile(new URL("../../../bin/underlock", import.meta.url), join(bin, "underlock"));
    expect(await run(join(bin, "underlock"), [])).toEqual({
      status: 1,
      stdout: "",
      stderr: `underlock: the program is not built yet: run "npm run build" in ${folder}/\n`,
    });
  });
});
