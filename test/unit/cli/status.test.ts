import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { duration, statusText } from "../../../src/cli/status-text.ts";
import { controlMethods } from "../../../src/daemon/control-methods.ts";
import { openControlServer } from "../../../src/daemon/control-server.ts";
import { statusReport } from "../../../src/daemon/status-report.ts";
import type { PeerStatus, Status } from "../../../src/engine/status.ts";
import { describeReason } from "../../../src/negotiate/reason-text.ts";
import { underlock } from "./command.ts";

const refused = { code: "peer-refused-selectors", sent: ["192.0.2.1/32 -> 192.0.2.2/32 gre"] } as const;

const busy = {
  code: "kernel-refused",
  request: "setPolicy",
  errno: "EEXIST",
  said: "another owner has it",
} as const;

const stranger = { code: "unknown-peer", remote: "198.51.100.7", local: "192.0.2.1", rejected: [] } as const;

const peers: PeerStatus[] = [
  {
    name: "site-b",
    state: "up",
    since: 40_000,
    attempts: 1,
    localId: "gw-a.example",
    remoteId: "gw-b.example",
    ikeSas: [
      {
        initiatorSpi: "0011223344556677",
        responderSpi: "8899aabbccddeeff",
        role: "initiator",
        local: "192.0.2.1:4500",
        remote: "192.0.2.2:4500",
        remoteId: "gw-b.example",
        proposal: "aes256gcm16-prfsha384-x25519",
        natLocal: true,
        natRemote: false,
        since: 40_000,
      },
    ],
    children: [
      {
        name: "vxlan-4789/out",
        line: "vxlan: { port: 4789 }",
        state: "up",
        since: 41_000,
        mode: "transport",
        protocol: "esp",
        sas: [
          {
            proposal: "aes256gcm16-noesn",
            spiIn: "c0ffee00",
            spiOut: "deadbeef",
            selectors: ["192.0.2.1/32 -> 192.0.2.2/32 udp :* -> :4789"],
            since: 42_000,
          },
        ],
        reqid: 0x5500_0001,
      },
      {
        name: "gre",
        line: "gre",
        state: "locked",
        since: 0,
        reason: refused,
        mode: "transport",
        protocol: "esp",
        sas: [],
        reqid: 0x5500_0002,
      },
    ],
  },
  {
    name: "site-c",
    state: "waiting",
    since: 0,
    attempts: 0,
    localId: "gw-a.example",
    remoteId: "evil\u001b[2J",
    ikeSas: [],
    children: [],
  },
];

const status: Status = {
  peers,
  locks: [
    { name: "vxlan", port: 8472, installed: true },
    { name: "gre", installed: false, reason: busy },
  ],
};

const report = statusReport(status, {
  daemon: { version: "9.9.9", pid: 77, configuration: "/etc/underlock/underlock.yaml" },
  warnings: [{ kind: "hazard", code: "disable_xfrm", sentence: "net.ipv4.conf.eth0.disable_xfrm is 1" }],
  listening: [{ address: "192.0.2.1", port: 500 }],
  refusals: [{ at: 90_000, remote: "198.51.100.7:500", reason: stranger }],
  clock: 100_000,
  wall: Date.UTC(2026, 0, 2),
  startedAt: 0,
});

describe("the status report", () => {
  it("has dates where the engine has its own clock's milliseconds", () => {
    expect(report.daemon).toMatchObject({ startedAt: "2026-01-01T23:58:20.000Z", uptimeSeconds: 100 });
    expect(report.peers[0]).toMatchObject({
      since: "2026-01-01T23:59:00.000Z",
      ikeSas: [{ since: "2026-01-01T23:59:00.000Z" }],
      children: [
        { since: "2026-01-01T23:59:01.000Z", sas: [{ since: "2026-01-01T23:59:02.000Z" }] },
        { since: "2026-01-01T23:58:20.000Z" },
      ],
    });
  });

  it("has a reason's code, its facts and its sentence", () => {
    expect(report.peers[0]?.children[1]?.reason).toEqual({ ...refused, sentence: describeReason(refused) });
  });
});

describe("callers who are no peer", () => {
  it("stand in the report with the date, the caller and the reason", () => {
    const reason = { ...stranger, sentence: describeReason(stranger) };
    expect(report.refused).toEqual([{ at: "2026-01-01T23:59:50.000Z", remote: "198.51.100.7:500", reason }]);
  });
});

describe("the status for people", () => {
  const text = statusText(report).join("\n");

  it.each([
    "underlock 9.9.9, process 77, up 1 min, /etc/underlock/underlock.yaml",
    "listening on 192.0.2.1:500",
    "WARNING net.ipv4.conf.eth0.disable_xfrm is 1",
    "\nlocked towards everybody: vxlan port 8472",
    `NOT LOCKED towards everybody: gre: ${describeReason(busy)} [kernel-refused]`,
    "0011223344556677/8899aabbccddeeff, initiator, 192.0.2.1:4500 - 192.0.2.2:4500, NAT at our end",
    "gw-a.example - gw-b.example, aes256gcm16-prfsha384-x25519",
    "esp transport, aes256gcm16-noesn, SPI in c0ffee00 out deadbeef",
    `${describeReason(refused)} [peer-refused-selectors]`,
    "site-c: waiting",
    "\n\nrefused 198.51.100.7:500 at ",
    `: ${describeReason(stranger)} [unknown-peer]`,
  ])("says %s", (words) => expect(text).toContain(words));

  it("does not let a peer's identity move the cursor", () => {
    expect(text).toContain("evil?[2J");
    expect(text).not.toContain("\u001b");
  });

  it.each([
    [0, "0 s"],
    [59, "59 s"],
    [60, "1 min"],
    [3600, "1 h 0 min"],
    [90_061, "1 d 1 h"],
  ])("%i seconds are %s", (seconds, words) => expect(duration(seconds)).toBe(words));
});

describe("commands against a daemon", () => {
  let folder = "";
  let socket = "";
  let close: () => Promise<void> = async () => undefined;
  const asked: string[] = [];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "underlock-cli-"));
    socket = join(folder, "control.sock");
    const methods = controlMethods({
      version: "9.9.9",
      status: () => status,
      report: async () => report,
      ask: (kind, peer) => asked.push(`${kind} ${peer}`),
      rekey: () => undefined,
      redirect: (peer, to) => asked.push(`redirect ${peer} ${JSON.stringify(to)}`),
      onRecord: () => () => undefined,
      onLine: () => () => undefined,
      reload: async () => ({ peers: 2 }),
    });
    ({ close } = await openControlServer(socket, methods));
  });

  afterAll(async () => {
    await close();
    await rm(folder, { recursive: true });
  });

  it("status --json prints the daemon's report, bit for bit", async () => {
    const { status: exit, stdout, stderr } = await underlock(["status", "--json", "--socket", socket]);
    expect({ exit, stderr }).toEqual({ exit: 0, stderr: "" });
    expect(JSON.parse(stdout)).toEqual(JSON.parse(JSON.stringify(report)));
  });

  it("status prints the text", async () => {
    const { stdout } = await underlock(["status", "--socket", socket]);
    expect(stdout).toBe(`${statusText(report).join("\n")}\n`);
  });

  it("up says which child is why not, and fails", async () => {
    const ended = await underlock(["up", "site-b", "--socket", socket]);
    expect(ended).toEqual({
      status: 1,
      stdout: "",
      stderr: `underlock: site-b is not up: ${describeReason(refused)}\n`,
    });
    expect(asked).toEqual(["up site-b"]);
  });

  it("down of what is down is done", async () => {
    expect(await underlock(["down", "site-c", "--socket", socket])).toEqual({
      status: 0,
      stdout: "site-c is down\n",
      stderr: "",
    });
  });

  it.each([
    ["192.0.2.9", '{"kind":"address","address":"192.0.2.9"}'],
    ["gw-c.example", '{"kind":"name","name":"gw-c.example"}'],
  ])("redirect sends callers to %s", async (gateway, to) => {
    const ended = await underlock(["redirect", "site-b", gateway, "--socket", socket]);
    expect(ended).toMatchObject({ status: 0, stderr: "" });
    expect(ended.stdout).toMatch(/^callers of site-b .*; [0-9]+ IKE SAs? stands? here now\n$/);
    expect(asked.at(-1)).toBe(`redirect site-b ${to}`);
  });

  it("redirect without a gateway lets them stay", async () => {
    const { status: exit, stdout } = await underlock(["redirect", "site-b", "--socket", socket]);
    expect([exit, stdout.slice(0, 31)]).toEqual([0, "callers of site-b may stay; 1 I"]);
    expect(asked.at(-1)).toBe("redirect site-b undefined");
  });

  it("redirect to what is no gateway changes nothing", async () => {
    const before = asked.length;
    const ended = await underlock(["redirect", "site-b", "no gateway", "--socket", socket]);
    expect(ended.status).not.toBe(0);
    expect(ended.stderr).toContain("the address or the DNS name of a gateway");
    expect(asked).toHaveLength(before);
  });

  it("a mistyped peer is a usage error that names the nearest", async () => {
    expect(await underlock(["up", "site-d", "--socket", socket])).toMatchObject({
      status: 2,
      stderr: 'underlock: no peer is named "site-d"; did you mean "site-b"?\n',
    });
  });

  it("reload says what came of it", async () => {
    expect(await underlock(["reload", "--socket", socket])).toEqual({
      status: 0,
      stdout: "reloaded: 2 peers\n",
      stderr: "",
    });
  });
});
