import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { hazardQuery } from "../../../src/cli/host-findings.ts";
import { loadConfiguration } from "../../../src/config/load.ts";
import { mayMakeNamespaces, openNamespace } from "../daemon/namespace.ts";
import { underlock } from "./command.ts";

if (!mayMakeNamespaces) console.warn("SKIPPED: check and run on a real host: needs root for a network namespace");

const hasEsp = canDoEsp();
if (hasEsp) console.warn("SKIPPED: run on a kernel without ESP: this kernel has it");

const secret = "SPrQ7JXf2hVmXrMv0b3sYw";
let folder = "";
let enter: readonly string[] = [];
let close: () => void = () => undefined;

async function write(text: string): Promise<string> {
  const file = join(folder, "a.yaml");
  await writeFile(file, text);
  return file;
}

const sound = `local: { id: a.example, address: 192.0.2.1, lock: [gre, geneve] }
peers:
  b: { remote: 192.0.2.2, id: b.example, auth: { psk: file:b.psk }, protect: [vxlan: { port: 8472 }, tunnel: 10.1.0.0/16 <-> 10.2.0.0/16] }
`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-check-"));
  await writeFile(join(folder, "b.psk"), secret, { mode: 0o600 });
  if (mayMakeNamespaces) ({ enter, close } = await openNamespace());
});
afterAll(async () => {
  close();
  await rm(folder, { recursive: true });
});

describe("check --offline", { timeout: 20_000 }, () => {
  it("says what the file comes to, without its secret", async () => {
    const file = await write(sound);
    const { status, stdout, stderr } = await underlock(["check", "--offline", "-c", file]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(`1 peer of ${file} can be used\n`);
    expect(stdout).toContain("b: 192.0.2.1 - 192.0.2.2, a.example - b.example, we call it\n  IKE aes256gcm16-");
    expect(stdout).toContain("\n  tunnel 10.1.0.0/16 <-> 10.2.0.0/16: esp tunnel\n");
    const json = await underlock(["check", "--offline", "--json", "-c", file]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      file,
      problems: [],
      peers: [{ name: "b", local: "192.0.2.1", remote: ["192.0.2.2"], children: [{}, {}, { mode: "tunnel" }] }],
    });
    for (const text of [stdout, json.stdout]) expect(text).not.toContain(secret);
  });

  it("names file, line and column of each problem, and the nearest key", async () => {
    const file = await write(sound.replace("remote:", "remoet:"));
    const { status, stdout, stderr } = await underlock(["check", "--offline", "-c", file]);
    expect(stdout).toMatch(/^.*a\.yaml:3:8: peers\.b\.remoet: .*remote/m);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/^underlock: .*a\.yaml has \d errors?\n$/),
    });
  });

  it("does not hold a name that it must not look up against the file", async () => {
    const file = await write(sound.replace("192.0.2.2", "gw-b.invalid"));
    expect(await underlock(["check", "--offline", "-c", file])).toMatchObject({ status: 0, stderr: "" });
  });

  it.each(["check", "run", "lock"])("%s says that a file is not there", async (command) => {
    const file = join(folder, "none.yaml");
    const { status, stdout, stderr } = await underlock([command, "-c", file]);
    expect(status).toBe(2);
    expect(stdout + stderr).toContain(`${file} does not exist`);
    // Of nothing there is nothing that the kernel could do.
    expect(stdout).not.toContain("this kernel can do all of it");
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});

describe("what the hazards are looked for in", () => {
  it("is every peer, every tunnel and every UDP port, those locked towards everybody marked", async () => {
    const { desired } = await loadConfiguration(await write(sound), { resolve: async () => [] });
    const prefix = (address: string) => ({ address, length: 16 });
    expect(hazardQuery(desired)).toEqual({
      peers: ["192.0.2.2"],
      locksEverybody: true,
      tunnels: [expect.objectContaining({ source: prefix("10.1.0.0"), destination: prefix("10.2.0.0") })],
      own: [expect.objectContaining({ locked: false })],
      vxlan: [
        { port: 8472, locked: false },
        { port: 6081, locked: true },
      ],
    });
  });

  it("is what the host sends from one address, once for both directions, with whether local.lock names it", async () => {
    const lines = `local: { id: a.example, address: 192.0.2.1, lock: gre }
peers:
  b: { remote: 192.0.2.2, auth: { psk: file:b.psk }, protect: [gre, vxlan] }
  any: { remote: any, id: c.example, auth: { psk: file:b.psk }, local: 192.0.2.1, protect: [tunnel: 10.1.0.0/16 <-> 10.3.0.0/16] }
`;
    const { desired } = await loadConfiguration(await write(lines), { resolve: async () => [] });
    const host = (address: string) => ({ address, length: 32 });
    const packets = { source: host("192.0.2.1"), destination: host("192.0.2.2") };
    expect(hazardQuery(desired).own).toEqual([
      { selector: expect.objectContaining({ ...packets, protocol: 47 }), locked: true },
      { selector: expect.objectContaining({ ...packets, protocol: 17, destinationPort: 4789 }), locked: false },
    ]);
  });
});

describe.runIf(mayMakeNamespaces)("on a real host", { timeout: 20_000 }, () => {
  const inside = (...words: string[]): string => {
    const [program = "", ...rest] = [...enter, ...words];
    return execFileSync(program, rest, { encoding: "utf8" });
  };

  it("check names what would defeat the locks, and changes nothing", async () => {
    inside("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/disable_xfrm");
    const file = await write("local: { id: a.example, address: 192.0.2.1, lock: gre }\n");
    const { status, stdout, stderr } = await underlock(["check", "-c", file], enter);
    inside("sh", "-c", "echo 0 > /proc/sys/net/ipv4/conf/all/disable_xfrm");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^WARNING .*net\.ipv4\.conf\.all\.disable_xfrm/m);
    const clean = await underlock(["check", "-c", file], enter);
    expect(clean.stdout).not.toMatch(/conf\.all\.disable_xfrm/);
    expect(inside("ip", "xfrm", "policy")).toBe("");
  });

  it("run needs rights, and says which", async () => {
    const file = await write(sound);
    const without = ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"];
    const { status, stderr } = await underlock(
      ["run", "-c", file, "-s", join(folder, "c.sock")],
      [...enter, ...without],
    );
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^underlock: not permitted to manage IPsec: run as root, or .*CAP_NET_ADMIN\n$/),
    });
  });

  const onKernelWithoutEsp = async (): Promise<void> => {
    const file = await write(sound);
    const { status, stderr } = await underlock(["run", "-c", file, "-s", join(folder, "c.sock")], enter);
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr:
        'underlock: this kernel has no ESP over IPv4: load it with "modprobe esp4", or use a kernel built with CONFIG_INET_ESP\n',
    });
    expect(inside("ip", "xfrm", "policy")).toBe("");
  };
  // A kernel that has it cannot show this, and counts as no test left out.
  if (!hasEsp) it("run says when this kernel cannot do what the file asks for, and locks nothing", onKernelWithoutEsp);
});

/** Whether this host's kernel takes an SA of ESP. */
function canDoEsp(): boolean {
  const key = "0x00112233445566778899aabbccddeeff";
  const sa = `ip xfrm state add src 192.0.2.1 dst 192.0.2.2 proto esp spi 1 enc aes ${key}`;
  return spawnSync("unshare", ["-n", ...sa.split(" ")]).status === 0;
}
