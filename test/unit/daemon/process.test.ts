import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { callDaemon } from "../../../src/daemon/control-client.ts";
import type { StatusReport } from "../../../src/daemon/status-report.ts";
import { underlock } from "../cli/command.ts";
import { JsonProcess, mayMakeNamespaces, openNamespace } from "./namespace.ts";

if (!mayMakeNamespaces)
  console.warn("SKIPPED: the daemon as a process: needs root for a network namespace (unshare -n)");

const secret = "SPrQ7JXf2hVmXrMv0b3sYw";
const fixture = new URL("fixtures/daemon.ts", import.meta.url).pathname;

interface Counted {
  readonly requests: readonly string[];
  readonly datagrams: number;
  readonly policies: readonly string[];
}

let enter: readonly string[] = [];
let closeNamespace: () => void = () => undefined;
let folder = "";
const running: JsonProcess[] = [];

beforeAll(async () => {
  if (mayMakeNamespaces) ({ enter, close: closeNamespace } = await openNamespace());
});
afterAll(() => closeNamespace());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-process-"));
  await writeFile(join(folder, "peer.psk"), secret, { mode: 0o600 });
});
afterEach(async () => {
  for (const each of running.splice(0)) {
    each.signal("SIGKILL");
    await each.ended;
  }
  await rm(folder, { recursive: true });
});

function peer(name: string, address: string, more = ""): string {
  return `  ${name}:
    remote: ${address}
    id: ${name}.example
    auth: { psk: file:peer.psk }
    protect: [gre, vxlan]
    retransmission: { first: 200ms, tries: 3 }
${more}`;
}

async function configure(name: string, address: string, ...peers: string[]): Promise<string> {
  const file = join(folder, `${name}.yaml`);
  await writeFile(file, `local: { id: ${name}.example, address: ${address} }\npeers:\n${peers.join("")}`);
  return file;
}

function socketOf(name: string): string {
  return join(folder, `${name}.sock`);
}

function launch(name: string, address: string, environment: Record<string, string> = {}): JsonProcess {
  const words = [...enter, process.execPath, "--import", "tsx", fixture, join(folder, `${name}.yaml`), socketOf(name)];
  const daemon = new JsonProcess([...words, address], environment);
  running.push(daemon);
  return daemon;
}

async function reportOf(name: string): Promise<StatusReport> {
  return (await callDaemon(socketOf(name), "status")) as StatusReport;
}

const is =
  (event: string) =>
  (line: Record<string, unknown>): boolean =>
    line.event === event;

async function counted(daemon: JsonProcess): Promise<Counted> {
  const from = daemon.lines.length;
  daemon.signal("SIGUSR2");
  return (await daemon.line((line) => "counted" in line, from)).counted as Counted;
}

/** What it had asked and sent when it ended. */
function atEnd(daemon: JsonProcess): Counted {
  return daemon.lines.at(-1)?.counted as Counted;
}

async function ready(daemon: JsonProcess): Promise<void> {
  await daemon.line(is("daemon-ready"));
}

describe.runIf(mayMakeNamespaces)("the daemon as a process", { timeout: 30_000 }, () => {
  it("brings two ends up, tells the operator, says good-bye and leaves its policies locked", async () => {
    await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    await configure("b", "127.0.0.2", peer("a", "127.0.0.1", "    initiate: no\n"));
    const b = launch("b", "127.0.0.2");
    await ready(b);
    const a = launch("a", "127.0.0.1");
    await ready(a);
    expect(await underlock(["up", "b", "--socket", socketOf("a")])).toMatchObject({
      status: 0,
      stdout: "b is up (gre up, vxlan-4789/to up, vxlan-4789/from up)\n",
    });
    const report = await reportOf("a");
    expect(report).toMatchObject({
      daemon: { version: "0.0.0", configuration: join(folder, "a.yaml") },
      listening: ["127.0.0.1:500", "127.0.0.1:4500"],
      peers: [{ name: "b", state: "up", ikeSas: [{ local: "127.0.0.1:4500", remote: "127.0.0.2:4500" }] }],
    });
    expect(report.peers[0]?.children.map((child) => child.state)).toEqual(["up", "up", "up"]);
    expect((await counted(a)).policies).toEqual(new Array(6).fill("protected"));

    a.signal("SIGTERM");
    expect(await a.ended).toBe(0);
    expect(atEnd(a).policies).toEqual(new Array(6).fill("locked"));
    expect(a.stderr).toBe("");
    await b.line((line) => is("ike-sa-down")(line) && line.code === "peer-deleted");
    expect((await counted(b)).policies).toEqual(new Array(6).fill("locked"));

    for (const text of [a.stdout, b.stdout, a.stderr, b.stderr, JSON.stringify(report)]) {
      for (const encoding of ["utf8", "hex", "base64"] as const)
        expect(text).not.toContain(Buffer.from(secret).toString(encoding));
    }
  });

  it.each([
    ["2", "", "ikev2_decryption_table", /a\.example.*proved with SHARED_KEY/],
    ["1", "    ikev1: main\n", "ikev1_decryption_table", /a\.example/],
  ])(
    "explains what IKEv%s said lately, with the keys that it exports, and the same from a trace",
    async (version, more, table, proof) => {
      await configure("a", "127.0.0.1", peer("b", "127.0.0.2", more));
      await configure("b", "127.0.0.2", peer("a", "127.0.0.1", `${more}    initiate: no\n`));
      const b = launch("b", "127.0.0.2");
      await ready(b);
      const a = launch("a", "127.0.0.1", { EXPORT_KEYS: folder });
      await ready(a);
      expect(await underlock(["up", "b", "--socket", socketOf("a")])).toMatchObject({ status: 0 });
      const live = ["explain", "--live", "b", "--socket", socketOf("a")];
      const closed = await underlock(live);
      expect(closed).toMatchObject({ status: 0, stderr: "" });
      expect(closed.stdout).toMatch(
        new RegExp(`^b: up\\nIKEv${version} [0-9a-f]{16}: 127\\.0\\.0\\.1 to 127\\.0\\.0\\.2, \\d+ messages\\n`),
      );
      expect(closed.stdout).toMatch(/no key (?:for it|is there)/);

      const trace = join(folder, "trace.pcap");
      const keys = ["--keys", join(folder, table)];
      const opened = await underlock([...live, ...keys, "--write", trace]);
      expect(opened).toMatchObject({ status: 0, stderr: "" });
      expect(opened.stdout).toMatch(proof);
      expect(opened.stdout).not.toMatch(/no key (?:for it|is there)/);
      const again = await underlock(["explain", trace, ...keys]);
      expect(again).toMatchObject({ status: 0, stdout: opened.stdout.replace(/^b: up\n/, "") });
      const decoded = await underlock(["decode", trace, ...keys, "--json"]);
      const messages = decoded.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
      expect(messages.length).toBeGreaterThan(5);
      expect(messages.map(({ outcome }) => outcome)).not.toContain("closed");
      expect(messages.map(({ outcome }) => outcome)).not.toContain("refused");
    },
  );

  it("asks nothing of the kernel and sends nothing when an unchanged file is loaded again", async () => {
    const file = await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    await configure("b", "127.0.0.2", peer("a", "127.0.0.1", "    initiate: no\n"));
    const b = launch("b", "127.0.0.2");
    await ready(b);
    const a = launch("a", "127.0.0.1");
    await ready(a);
    await callDaemon(socketOf("a"), "up", { peer: "b" });
    const before = await counted(a);
    expect(before.datagrams).toBeGreaterThan(0);
    const from = a.lines.length;
    a.signal("SIGHUP");
    await a.line(is("reloaded"), from);
    expect(await callDaemon(socketOf("a"), "reload")).toEqual({ peers: 1 });
    expect(await counted(a)).toEqual(before);
    // The same counters move when the file has changed.
    await writeFile(file, (await readFile(file, "utf8")).replace("gre, vxlan", "gre"));
    const later = a.lines.length;
    a.signal("SIGHUP");
    await a.line(is("reloaded"), later);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect((await counted(a)).requests.length).toBeGreaterThan(before.requests.length);
  });

  it("keeps what runs when the file is broken, and says what is wrong with it", async () => {
    const file = await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    const a = launch("a", "127.0.0.1");
    await ready(a);
    const sound = await readFile(file, "utf8");
    const before = (await counted(a)).requests;
    await writeFile(file, sound.replace("protect: [gre, vxlan]", "protcet: [gre]"));
    const from = a.lines.length;
    a.signal("SIGHUP");
    expect(await a.line(is("reload-refused"), from)).toMatchObject({
      msg: `${file} cannot be used; the running configuration stays in force`,
    });
    await a.line((line) => is("reload-refused")(line) && String(line.msg).includes("protcet"), from);
    const refused = await underlock(["reload", "--socket", socketOf("a")]);
    expect(refused).toMatchObject({ status: 2, stdout: "" });
    expect(refused.stderr).toMatch(/a\.yaml cannot be used\n.*a\.yaml:\d+:\d+: peers\.b.*protcet/);
    expect((await counted(a)).requests).toEqual(before);
  });

  it("starts with the sound peers of a file, and locks the traffic of the broken one", async () => {
    await configure(
      "a",
      "127.0.0.1",
      peer("b", "127.0.0.2"),
      peer("c", "127.0.0.3").replace("peer.psk", "missing.psk"),
    );
    const a = launch("a", "127.0.0.1");
    await ready(a);
    const report = await reportOf("a");
    expect(report.peers.map((each) => each.name)).toEqual(["b"]);
    expect(report.warnings).toContainEqual({
      kind: "configuration",
      code: "left-out",
      sentence: expect.stringMatching(/peers\.c\.auth\.psk: .*missing\.psk does not exist/),
    });
    expect((await counted(a)).policies).toEqual(new Array(12).fill("locked"));
  });

  it.each([
    ["a file that is not there", undefined, /none\.yaml does not exist/],
    ["a missing key file", (text: string) => text.replace("peer.psk", "missing.psk"), /missing\.psk does not exist/],
    ["no YAML", () => "peers: [", /a\.yaml:1:\d+: /],
  ])("%s: exit status 2, and nothing asked of the kernel", async (_what, spoil, sentence) => {
    const file = await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    if (spoil === undefined) await rm(file);
    else await writeFile(file, spoil(await readFile(file, "utf8")));
    const a = launch("a", "127.0.0.1");
    expect(await a.ended).toBe(2);
    expect(a.stderr).toMatch(spoil === undefined ? /a\.yaml does not exist/ : sentence);
    expect(a.stderr).not.toMatch(/^\s+at /m);
    expect(atEnd(a)).toEqual({ requests: [], datagrams: 0, policies: [] });
  });

  it("a second daemon: exit status 1, by the socket or by the ports, and nothing asked of the kernel", async () => {
    await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    const first = launch("a", "127.0.0.1");
    await ready(first);
    const second = launch("a", "127.0.0.1");
    expect(await second.ended).toBe(1);
    expect(second.stderr).toBe(
      `underlock: an underlock daemon already runs and answers on ${socketOf("a")}: stop it first, or choose another socket with --socket\n`,
    );
    await configure("other", "127.0.0.1", peer("b", "127.0.0.2"));
    const third = launch("other", "127.0.0.1");
    expect(await third.ended).toBe(1);
    expect(third.stderr).toBe(
      'underlock: UDP port 500 of 127.0.0.1 is in use by another program; "ss -ulpn sport = :500" shows which: stop it first\n',
    );
    expect([atEnd(second).requests, atEnd(third).requests]).toEqual([[], []]);
  });

  it("takes over from a daemon that was killed", async () => {
    await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    const first = launch("a", "127.0.0.1");
    await ready(first);
    first.signal("SIGKILL");
    await first.ended;
    const second = launch("a", "127.0.0.1");
    await ready(second);
    expect((await reportOf("a")).peers.length).toBe(1);
  });

  it("ends with one sentence and exit status 1 on a fault of its own, policies as they were", async () => {
    await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    const a = launch("a", "127.0.0.1", { CRASH: "1" });
    await ready(a);
    a.signal("SIGUSR1");
    expect(await a.ended).toBe(1);
    expect(a.stderr).toBe("");
    expect(a.lines.filter((line) => is("internal-error")(line) && line.level === "error")).toMatchObject([
      { msg: "a fault of underlock's own, please report it: nobody expected this; policies and SAs stay" },
    ]);
    expect(atEnd(a).policies).toEqual(new Array(6).fill("locked"));
  });

  it("removes its policies at the end where it is told to", async () => {
    await configure("a", "127.0.0.1", peer("b", "127.0.0.2"));
    const a = launch("a", "127.0.0.1", { UNLOCK_ON_EXIT: "1" });
    await ready(a);
    a.signal("SIGINT");
    expect(await a.ended).toBe(0);
    expect(atEnd(a).policies).toEqual([]);
  });
});
