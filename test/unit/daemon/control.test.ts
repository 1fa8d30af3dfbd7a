import { execFileSync } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { callDaemon, daemonRuns, NoDaemonError } from "../../../src/daemon/control-client.ts";
import {
  ControlError,
  errorCodes,
  maxBacklog,
  maxClients,
  maxRequestLength,
} from "../../../src/daemon/control-protocol.ts";
import { type ControlClient, type ControlMethod, openControlServer } from "../../../src/daemon/control-server.ts";

let folder = "";
let path = "";
let subscriber: ControlClient | undefined;
let subscriberGone = false;
const cleanups: (() => unknown)[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-control-"));
  path = join(folder, "run", "control.sock");
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  await rm(folder, { recursive: true, force: true });
});

const methods = new Map<string, ControlMethod>([
  ["echo", (params) => params],
  ["later", async (params) => await new Promise((resolve) => setTimeout(resolve, 20, params))],
  [
    "refuse",
    () => {
      throw new ControlError(errorCodes.unknownPeer, 'no peer is named "x"', { nearest: null });
    },
  ],
  [
    "broken",
    () => {
      throw new Error("boom");
    },
  ],
  ["nothing", () => undefined],
  [
    "subscribe",
    (_params, client) => {
      subscriber = client;
      subscriberGone = false;
      client.onClose(() => {
        subscriberGone = true;
      });
      return true;
    },
  ],
]);

async function serve(): Promise<void> {
  const server = await openControlServer(path, methods);
  cleanups.push(() => server.close());
}

/** A client that speaks octets, so that it can say what callDaemon never would. */
async function rawClient(): Promise<{ socket: net.Socket; lines: unknown[]; closed: Promise<void> }> {
  const socket = net.connect(path);
  const lines: unknown[] = [];
  let rest = "";
  socket.on("data", (chunk) => {
    rest += chunk.toString();
    const parts = rest.split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) lines.push(JSON.parse(part));
  });
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  await new Promise((resolve) => socket.once("connect", resolve));
  cleanups.push(() => socket.destroy());
  return { socket, lines, closed };
}

async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 400 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 5));
  expect(condition()).toBe(true);
}

describe("the control socket", () => {
  it("answers calls, at once or later, each with its own id", async () => {
    await serve();
    expect(await callDaemon(path, "echo", { a: 1 })).toEqual({ a: 1 });
    expect(await callDaemon(path, "nothing")).toBeNull();
    const { socket, lines } = await rawClient();
    socket.write('{"jsonrpc":"2.0","id":"slow","method":"later","params":{"n":1}}\n{"jsonrpc":"2.0","id":2,');
    socket.write('"method":"echo"}\n');
    await until(() => lines.length === 2);
    expect(lines).toEqual([
      { jsonrpc: "2.0", id: 2, result: {} },
      { jsonrpc: "2.0", id: "slow", result: { n: 1 } },
    ]);
  });

  it("gives a notification no answer", async () => {
    await serve();
    const { socket, lines } = await rawClient();
    socket.write('{"jsonrpc":"2.0","method":"echo"}\n{"jsonrpc":"2.0","id":1,"method":"echo"}\n');
    await until(() => lines.length > 0);
    expect(lines).toEqual([{ jsonrpc: "2.0", id: 1, result: {} }]);
  });

  it("carries refusals with their code and data", async () => {
    await serve();
    await expect(callDaemon(path, "refuse")).rejects.toMatchObject({
      code: errorCodes.unknownPeer,
      message: 'no peer is named "x"',
      data: { nearest: null },
    });
    await expect(callDaemon(path, "broken")).rejects.toMatchObject({ code: errorCodes.internal, message: "boom" });
    await expect(callDaemon(path, "sttaus")).rejects.toMatchObject({
      code: errorCodes.unknownMethod,
      message: 'no method "sttaus"; there are: echo, later, refuse, broken, nothing, subscribe',
    });
  });

  it.each([
    ["{", errorCodes.parse],
    ["", errorCodes.parse],
    ["[]", errorCodes.invalidRequest],
    ["null", errorCodes.invalidRequest],
    ['{"method":"echo","id":1}', errorCodes.invalidRequest],
    ['{"jsonrpc":"2.0","id":{},"method":"echo"}', errorCodes.invalidRequest],
    ['{"jsonrpc":"2.0","id":1,"method":7}', errorCodes.invalidRequest],
    ['{"jsonrpc":"2.0","id":1,"method":"echo","params":[1]}', errorCodes.invalidParams],
  ])("refuses %s and stays open", async (line, code) => {
    await serve();
    const { socket, lines } = await rawClient();
    socket.write(`${line}\n{"jsonrpc":"2.0","id":5,"method":"echo"}\n`);
    await until(() => lines.length === 2);
    expect(lines[0]).toMatchObject({ jsonrpc: "2.0", id: null, error: { code } });
    expect(lines[1]).toEqual({ jsonrpc: "2.0", id: 5, result: {} });
  });

  it("takes a request of the greatest length, and hangs up on a longer one", async () => {
    await serve();
    const frame = '{"jsonrpc":"2.0","id":1,"method":"echo","params":{"p":""}}'.length;
    const { socket, lines, closed } = await rawClient();
    const request = (p: string): string => `{"jsonrpc":"2.0","id":1,"method":"echo","params":{"p":"${p}"}}`;
    socket.write(`${request("x".repeat(maxRequestLength - frame))}\n`);
    await until(() => lines.length === 1);
    expect(lines[0]).toHaveProperty("result");
    socket.write(request("x".repeat(maxRequestLength - frame + 1)));
    await closed;
    expect(lines[1]).toMatchObject({ id: null, error: { code: errorCodes.invalidRequest } });
    expect(await callDaemon(path, "echo")).toEqual({});
  });

  it("serves as many clients as it says, and tells the next one", async () => {
    await serve();
    for (let i = 0; i < maxClients; i += 1) await rawClient();
    const { lines, closed } = await rawClient();
    await closed;
    expect(lines).toMatchObject([{ error: { code: errorCodes.tooManyClients } }]);
    await cleanups.splice(1, 1)[0]?.();
    await until(() => lines.length === 1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await callDaemon(path, "echo")).toEqual({});
  });

  it("streams to a subscriber, and drops one that does not read", async () => {
    await serve();
    const { socket, lines } = await rawClient();
    socket.write('{"jsonrpc":"2.0","id":1,"method":"subscribe"}\n');
    await until(() => lines.length === 1);
    subscriber?.notify("log", { msg: "hello" });
    await until(() => lines.length === 2);
    expect(lines[1]).toEqual({ jsonrpc: "2.0", method: "log", params: { msg: "hello" } });
    socket.pause();
    const kilobyte = "x".repeat(1024);
    for (let i = 0; i < (maxBacklog / 1024) * 4; i += 1) subscriber?.notify("log", { msg: kilobyte });
    await until(() => subscriberGone);
  });

  it("lives through connections that cannot be accepted", async () => {
    const created = vi.spyOn(net, "createServer");
    cleanups.push(() => created.mockRestore());
    await serve();
    const [server] = created.mock.results.map(({ value }) => value as net.Server);
    // What Node does where the process has no descriptor left.
    const refused = () => server?.emit("error", Object.assign(new Error("accept EMFILE"), { code: "EMFILE" }));
    expect([refused(), refused()]).toEqual([true, true]);
    expect(await callDaemon(path, "echo", { a: 1 })).toEqual({ a: 1 });
  });

  it("is for its owner alone", async () => {
    await serve();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("takes the place of a daemon that was killed, but not of one that answers", async () => {
    await serve();
    await expect(openControlServer(path, methods)).rejects.toThrow(
      `an underlock daemon already runs and answers on ${path}: stop it first, or choose another socket with --socket`,
    );
    expect(await callDaemon(path, "echo")).toEqual({});
    // What a killed process leaves: the file, and nobody behind it.
    const script = `require("net").createServer().listen(${JSON.stringify(join(folder, "killed.sock"))}, () => process.kill(process.pid, "SIGKILL"))`;
    expect(() => execFileSync(process.execPath, ["-e", script])).toThrow();
    const server = await openControlServer(join(folder, "killed.sock"), methods);
    expect(await daemonRuns(join(folder, "killed.sock"))).toBe(true);
    await server.close();
  });

  it("leaves alone what is no socket", async () => {
    path = join(folder, "file");
    await writeFile(path, "precious");
    await expect(openControlServer(path, methods)).rejects.toThrow("is no socket");
  });

  it("refuses a path that the kernel would cut off", async () => {
    const long = join(folder, "x".repeat(108));
    await expect(openControlServer(long, methods)).rejects.toThrow("107 are possible");
  });

  it("is missed in words", async () => {
    await expect(callDaemon(path, "status")).rejects.toThrow(
      new NoDaemonError(
        `no underlock daemon answers on ${path}: start one with "underlock run", or name its socket with --socket`,
      ),
    );
    expect(await daemonRuns(path)).toBe(false);
  });

  it("is gone after close", async () => {
    const server = await openControlServer(path, methods);
    const { closed } = await rawClient();
    await server.close();
    await closed;
    await expect(stat(path)).rejects.toThrow("ENOENT");
  });
});
