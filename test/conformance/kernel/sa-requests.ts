import { expect, it } from "vitest";
import type { KernelAnswer, SaInstall } from "../../../src/kernel/port.ts";
import { acquireSeconds, addresses, type Bed, unknownAlgorithm } from "./bed.ts";
import { gcm, installSa, integrity, must, refusal, reqid, saOf, transform } from "./requests.ts";

/** Requests about SAs: what is granted, what is refused and how. */
export function saRequests(bed: () => Bed): void {
  const reserve = async (): Promise<number> => {
    const answer = must(
      await bed().request("a", {
        kind: "allocateSpi",
        protocol: "esp",
        mode: "transport",
        source: addresses.underlay.b,
        destination: addresses.underlay.a,
        reqid,
      }),
    );
    if (answer.kind !== "spi") throw new Error(`a reservation is answered by ${answer.kind}`);
    return answer.spi;
  };
  const install = (sa: SaInstall): Promise<KernelAnswer> => bed().request("a", { kind: "installSa", sa });
  const list = async () => {
    const answer = await bed().request("a", { kind: "listSas" });
    return answer.kind === "sas" ? answer.sas : [];
  };

  it("reserves SPIs that differ and are not of the reserved range", async () => {
    const spis = [await reserve(), await reserve(), await reserve()];
    expect(new Set(spis).size).toBe(3);
    for (const spi of spis) expect(spi).toBeGreaterThan(255);
  });

  it("completes a reserved SPI, once", async () => {
    const spi = await reserve();
    expect(await list()).toEqual([]);
    expect(await install(saOf("b", "a", spi))).toEqual({ kind: "done" });
    expect(await list()).toMatchObject([
      {
        protocol: "esp",
        spi,
        source: addresses.underlay.b,
        destination: addresses.underlay.a,
        mode: "transport",
        reqid,
        bytes: 0n,
        packets: 0n,
        lastUsedSeconds: undefined,
      },
    ]);
    expect(await install(saOf("b", "a", spi))).toMatchObject(refusal("installSa", "EEXIST"));
  });

  it("installs an inbound SA whose SPI was never reserved", async () => {
    expect(await install(saOf("b", "a", 0x1000))).toEqual({ kind: "done" });
  });

  it("refuses a second SA with the same SPI, destination and protocol, whatever else differs", async () => {
    expect(await install(saOf("a", "a", 0x1000))).toEqual({ kind: "done" });
    const again = saOf("a", "a", 0x1000, { encr: gcm(8), reqid: reqid + 1, source: "192.0.2.77" });
    expect(await install(again)).toMatchObject(refusal("installSa", "EEXIST"));
    expect(await install(saOf("b", "a", 0x1000))).toEqual({ kind: "done" });
    const ah = { protocol: "ah", integ: { transform: integrity("sha256"), key: new Uint8Array(32) } } as const;
    const { encr: _, ...withoutEncr } = saOf("a", "a", 0x1000);
    expect(await install({ ...withoutEncr, ...ah })).toEqual({ kind: "done" });
  });

  it("deletes an SA once", async () => {
    const sa = saOf("a", "a", 0x1000);
    await installSa(bed(), "a", sa);
    expect(await bed().request("a", { kind: "deleteSa", sa })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "deleteSa", sa })).toMatchObject(refusal("deleteSa", "ESRCH"));
    expect(await bed().request("a", { kind: "querySa", sa })).toMatchObject(refusal("querySa", "ESRCH"));
  });

  it("tells the usage of an unused SA", async () => {
    const sa = saOf("a", "a", 0x1000);
    await installSa(bed(), "a", sa);
    expect(await bed().request("a", { kind: "querySa", sa })).toEqual({
      kind: "usage",
      usage: {
        protocol: "esp",
        spi: 0x1000,
        destination: addresses.underlay.b,
        reqid,
        bytes: 0n,
        packets: 0n,
        lastUsedSeconds: undefined,
      },
    });
  });

  it("deletes a reservation", async () => {
    const spi = await reserve();
    const sa = { protocol: "esp", spi, destination: addresses.underlay.a } as const;
    expect(await bed().request("a", { kind: "deleteSa", sa })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "deleteSa", sa })).toMatchObject(refusal("deleteSa", "ESRCH"));
  });

  it("lets a reservation run out, says so, and takes the SA all the same", async () => {
    const spi = await reserve();
    await bed().pass(acquireSeconds + 1);
    expect(await bed().events("a", 1)).toEqual([
      { kind: "expire", sa: { protocol: "esp", spi, destination: addresses.underlay.a }, hard: true, reqid },
    ]);
    expect(await install(saOf("b", "a", spi))).toEqual({ kind: "done" });
    expect(await install(saOf("b", "a", spi))).toMatchObject(refusal("installSa", "EEXIST"));
  });

  it("refuses keys of a wrong length", async () => {
    const short = { transform: transform("aes128gcm16"), key: new Uint8Array(16) };
    expect(await install(saOf("a", "a", 0x1000, { encr: short }))).toMatchObject(refusal("installSa", "EINVAL"));
    const encr = { transform: transform("aes128"), key: new Uint8Array(16) };
    const integ = { transform: integrity("sha256"), key: new Uint8Array(20) };
    expect(await install(saOf("a", "a", 0x1000, { encr, integ }))).toMatchObject(refusal("installSa", "EINVAL"));
    expect(await list()).toEqual([]);
  });

  it("refuses an algorithm that it does not have", async () => {
    const row = { ...transform("aes128gcm16"), keyword: unknownAlgorithm };
    const encr = { transform: { ...row, kernel: { kind: "aead", name: unknownAlgorithm } as const }, key: gcm().key };
    expect(await install(saOf("a", "a", 0x1000, { encr }))).toMatchObject(refusal("installSa", "ENOSYS"));
    const { kernel: _, ...nameless } = row;
    const unnamed = { transform: nameless, key: gcm().key };
    expect(await install(saOf("a", "a", 0x1000, { encr: unnamed }))).toMatchObject(refusal("installSa", "ENOSYS"));
    expect(await list()).toEqual([]);
  });

  it("refuses what would break our own rules", async () => {
    const faults: readonly Partial<SaInstall>[] = [
      { reqid: 1 },
      { hard: { seconds: 0 } },
      { hard: { seconds: 60, bytes: 0n } },
      { source: addresses.underlay6.a },
      { encr: { transform: transform("aes128"), key: new Uint8Array(16) } },
    ];
    for (const fault of faults)
      expect(await install(saOf("a", "a", 0x1000, fault)), JSON.stringify(Object.keys(fault))).toMatchObject(
        refusal("installSa", "EINVAL"),
      );
    expect(await list()).toEqual([]);
  });

  it("leaves another owner's SA alone and does not list it", async () => {
    const foreign = { spi: 0x2000, source: addresses.underlay.a, destination: addresses.underlay.b };
    await bed().addForeignSa("a", foreign);
    const sa = { protocol: "esp", spi: foreign.spi, destination: foreign.destination } as const;
    expect(await list()).toEqual([]);
    expect(await bed().request("a", { kind: "deleteSa", sa })).toMatchObject(refusal("deleteSa", "ESRCH"));
    expect(await bed().request("a", { kind: "querySa", sa })).toMatchObject(refusal("querySa", "ESRCH"));
    expect(await install(saOf("a", "a", foreign.spi))).toMatchObject(refusal("installSa", "EEXIST"));
  });
}
