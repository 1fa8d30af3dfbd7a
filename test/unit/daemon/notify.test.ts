import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import koffi from "koffi";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeUdpSocket, openUdpSocket, udpEndpoint } from "../../../src/netlink-xfrm/index.ts";

const c = koffi.load("libc.so.6");
const socket = c.func("int socket(int, int, int)");
const bind = c.func("int bind(int, const void*, uint32_t)");
const close = c.func("int close(int)");
const head = koffi.struct({
  name: "void *",
  nameLength: "uint32_t",
  vectors: "void *",
  vectorCount: "size_t",
  control: "void *",
  controlLength: "size_t",
  flags: "int",
});
const recvmsg = c.func("recvmsg", "int64_t", ["int", koffi.inout(koffi.pointer(head)), "int"]);
const vector = koffi.struct({ base: "void *", length: "size_t" });

let folder = "";
let manager = -1;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "underlock-notify-"));
  manager = socket(1, 2 | 0o2000000, 0);
  const name = Buffer.concat([Buffer.from([1, 0]), Buffer.from(`${folder}/notify`), Buffer.alloc(1)]);
  expect(bind(manager, name, name.length)).toBe(0);
});
afterEach(() => {
  close(manager);
  rmSync(folder, { recursive: true });
});

/** The next message, and where the UDP socket that came with it is bound. */
function next(): { readonly text: string; readonly port: number | undefined } {
  const octets = Buffer.alloc(1000);
  const control = Buffer.alloc(24);
  const vectors = koffi.as([{ base: octets, length: octets.length }], koffi.pointer(vector));
  const message = { name: null, nameLength: 0, vectors, vectorCount: 1, control, controlLength: 24, flags: 0 };
  const length = Number(recvmsg(manager, message, 0x40));
  expect(length).toBeGreaterThan(0);
  const text = octets.toString("utf8", 0, length);
  if (control.readInt32LE(12) !== 1) return { text, port: undefined };
  const descriptor = control.readInt32LE(16);
  const port = udpEndpoint(descriptor)?.port;
  closeUdpSocket(descriptor);
  return { text, port };
}

function run(environment: Readonly<Record<string, string>>) {
  const left = openUdpSocket({ address: "127.0.0.1", port: 0 });
  const port = udpEndpoint(left)?.port;
  const script = new URL("fixtures/stored.ts", import.meta.url).pathname;
  const done = spawnSync(process.execPath, ["--import", "tsx", script], {
    stdio: ["ignore", "pipe", "pipe", left],
    encoding: "utf8",
    env: { ...process.env, NOTIFY_SOCKET: `${folder}/notify`, LISTEN_FDS: "1", ...environment },
  });
  closeUdpSocket(left);
  expect(done.stderr).toBe("");
  return { port, said: JSON.parse(done.stdout) };
}

describe("systemd's store of file descriptors", () => {
  it("gives back what a former run put there, drops what is not wanted any more, and takes what is", () => {
    const { port, said } = run({ LISTEN_FDNAMES: "udp-4500-127.0.0.1" });
    expect(said).toMatchObject({ recovered: [{ address: "127.0.0.1", port }], left: null });
    expect([next(), next(), next(), next()]).toEqual([
      { text: "FDSTOREREMOVE=1\nFDNAME=udp-4500-127.0.0.1", port: undefined },
      { text: "FDSTORE=1\nFDNAME=udp-4500-__1", port: said.port },
      { text: "READY=1", port: undefined },
      { text: "STOPPING=1", port: undefined },
    ]);
  });

  it("is not asked for what is meant for another process", () => {
    expect(run({ LISTEN_FDNAMES: "udp-4500-127.0.0.1", WRONG: "yes" }).said).toMatchObject({
      recovered: [],
      left: null,
    });
  });
});
