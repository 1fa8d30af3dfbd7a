import { expect, it } from "vitest";
import { acquireSeconds, addresses, type Bed } from "./bed.ts";
import {
  greSelector,
  guardBoth,
  guarded,
  installPair,
  installSa,
  must,
  otherReqid,
  reqid,
  saOf,
  setPolicy,
  subnetSelector,
  udpSelector,
} from "./requests.ts";

/** ACQUIRE and EXPIRE: which, when, and in what order. */
export function events(bed: () => Bed): void {
  const gre = greSelector("a");
  const underlay = { source: addresses.underlay.a, destination: addresses.underlay.b };
  const hosts = {
    source: { address: addresses.underlay.a, length: 32 },
    destination: { address: addresses.underlay.b, length: 32 },
  };

  it("raises one acquire per reqid, with the packet's own selector", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", gre));
    await setPolicy(bed(), "a", guarded("a", "a", udpSelector("a", 4789), { reqid: otherReqid }));
    for (let i = 0; i < 3; i += 1) await bed().send({ from: "a" });
    const udp = { sourcePort: 50_000, destinationPort: 4789 };
    await bed().send({ from: "a", udp });
    await bed().send({ from: "a", udp: { ...udp, sourcePort: 50_001 } });
    expect(await bed().events("a", 2)).toEqual([
      { kind: "acquire", reqid, packet: { ...hosts, protocol: 47 }, ...underlay },
      { kind: "acquire", reqid: otherReqid, packet: { ...hosts, protocol: 17, ...udp }, ...underlay },
    ]);
  });

  it("names the template's addresses in tunnel mode and the packet's in the selector", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", subnetSelector("a"), { mode: "tunnel" }));
    await bed().send({ from: "a", scope: "lan", udp: { sourcePort: 7, destinationPort: 9 } });
    expect(await bed().events("a", 1)).toEqual([
      {
        kind: "acquire",
        reqid,
        packet: {
          source: { address: addresses.lan.a, length: 32 },
          destination: { address: addresses.lan.b, length: 32 },
          protocol: 17,
          sourcePort: 7,
          destinationPort: 9,
        },
        ...underlay,
      },
    ]);
  });

  it("raises the next acquire only after the larval SA has expired, and says when it does", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", gre));
    await bed().send({ from: "a" });
    await bed().send({ from: "a" });
    await bed().pass(acquireSeconds + 1);
    await bed().send({ from: "a" });
    expect(await bed().events("a", 3)).toMatchObject([
      { kind: "acquire", reqid },
      { kind: "expire", sa: { protocol: "esp", spi: 0, destination: addresses.underlay.b }, hard: true, reqid },
      { kind: "acquire", reqid },
    ]);
  });

  it("raises the next acquire at once where the larval SA was cleared, and clearing none does no harm", async () => {
    for (const mode of ["transport", "tunnel"] as const) {
      await bed().reset();
      const selector = mode === "tunnel" ? subnetSelector("a") : gre;
      const probe = { from: "a", scope: mode === "tunnel" ? "gateway" : "underlay" } as const;
      const clear = { kind: "clearAcquire", protocol: "esp", mode, reqid, ...underlay } as const;
      await setPolicy(bed(), "a", guarded("a", "a", selector, { mode }));
      must(await bed().request("a", clear));
      await bed().send(probe);
      await bed().send(probe);
      expect(await bed().events("a", 1)).toMatchObject([{ kind: "acquire", reqid }]);
      must(await bed().request("a", clear));
      await bed().send(probe);
      expect(await bed().events("a", 2)).toMatchObject([
        { kind: "acquire", reqid },
        { kind: "acquire", reqid },
      ]);
      must(await bed().request("a", { ...clear, reqid: otherReqid }));
      await bed().send(probe);
      expect(await bed().events("a", 2)).toHaveLength(2);
    }
  });

  it("replaces the larval SA by the real one, of which nothing expires", async () => {
    await guardBoth(bed(), gre);
    await bed().send({ from: "a" });
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "protected", delivered: true });
    await bed().pass(acquireSeconds + 1);
    expect(await bed().events("a", 1)).toMatchObject([{ kind: "acquire", reqid }]);
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "protected", delivered: true });
  });

  it("raises no acquire for another owner's reqid", async () => {
    await bed().addForeignPolicy("a", guarded("a", "a", gre, { reqid: 1 }));
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
    expect(await bed().events("a", 0)).toEqual([]);
  });

  it("reports the soft and then the hard limit of time, and asks for a new SA at the next packet", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000, { soft: { seconds: 1 }, hard: { seconds: 3 } });
    await bed().pass(4);
    const sa = { protocol: "esp", spi: 0x1000, destination: addresses.underlay.b };
    const expiries = [
      { kind: "expire", sa, hard: false, reqid },
      { kind: "expire", sa, hard: true, reqid },
    ];
    expect(await bed().events("a", 2)).toEqual(expiries);
    expect(await bed().events("b", 2)).toEqual(expiries);
    expect(await bed().request("a", { kind: "listSas" })).toEqual({ kind: "sas", sas: [] });
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
    expect(await bed().events("a", 3)).toMatchObject([...expiries, { kind: "acquire", reqid }]);
  });

  it("carries as many packets as the hard limit says; the next one ends the SA", async () => {
    await guardBoth(bed(), gre);
    await installSa(bed(), "b", saOf("a", "b", 0x1000));
    const limits = { soft: { seconds: 0, packets: 2n }, hard: { seconds: 600, packets: 3n } };
    await installSa(bed(), "a", saOf("a", "a", 0x1000, limits));
    for (let i = 0; i < 3; i += 1)
      expect(await bed().send({ from: "a" })).toMatchObject({ wire: "protected", delivered: true });
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutStateExpired"] });
    const sa = { protocol: "esp", spi: 0x1000, destination: addresses.underlay.b };
    expect(await bed().events("a", 2)).toEqual([
      { kind: "expire", sa, hard: false, reqid },
      { kind: "expire", sa, hard: true, reqid },
    ]);
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
  });

  it("reports the soft limit of octets once, at both ends, and goes on carrying", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000, { soft: { seconds: 0, bytes: 150n } });
    for (let i = 0; i < 5; i += 1) expect(await bed().send({ from: "a" })).toMatchObject({ delivered: true });
    const sa = { protocol: "esp", spi: 0x1000, destination: addresses.underlay.b };
    for (const end of ["a", "b"] as const)
      expect(await bed().events(end, 1)).toEqual([{ kind: "expire", sa, hard: false, reqid }]);
  });

  it("ends an inbound SA at its hard limit of octets", async () => {
    await guardBoth(bed(), gre);
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    await installSa(bed(), "b", saOf("a", "b", 0x1000, { hard: { seconds: 600, bytes: 150n } }));
    for (let i = 0; i < 2; i += 1) expect(await bed().send({ from: "a" })).toMatchObject({ delivered: true });
    expect(await bed().send({ from: "a" })).toMatchObject({ delivered: false, drops: ["XfrmInStateExpired"] });
    expect(await bed().events("b", 1)).toMatchObject([{ kind: "expire", hard: true, sa: { spi: 0x1000 } }]);
    expect(await bed().send({ from: "a" })).toMatchObject({ delivered: false, drops: ["XfrmInNoStates"] });
  });

  it("prefers an SA that is not past its soft limit to a younger one that is", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000);
    await bed().pass(1);
    await installPair(bed(), "a", 0x1001, { soft: { seconds: 0, packets: 1n } });
    expect(await bed().send({ from: "a" })).toMatchObject({ spi: 0x1001 });
    expect(await bed().send({ from: "a" })).toMatchObject({ spi: 0x1001 });
    expect(await bed().events("a", 1)).toMatchObject([{ kind: "expire", hard: false, sa: { spi: 0x1001 } }]);
    expect(await bed().send({ from: "a" })).toMatchObject({ spi: 0x1000 });
  });

  it("keeps SAs, policies and packets as they are when the process ends", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000);
    await bed().close("a");
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "protected", delivered: true });
    await bed().reopen("a");
    expect(must(await bed().request("a", { kind: "listSas" }))).toMatchObject({ sas: [{ spi: 0x1000, packets: 1n }] });
    expect(must(await bed().request("a", { kind: "listPolicies" }))).toMatchObject({ policies: [{}, {}] });
    expect(await bed().request("a", { kind: "deleteSa", sa: saOf("a", "a", 0x1000) })).toEqual({ kind: "done" });
  });
}
