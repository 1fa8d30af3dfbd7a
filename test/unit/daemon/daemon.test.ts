import dgram from "node:dgram";
import { afterEach, describe, expect, it } from "vitest";
import { Daemon } from "../../../src/daemon/daemon.ts";
import type { Warning } from "../../../src/daemon/warning.ts";
import type { Kernel, KernelAnswer, KernelRequest } from "../../../src/kernel/port.ts";
import { Log } from "../../../src/observe/log.ts";
import type { DesiredState, PeerDesired } from "../../../src/sa/desired.ts";
import type { SourceAddress } from "../../../src/transport/source-address.ts";
import { openPlainSocket } from "../../../src/transport/udp-socket.ts";
import { UdpTransport } from "../../../src/transport/udp-transport.ts";
import { freePorts } from "../transport/free-ports.ts";
import { FakeEngine } from "./fake-engine.ts";

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

const empty: DesiredState = { local: { locks: [] }, peers: [] };
/** The daemon reads nothing of a peer but its local address. */
function desired(...locals: (string | undefined)[]): DesiredState {
  return {
    ...empty,
    peers: locals.map((local, i) => ({ name: `p${i}`, remote: ["192.0.2.9"], local }) as unknown as PeerDesired),
  };
}

async function daemon(addresses = ["127.0.0.1", "127.0.0.2"]) {
  const engine = new FakeEngine();
  const lines: string[] = [];
  const requests: KernelRequest["kind"][] = [];
  let answer: () => KernelAnswer | Promise<KernelAnswer> = () => ({ kind: "done" });
  const kernel: Kernel = {
    request: (request) => {
      requests.push(request.kind);
      return answer();
    },
    onEvent: () => undefined,
    close: () => undefined,
  };
  const ports = await freePorts();
  let onChange: () => void = () => undefined;
  const followAddresses = () => ({
    list: () => addresses,
    onChange: (listener: () => void) => {
      onChange = listener;
    },
    close: () => undefined,
  });
  const transport = new UdpTransport({ ports, openSocket: openPlainSocket, followAddresses });
  const log = new Log({ format: "json", level: "debug", write: (line) => lines.push(line), now: () => 0 });
  const hazards: Warning[] = [];
  const routes = new Map<string, SourceAddress>();
  const subject = new Daemon({
    engine,
    kernel,
    transport,
    log,
    kernelWarnings: [],
    findHazards: async () => hazards,
    sourceTowards: async (destination) => routes.get(destination) ?? { kind: "none", errno: "ENETUNREACH" },
    compute: () => ({ kind: "invalid", fault: "none asked" }),
    clock: () => performance.now(),
    wall: () => Date.now(),
    version: "1.2.3",
    file: "/etc/x.yaml",
  });
  cleanups.push(() => transport.close());
  const setAnswer = (next: typeof answer): void => {
    answer = next;
  };
  return { engine, lines, requests, ports, transport, subject, setAnswer, routes, hazards, changed: () => onChange() };
}

async function peerSocket() {
  const socket = dgram.createSocket("udp4");
  const received: string[] = [];
  socket.on("message", (octets) => received.push(octets.toString("hex")));
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));
  cleanups.push(() => socket.close());
  return { socket, received, endpoint: { address: "127.0.0.1", port: socket.address().port } };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

describe("the daemon", () => {
  it("reads no packet before the kernel has answered for every policy", async () => {
    const { engine, requests, ports, subject, setAnswer } = await daemon();
    let settle: (answer: KernelAnswer) => void = () => undefined;
    setAnswer(
      () =>
        new Promise((resolve) => {
          settle = resolve;
        }),
    );
    engine.script = (event) =>
      event.kind === "configure" ? [{ kind: "kernel", id: 1, requests: [{ kind: "listPolicies" }] }] : [];
    const { socket } = await peerSocket();
    const started = subject.start({ desired: desired("127.0.0.1"), warnings: [] });
    await until(() => requests.length === 1);
    socket.send(Uint8Array.of(1), ports.ike, "127.0.0.1");
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(engine.kinds).toEqual(["configure"]);
    settle({ kind: "done" });
    await started;
    expect(engine.kinds.slice(0, 2)).toEqual(["configure", "answered"]);
  });

  it("does not start where the engine fails over the kernel's answers", async () => {
    const { engine, subject } = await daemon();
    engine.script = (event) => {
      if (event.kind === "answered") throw new Error("boom");
      return event.kind === "configure" ? [{ kind: "kernel", id: 1, requests: [{ kind: "listPolicies" }] }] : [];
    };
    await expect(subject.start({ desired: empty, warnings: [] })).rejects.toThrow("boom");
  });

  it("carries datagrams in, and effects out to the wire", async () => {
    const { engine, ports, subject } = await daemon();
    engine.script = (event) =>
      event.kind === "datagram" ? [{ kind: "send", octets: Uint8Array.of(0xab, 0xcd), path: event.path }] : [];
    await subject.start({ desired: desired(undefined), warnings: [] });
    const { socket, received, endpoint } = await peerSocket();
    socket.send(Uint8Array.of(0x11), ports.ike, "127.0.0.2");
    socket.send(Uint8Array.of(0, 0, 0, 0, 0x22), ports.natTraversal, "127.0.0.1");
    await until(() => received.length === 2);
    expect(received.sort()).toEqual(["00000000abcd", "abcd"]);
    const datagrams = engine.heard.filter((event) => event.kind === "datagram");
    expect(datagrams.map((event) => event.path).sort((a, b) => a.local.port - b.local.port)).toEqual(
      [
        { local: { address: "127.0.0.2", port: ports.ike }, remote: endpoint },
        { local: { address: "127.0.0.1", port: ports.natTraversal }, remote: endpoint },
      ].sort((a, b) => a.local.port - b.local.port),
    );
  });

  it("listens on the peers' local addresses alone where each names one, and changes over with the file", async () => {
    const { subject, transport } = await daemon(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
    const addresses = (): string[] => [...new Set(transport.endpoints.map((endpoint) => endpoint.address))].sort();
    await subject.start({ desired: desired("127.0.0.2"), warnings: [] });
    expect(addresses()).toEqual(["127.0.0.2"]);
    await subject.configure({ desired: desired("127.0.0.2", "127.0.0.3"), warnings: [] });
    expect(addresses()).toEqual(["127.0.0.2", "127.0.0.3"]);
    await subject.configure({ desired: desired(undefined), warnings: [] });
    expect(addresses()).toEqual(["127.0.0.1", "127.0.0.2", "127.0.0.3"]);
  });

  it("fills in the address that the routes give, keeps it while the host has it, and looks again when that changes", async () => {
    const addresses = ["127.0.0.1", "127.0.0.2"];
    const { engine, subject, routes, changed, lines } = await daemon(addresses);
    const locals = (): unknown[] =>
      engine.heard.flatMap((event) =>
        event.kind === "configure" ? event.desired.peers.map((peer) => peer.local) : [],
      );
    await subject.start({ desired: desired(undefined), warnings: [] });
    expect(locals()).toEqual([undefined]);
    expect(lines.join("")).toContain("p0: no route to it yet");
    routes.set("192.0.2.9", { kind: "found", address: "127.0.0.2" });
    changed();
    await until(() => locals().length === 2);
    routes.set("192.0.2.9", { kind: "found", address: "127.0.0.1" });
    changed();
    await until(() => locals().length === 3);
    addresses.pop();
    changed();
    await until(() => locals().length === 4);
    routes.clear();
    addresses.pop();
    changed();
    await until(() => locals().length === 5);
    expect(locals()).toEqual([undefined, "127.0.0.2", "127.0.0.2", "127.0.0.1", "127.0.0.1"]);
    await subject.stop(0);
  });

  it("tells the engine what could not be sent", async () => {
    const { engine, ports, subject } = await daemon();
    const path = { local: { address: "127.0.0.1", port: ports.ike }, remote: { address: "127.0.0.1", port: 9 } };
    engine.script = (event) =>
      event.kind === "configure" ? [{ kind: "send", octets: new Uint8Array(70_000), path }] : [];
    await subject.start({ desired: desired(undefined), warnings: [] });
    await until(() => engine.heard.length === 2);
    expect(engine.heard[1]).toEqual({ kind: "send-failed", path, errno: "EMSGSIZE" });
  });

  it("stops when the engine has, and not later than its patience", async () => {
    const quick = await daemon();
    quick.engine.script = (event) => (event.kind === "stop" ? [{ kind: "stopped" }] : []);
    await quick.subject.start({ desired: empty, warnings: [] });
    expect(await quick.subject.stop(5000)).toBe("stopped");
    const slow = await daemon();
    await slow.subject.start({ desired: empty, warnings: [] });
    expect(await slow.subject.stop(20)).toBe("gave up");
    expect(slow.transport.endpoints).toEqual([]);
  });

  it("reports the engine's snapshot with dates, sentences and warnings, and logs a warning once", async () => {
    const { engine, lines, subject, hazards } = await daemon();
    const warning: Warning = { kind: "configuration", code: "left-out", sentence: "a.yaml:3:1: wrong" };
    const hazard: Warning = { kind: "hazard", code: "disable_xfrm", sentence: "eth0 goes round IPsec" };
    await subject.start({ desired: empty, warnings: [warning] });
    await subject.configure({ desired: empty, warnings: [warning] });
    const minuteAgo = performance.now() - 60_000;
    const reason = { code: "send-failed", remote: "192.0.2.2:500", errno: "ENETUNREACH" } as const;
    engine.snapshot = {
      locks: [{ name: "gre", installed: true }],
      peers: [
        {
          name: "b",
          state: "connecting",
          since: minuteAgo,
          reason,
          attempts: 3,
          localId: "a",
          remoteId: "b",
          ikeSas: [],
          children: [],
        },
      ],
    };
    // What came up after the start is found too.
    hazards.push(hazard);
    const report = await subject.report();
    await subject.report();
    expect(report).toMatchObject({
      daemon: { version: "1.2.3", pid: process.pid, configuration: "/etc/x.yaml", uptimeSeconds: 0 },
      warnings: [hazard, warning],
      locks: [{ name: "gre", installed: true }],
      peers: [{ name: "b", attempts: 3, reason: { ...reason, sentence: expect.stringContaining("ENETUNREACH") } }],
    });
    const age = Date.now() - Date.parse(report.peers[0]?.since ?? "");
    expect(Math.abs(age - 60_000)).toBeLessThan(1000);
    for (const { sentence } of [warning, hazard])
      expect(lines.filter((line) => line.includes(sentence)).length).toBe(1);
  });
});
