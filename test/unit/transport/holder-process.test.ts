import { existsSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closeUdpSocket, openUdpSocket, SystemCallError, udpEndpoint } from "../../../src/netlink-xfrm/index.ts";
import { HolderProcess, holderPath } from "../../../src/transport/holder-process.ts";
import { type KeptSocket, KeptSockets } from "../../../src/transport/kept-sockets.ts";

let folder = "";
let path = "";
const warnings: string[] = [];

function holder(): HolderProcess {
  return new HolderProcess(path, (sentence) => warnings.push(sentence));
}

function open(port = 0): KeptSocket {
  const descriptor = openUdpSocket({ address: "127.0.0.1", port });
  return { descriptor, local: udpEndpoint(descriptor) ?? { address: "", port: 0 } };
}

/** EADDRINUSE where somebody has the port, else undefined. */
function fault(port: number): string | undefined {
  try {
    closeUdpSocket(open(port).descriptor);
    return undefined;
  } catch (error) {
    return error instanceof SystemCallError ? error.code : String(error);
  }
}

async function untilFree(port: number): Promise<boolean> {
  for (let i = 0; i < 200 && fault(port) !== undefined; i += 1) await new Promise((done) => setTimeout(done, 10));
  return fault(port) === undefined;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "underlock-holder-"));
  path = holderPath(join(folder, "control.sock"));
  warnings.length = 0;
});
afterEach(async () => {
  holder().keep([]);
  await rm(folder, { recursive: true });
});

describe("the process that keeps sockets over a crash", () => {
  it("has them open when they are closed here, and gives them back", () => {
    const [one, two] = [open(), open()];
    holder().keep([one, two]);
    for (const { descriptor } of [one, two]) closeUdpSocket(descriptor);
    expect([fault(one.local.port), fault(two.local.port)]).toEqual(["EADDRINUSE", "EADDRINUSE"]);
    const recovered = holder().recover();
    expect(recovered.map((descriptor) => udpEndpoint(descriptor)?.port)).toEqual([one.local.port, two.local.port]);
    for (const descriptor of recovered) closeUdpSocket(descriptor);
    expect(warnings).toEqual([]);
  });

  it("goes when there is nothing to keep, and with it the file", async () => {
    const one = open();
    holder().keep([one]);
    closeUdpSocket(one.descriptor);
    holder().keep([]);
    expect(await untilFree(one.local.port)).toBe(true);
    expect(existsSync(path)).toBe(false);
    expect(holder().recover()).toEqual([]);
  });

  it("is followed by another where other sockets are to be kept", async () => {
    const [one, two] = [open(), open()];
    holder().keep([one]);
    holder().keep([two]);
    for (const { descriptor } of [one, two]) closeUdpSocket(descriptor);
    expect(await untilFree(one.local.port)).toBe(true);
    expect(fault(two.local.port)).toBe("EADDRINUSE");
  });

  it("is believed only where the file is nobody else's to write, and names that very process", async () => {
    const one = open();
    holder().keep([one]);
    const named = await readFile(path, "utf8");
    await chmod(path, 0o622);
    expect(holder().recover()).toEqual([]);
    await chmod(path, 0o600);
    await writeFile(path, `${named.split(" ")[0]} 1\n`);
    expect(holder().recover()).toEqual([]);
    await writeFile(path, "nonsense");
    expect(holder().recover()).toEqual([]);
    await writeFile(path, named);
    const recovered = holder().recover();
    expect(recovered).toHaveLength(1);
    for (const descriptor of [...recovered, one.descriptor]) closeUdpSocket(descriptor);
  });
});

describe("the sockets to keep", () => {
  it("are told to the keeper many at a time, and what a former run left is given out once", async () => {
    const told: string[][] = [];
    let recoveries = 0;
    const kept = new KeptSockets(
      {
        recover: () => [10, 11, 12].slice(0, 3 * ++recoveries),
        keep: (sockets) => told.push(sockets.map(({ local, descriptor }) => `${local.address} ${descriptor}`)),
      },
      (descriptor) => (descriptor === 12 ? undefined : { address: `192.0.2.${descriptor}`, port: 4500 }),
    );
    const at = (number: number) => ({ address: `192.0.2.${number}`, port: 4500 });
    expect(recoveries).toBe(0);
    expect([kept.take(at(10)), kept.take(at(10)), kept.take(at(11)), kept.take(at(12))]).toEqual([
      10,
      undefined,
      11,
      undefined,
    ]);
    expect(recoveries).toBe(1);
    kept.keep(at(10), 10);
    kept.keep(at(11), 11);
    await new Promise((done) => setImmediate(done));
    kept.forget(at(10));
    kept.forget(at(99));
    await new Promise((done) => setImmediate(done));
    expect(told).toEqual([["192.0.2.10 10", "192.0.2.11 11"], ["192.0.2.11 11"]]);
  });
});
