import { expect, it } from "vitest";
import { reverseSelector } from "../../../src/negotiate/selector.ts";
import { addresses, type Bed, type Travel } from "./bed.ts";
import {
  exempt,
  gcm,
  greSelector,
  guardBoth,
  guarded,
  installPair,
  installSa,
  integrity,
  locked,
  must,
  otherReqid,
  reqid,
  saOf,
  setPolicy,
  subnetSelector,
  transform,
  udpSelector,
} from "./requests.ts";

const inClear: Travel = { wire: "clear", delivered: true, drops: [] };
const protectedBy = (spi: number): Travel => ({ wire: "protected", spi, delivered: true, drops: [] });
const stopped = (counter: string): Travel => ({ wire: "nothing", delivered: false, drops: [counter] });
const refusedInClear = (counter: string): Travel => ({ wire: "clear", delivered: false, drops: [counter] });
const refusedUnder = (spi: number, counter: string): Travel => ({
  wire: "protected",
  spi,
  delivered: false,
  drops: [counter],
});

/** What becomes of packets under policies and SAs in transport mode. */
export function packets(bed: () => Bed): void {
  const gre = greSelector("a");
  const vxlan = { from: "a", udp: { sourcePort: 50_000, destinationPort: 4789 } } as const;

  it("lets pass in clear what no policy covers", async () => {
    expect(await bed().send({ from: "a" })).toEqual(inClear);
    expect(await bed().send({ from: "b", scope: "underlay6" })).toEqual(inClear);
    await setPolicy(bed(), "a", locked(gre, "out"), locked(reverseSelector(gre), "in"));
    expect(await bed().send(vxlan)).toEqual(inClear);
    expect(await bed().send({ from: "a", scope: "underlay6" })).toEqual(inClear);
  });

  it("stops what is locked, in both directions and both families", async () => {
    for (const scope of ["underlay", "underlay6"] as const) {
      const selector = greSelector("a", scope);
      await setPolicy(bed(), "a", locked(selector, "out"), locked(reverseSelector(selector), "in"));
      expect(await bed().send({ from: "a", scope })).toEqual(stopped("XfrmOutPolBlock"));
      expect(await bed().send({ from: "b", scope })).toEqual(refusedInClear("XfrmInPolBlock"));
    }
  });

  it("stops what a template covers as long as no SA stands", async () => {
    await guardBoth(bed(), gre);
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutNoStates"));
    await bed().request("b", { kind: "deletePolicy", selector: reverseSelector(gre), direction: "out" });
    expect(await bed().send({ from: "b" })).toEqual(refusedInClear("XfrmInTmplMismatch"));
  });

  it("stops what a template covers although nobody listens", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", gre));
    await bed().close("a");
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutNoStates"));
    await bed().reopen("a");
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutNoStates"));
    expect(await bed().events("a", 1)).toMatchObject([{ kind: "acquire", reqid }]);
  });

  it("carries protected packets once SAs stand, over both families", async () => {
    for (const scope of ["underlay", "underlay6"] as const) {
      await guardBoth(bed(), greSelector("a", scope), { scope });
      await installPair(bed(), "a", 0x1000, { scope });
      await installPair(bed(), "b", 0x2000, { scope });
      expect(await bed().send({ from: "a", scope })).toEqual(protectedBy(0x1000));
      expect(await bed().send({ from: "b", scope })).toEqual(protectedBy(0x2000));
    }
  });

  it("counts packets and octets at both ends", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000);
    for (const octets of [100, 100, 200]) await bed().send({ from: "a", octets });
    const usage = async (end: "a" | "b") => {
      const answer = await bed().request(end, { kind: "querySa", sa: saOf("a", end, 0x1000) });
      return answer.kind === "usage" ? answer.usage : undefined;
    };
    expect(await usage("a")).toMatchObject({ packets: 3n, bytes: 400n - 3n * 20n, reqid });
    expect(await usage("b")).toMatchObject({ packets: 3n, bytes: 400n - 3n * 20n, reqid });
  });

  it("tells the counters of several SAs at once, in order, and which do not stand", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000);
    await installPair(bed(), "b", 0x2000);
    await bed().addForeignSa("a", {
      spi: 0x3000,
      source: addresses.underlay.a,
      destination: addresses.underlay.b,
    });
    for (let i = 0; i < 2; i += 1) await bed().send({ from: "a" });
    await bed().send({ from: "b" });
    const sas = [saOf("b", "a", 0x2000), saOf("a", "a", 0x1001), saOf("a", "a", 0x1000), saOf("a", "a", 0x3000)];
    expect(await bed().request("a", { kind: "querySas", sas })).toMatchObject({
      kind: "usages",
      usages: [{ spi: 0x2000, packets: 1n, reqid }, undefined, { spi: 0x1000, packets: 2n, bytes: 160n }, undefined],
    });
    expect(await bed().request("a", { kind: "querySas", sas: [] })).toEqual({ kind: "usages", usages: [] });
  });

  it("carries every kind of SA that the port can say", async () => {
    const sha256 = { transform: integrity("sha256"), key: new Uint8Array(32).fill(3) };
    const cbc = { transform: transform("aes256"), key: new Uint8Array(32).fill(4) };
    const kinds = [
      { encr: cbc, integ: sha256 },
      { encr: { transform: transform("null"), key: new Uint8Array(0) }, integ: sha256 },
      { esn: true },
      { esn: true, encr: cbc, integ: sha256 },
      { replayWindow: 512 },
      { replayWindow: 0 },
      { esn: true, replayWindow: 1024 },
    ];
    await guardBoth(bed(), gre);
    for (const [i, more] of kinds.entries()) {
      await installPair(bed(), "a", 0x1000 + i, more);
      expect(await bed().send({ from: "a" }), JSON.stringify(Object.keys(more))).toEqual(protectedBy(0x1000 + i));
    }
    await guardBoth(bed(), gre, { protocol: "ah" });
    const ah = { protocol: "ah", integ: sha256, encr: undefined } as const;
    for (const end of ["b", "a"] as const) {
      const { encr: _, ...sa } = saOf("a", end, 0x3000);
      await installSa(bed(), end, { ...sa, protocol: ah.protocol, integ: ah.integ });
    }
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x3000));
  });

  it("refuses a packet whose SA is unknown, larval, or has another key", async () => {
    await guardBoth(bed(), gre);
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    expect(await bed().send({ from: "a" })).toEqual(refusedUnder(0x1000, "XfrmInNoStates"));
    await installSa(bed(), "b", saOf("a", "b", 0x1000, { encr: gcm(8) }));
    expect(await bed().send({ from: "a" })).toEqual(refusedUnder(0x1000, "XfrmInStateProtoError"));
    const reserved = must(
      await bed().request("b", {
        kind: "allocateSpi",
        protocol: "esp",
        mode: "transport",
        source: addresses.underlay.a,
        destination: addresses.underlay.b,
        reqid,
      }),
    );
    if (reserved.kind !== "spi") throw new Error("no SPI");
    await installSa(bed(), "a", saOf("a", "a", reserved.spi));
    expect(await bed().send({ from: "a" })).toEqual(refusedUnder(reserved.spi, "XfrmAcquireError"));
    await installSa(bed(), "b", saOf("a", "b", reserved.spi));
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(reserved.spi));
  });

  it("refuses a repeated packet, and takes it where replay protection is off", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
    expect(await bed().replay("b")).toEqual(refusedUnder(0x1000, "XfrmInStateSeqError"));
    await installPair(bed(), "a", 0x1001, { replayWindow: 0 });
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1001));
    expect(await bed().replay("b")).toEqual(protectedBy(0x1001));
  });

  it("refuses a packet that came under the SA of another reqid or protocol", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", gre));
    await setPolicy(bed(), "b", guarded("b", "a", gre, { reqid: otherReqid }));
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toEqual(refusedUnder(0x1000, "XfrmInTmplMismatch"));
    await setPolicy(bed(), "b", guarded("b", "a", gre, { protocol: "ah" }));
    expect(await bed().send({ from: "a" })).toEqual(refusedUnder(0x1000, "XfrmInTmplMismatch"));
    await setPolicy(bed(), "b", guarded("b", "a", gre));
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
  });

  it("stops protected packets where the inbound policy is still locked, and takes them where it is exempt or absent", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", gre));
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
    await setPolicy(bed(), "b", exempt(gre, "in"));
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
    await setPolicy(bed(), "b", locked(gre, "in"));
    expect(await bed().send({ from: "a" })).toEqual(refusedUnder(0x1000, "XfrmInPolBlock"));
  });

  it("goes from locked to protected and back in place", async () => {
    const back = reverseSelector(gre);
    await setPolicy(bed(), "a", locked(gre, "out"), locked(back, "in"));
    await setPolicy(bed(), "b", locked(back, "out"), locked(gre, "in"));
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
    await guardBoth(bed(), gre);
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
    await setPolicy(bed(), "a", locked(gre, "out"));
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
  });

  it("lets nothing through in clear while policies change and SAs go under traffic", async () => {
    const back = reverseSelector(gre);
    await setPolicy(bed(), "a", locked(gre, "out"));
    await setPolicy(bed(), "b", locked(gre, "in"));
    const seen = new Set<string>();
    for (let round = 0; round < 4; round += 1) {
      const spi = 0x1000 + round;
      const offered = (async () => {
        for (let i = 0; i < 12; i += 1) seen.add((await bed().send({ from: "a" })).wire);
      })();
      await setPolicy(bed(), "a", guarded("a", "a", gre), guarded("a", "b", back));
      await setPolicy(bed(), "b", guarded("b", "a", gre));
      await installPair(bed(), "a", spi);
      await setPolicy(bed(), "a", locked(gre, "out"));
      await bed().request("a", { kind: "deleteSa", sa: saOf("a", "a", spi) });
      await offered;
    }
    expect(seen).not.toContain("clear");
  });

  it("sends on the newest outbound SA, and on the older one again when that is gone", async () => {
    await guardBoth(bed(), gre);
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
    await installPair(bed(), "a", 0x1001);
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1001));
    await bed().pass(2);
    await installPair(bed(), "a", 0x1002);
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1002));
    for (const spi of [0x1002, 0x1001]) must(await bed().request("a", { kind: "deleteSa", sa: saOf("a", "a", spi) }));
    expect(await bed().send({ from: "a" })).toEqual(protectedBy(0x1000));
    must(await bed().request("a", { kind: "deleteSa", sa: saOf("a", "a", 0x1000) }));
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutNoStates"));
  });

  it("holds an SA to its own selector on the way out and in", async () => {
    const udp = { ...gre, protocol: 17 };
    await guardBoth(bed(), udp);
    const selector = udpSelector("a", 4789);
    await installSa(bed(), "b", saOf("a", "b", 0x1000, { selector }), saOf("a", "b", 0x1001, { selector }));
    await installSa(bed(), "a", saOf("a", "a", 0x1000, { selector }));
    expect(await bed().send(vxlan)).toEqual(protectedBy(0x1000));
    const other = { from: "a", udp: { sourcePort: 50_000, destinationPort: 4790 } } as const;
    expect(await bed().send(other)).toEqual(stopped("XfrmOutNoStates"));
    await installSa(bed(), "a", saOf("a", "a", 0x1001));
    expect(await bed().send(other)).toEqual(refusedUnder(0x1001, "XfrmInStateMismatch"));
  });

  it("asks the policy of the lowest priority value, and of equals the one that has had it longest", async () => {
    const any = { ...gre, protocol: 0 };
    await setPolicy(bed(), "a", exempt(any, "out", { priority: 20 }), locked(gre, "out", { priority: 10 }));
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
    expect(await bed().send(vxlan)).toEqual(inClear);
    await setPolicy(bed(), "a", exempt(any, "out", { priority: 10 }));
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
    await setPolicy(bed(), "a", locked(gre, "out", { priority: 10 }));
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
    await setPolicy(bed(), "a", locked(gre, "out", { priority: 11 }), locked(gre, "out", { priority: 10 }));
    expect(await bed().send({ from: "a" })).toEqual(inClear);
  });

  it("keeps a narrow lock against a wide protection", async () => {
    const wide = {
      ...subnetSelector("a"),
      source: { address: "192.0.2.0", length: 24 },
      destination: { address: "192.0.2.0", length: 24 },
    };
    await setPolicy(bed(), "a", guarded("a", "a", wide, { priority: 2000 }), locked(gre, "out", { priority: 1000 }));
    await installPair(bed(), "a", 0x1000);
    expect(await bed().send({ from: "a" })).toEqual(stopped("XfrmOutPolBlock"));
    expect(await bed().send(vxlan)).toEqual(protectedBy(0x1000));
  });
}
