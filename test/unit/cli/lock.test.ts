import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { openControlServer } from "../../../src/daemon/control-server.ts";
import { mayMakeNamespaces, openNamespace } from "../daemon/namespace.ts";
import { underlock } from "./command.ts";

if (!mayMakeNamespaces) console.warn("SKIPPED: lock and unlock in a real kernel: needs root for a network namespace");

let folder = "";
let file = "";
let enter: readonly string[] = [];
let close: () => void = () => undefined;

function ip(...words: string[]): string {
  const [program = "", ...rest] = [...enter, "ip", ...words];
  return execFileSync(program, rest, { encoding: "utf8" });
}

/** Selectors and directions of all policies that are not those of sockets, as iproute2 sees them. */
function policies(): string[] {
  return ip("-o", "xfrm", "policy", "list", "nosock").split("\n").filter(Boolean).sort();
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-lock-"));
  file = join(folder, "a.yaml");
  await writeFile(join(folder, "b.psk"), "SPrQ7JXf2hVmXrMv0b3sYw", { mode: 0o600 });
  if (mayMakeNamespaces) ({ enter, close } = await openNamespace());
});
afterAll(async () => {
  close();
  await rm(folder, { recursive: true });
});
beforeEach(async () => {
  await writeFile(
    file,
    `local: { id: a.example, address: 192.0.2.1, lock: vxlan }
peers:
  b: { remote: 192.0.2.2, auth: { psk: file:b.psk }, protect: gre }
`,
  );
  if (mayMakeNamespaces) ip("xfrm", "policy", "flush");
});

describe.runIf(mayMakeNamespaces)("lock and unlock", { timeout: 20_000 }, () => {
  it("install every policy of the file once, and take back ours alone", async () => {
    ip("xfrm", "policy", "add", "src", "198.51.100.1", "dst", "198.51.100.2", "dir", "out", "action", "block");
    const foreign = policies();
    expect(await underlock(["lock", "-c", file], enter)).toEqual({
      status: 0,
      stdout: "locked: 6 policies installed, 0 stood already\n",
      stderr: "",
    });
    const locked = policies();
    expect(locked.length).toBe(7);
    expect(locked.filter((line) => line.includes("action block")).length).toBe(7);
    expect(locked.join("\n")).toMatch(/src 192\.0\.2\.1\/32 dst 192\.0\.2\.2\/32 proto gre .*dir out action block/);
    expect(locked.join("\n")).toMatch(/src 192\.0\.2\.2\/32 dst 192\.0\.2\.1\/32 proto gre .*dir in action block/);
    expect(locked.join("\n")).toMatch(/src ::\/0 dst ::\/0 proto udp dport 4789 .*dir out action block/);
    const again = await underlock(["lock", "-c", file, "--json"], enter);
    expect(JSON.parse(again.stdout)).toEqual({ installed: 0, stood: 6, foreign: 0, refused: [], errors: [] });
    expect(policies()).toEqual(locked);
    expect(await underlock(["unlock", "-s", join(folder, "none.sock")], enter)).toEqual({
      status: 0,
      stdout: "unlocked: 6 policies removed; what they covered may now pass in clear\n",
      stderr: "",
    });
    expect(policies()).toEqual(foreign);
    expect((await underlock(["unlock", "-s", join(folder, "none.sock")], enter)).stdout).toBe(
      "nothing was locked by underlock\n",
    );
  });

  it("lock what is sound and say what is not", async () => {
    await writeFile(
      file,
      `local: { id: a.example, address: 192.0.2.1 }
peers:
  b: { remote: 192.0.2.2, auth: { psk: file:b.psk }, protect: gre }
  c: { remote: 192.0.2.3, auth: { psk: file:missing.psk }, protect: gre }
  d: { remote: 192.0.2.4, auth: { psk: file:b.psk }, protect: gree }
`,
    );
    const { status, stdout, stderr } = await underlock(["lock", "-c", file], enter);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "locked: 4 policies installed, 0 stood already\n" });
    // Of c everything is known but the key; what d wants nobody can tell.
    expect(stderr).toContain(
      `underlock: part of ${file} could not be used: what it names for sure is locked, the rest is NOT\n`,
    );
    expect(policies().join("\n")).toMatch(/src 192\.0\.2\.1\/32 dst 192\.0\.2\.3\/32 proto gre/);
    expect(policies().join("\n")).not.toContain("192.0.2.4");
    expect(stderr).toMatch(/peers\.c\.auth\.psk: .*missing\.psk does not exist/);
    expect(stderr).toMatch(/peers\.d\.protect.*gree/);
  });

  it("leave the kernel alone where nothing of the file can be used", async () => {
    await writeFile(file, "local: { idd: a.example }\npeers: {}\n");
    const { status, stderr } = await underlock(["lock", "-c", file], enter);
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining("idd") });
    expect(policies()).toEqual([]);
  });

  it("name another owner's policy that is in the way", async () => {
    ip(..."xfrm policy add src 192.0.2.1 dst 192.0.2.2 proto gre dir out action allow".split(" "));
    const { status, stdout, stderr } = await underlock(["lock", "-c", file], enter);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "locked: 5 policies installed, 0 stood already\n" });
    expect(stderr).toContain("underlock: not everything is locked\nout 192.0.2.1/32 -> 192.0.2.2/32 gre: ");
    expect(policies().filter((line) => line.includes("action allow") || !line.includes("action")).length).toBe(1);
  });

  it("unlock not under a daemon that runs, unless forced", async () => {
    await underlock(["lock", "-c", file], enter);
    const socket = join(folder, "daemon.sock");
    const server = await openControlServer(socket, new Map());
    const refused = await underlock(["unlock", "-s", socket], enter);
    expect(refused).toEqual({
      status: 1,
      stdout: "",
      stderr: `underlock: an underlock daemon runs (${socket}) and needs its policies: stop it first, or unlock with --force\n`,
    });
    expect(policies().length).toBe(6);
    expect((await underlock(["unlock", "-s", socket, "--force"], enter)).status).toBe(0);
    expect(policies()).toEqual([]);
    await server.close();
  });

  it("unlock not under a daemon that listens where the file says, nor where nobody knows", async () => {
    await underlock(["lock", "-c", file], enter);
    const socket = join(folder, "of-the-file.sock");
    const text = await readFile(file, "utf8");
    const server = await openControlServer(socket, new Map());
    // A slip elsewhere hides it not, and a peer's name is not waited for.
    await writeFile(file, `daemon: { socket: ${socket} }\n${text.replace("192.0.2.2", "gw-b.invalid")}locks: gre\n`);
    const refused = await underlock(["unlock", "-c", file], enter);
    expect({ status: refused.status, stderr: refused.stderr }).toEqual({
      status: 1,
      stderr: `underlock: an underlock daemon runs (${socket}) and needs its policies: stop it first, or unlock with --force\n`,
    });
    await writeFile(file, "daemon: {{\n");
    const unknown = await underlock(["unlock", "-c", file], enter);
    expect({ status: unknown.status, stderr: unknown.stderr }).toEqual({
      status: 2,
      stderr: expect.stringContaining(`${file} cannot be used, so that nobody knows where a daemon of it would listen`),
    });
    expect(policies().length).toBe(6);
    await server.close();
    expect((await underlock(["unlock", "-c", file, "-s", socket], enter)).status).toBe(0);
    expect(policies()).toEqual([]);
  });

  it("unlock a host whose file is gone, or is broken where that is forced", async () => {
    await underlock(["lock", "-c", file], enter);
    expect((await underlock(["unlock", "-c", join(folder, "gone.yaml")], enter)).status).toBe(0);
    expect(policies()).toEqual([]);
    await writeFile(file, "daemon: {{\n");
    expect((await underlock(["unlock", "-c", file, "--force"], enter)).status).toBe(0);
  });

  it("say when rights are missing", async () => {
    await chmod(folder, 0o755);
    const without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
    for (const words of [
      ["lock", "-c", file],
      ["unlock", "-s", join(folder, "none.sock")],
    ])
      expect(await underlock(words, [...enter, ...without])).toEqual({
        status: 1,
        stdout: "",
        stderr: "underlock: not permitted to manage IPsec: run as root, or with CAP_NET_ADMIN\n",
      });
  });
});
