import { expect, it } from "vitest";
import type { Policy, SaInstall } from "../../../src/kernel/port.ts";
import { reverseSelector } from "../../../src/negotiate/selector.ts";
import { addresses, type Bed } from "./bed.ts";
import {
  greSelector,
  guardBoth,
  guarded,
  installPair,
  installSa,
  locked,
  otherReqid,
  reqid,
  saOf,
  setPolicy,
  subnetSelector,
} from "./requests.ts";

/** Tunnel mode, forwarding, and UDP encapsulation. */
export function tunnels(bed: () => Bed): void {
  const out = subnetSelector("a");
  const tunnel = { mode: "tunnel" } as const;
  const forward = (at: "a" | "b", from: "a" | "b") => ({
    ...guarded(at, from, subnetSelector(from), tunnel),
    direction: "forward" as const,
  });

  it("carries the gateways' own packets between the subnets", async () => {
    expect(await bed().send({ from: "a", scope: "gateway" })).toMatchObject({ wire: "clear", delivered: true });
    await guardBoth(bed(), out, tunnel);
    expect(await bed().send({ from: "a", scope: "gateway" })).toEqual({
      wire: "nothing",
      delivered: false,
      drops: ["XfrmOutNoStates"],
    });
    await installPair(bed(), "a", 0x1000, tunnel);
    expect(await bed().send({ from: "a", scope: "gateway" })).toEqual({
      wire: "protected",
      spi: 0x1000,
      delivered: true,
      drops: [],
    });
  });

  it("carries packets of the hosts behind, with a forward policy at the far end", async () => {
    await guardBoth(bed(), out, tunnel);
    await installPair(bed(), "a", 0x1000, tunnel);
    expect(await bed().send({ from: "a", scope: "lan" })).toEqual({
      wire: "protected",
      spi: 0x1000,
      delivered: false,
      drops: ["XfrmInNoPols"],
    });
    await setPolicy(bed(), "b", forward("b", "a"));
    expect(await bed().send({ from: "a", scope: "lan" })).toEqual({
      wire: "protected",
      spi: 0x1000,
      delivered: true,
      drops: [],
    });
  });

  it("drops forwarded packets that come in clear where protection is due, or where it is locked", async () => {
    await setPolicy(bed(), "b", forward("b", "a"));
    expect(await bed().send({ from: "a", scope: "lan" })).toEqual({
      wire: "clear",
      delivered: false,
      drops: ["XfrmInTmplMismatch"],
    });
    await setPolicy(bed(), "b", locked(out, "forward"));
    expect(await bed().send({ from: "a", scope: "lan" })).toEqual({
      wire: "clear",
      delivered: false,
      drops: ["XfrmInPolBlock"],
    });
    await setPolicy(bed(), "a", locked(out, "out"));
    expect(await bed().send({ from: "a", scope: "lan" })).toEqual({
      wire: "nothing",
      delivered: false,
      drops: ["XfrmOutPolBlock"],
    });
  });

  it("counts what is inside, without the outer header", async () => {
    await guardBoth(bed(), out, tunnel);
    await installPair(bed(), "a", 0x1000, tunnel);
    await bed().send({ from: "a", scope: "gateway", octets: 100 });
    for (const [end, bytes] of [
      ["a", 100n],
      ["b", 100n],
    ] as const)
      expect(await bed().request(end, { kind: "querySa", sa: saOf("a", end, 0x1000) })).toMatchObject({
        usage: { packets: 1n, bytes },
      });
  });

  it("refuses a tunnelled packet from an SA between other addresses than the template's", async () => {
    await guardBoth(bed(), out, tunnel);
    await installSa(bed(), "a", saOf("a", "a", 0x1000, tunnel));
    await installSa(bed(), "b", saOf("a", "b", 0x1000, { ...tunnel, source: "192.0.2.99" }));
    expect(await bed().send({ from: "a", scope: "gateway" })).toEqual({
      wire: "protected",
      spi: 0x1000,
      delivered: false,
      drops: ["XfrmInTmplMismatch"],
    });
  });

  it("does not open a transport mode packet with a tunnel mode SA", async () => {
    await guardBoth(bed(), greSelector("a"));
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    await installSa(bed(), "b", saOf("a", "b", 0x1000, tunnel));
    expect(await bed().send({ from: "a" })).toEqual({
      wire: "protected",
      spi: 0x1000,
      delivered: false,
      drops: ["XfrmInStateModeError"],
    });
  });

  const encapsulation = { sourcePort: 4500, destinationPort: 4500 };
  const inUdp = { encapsulation } satisfies Partial<SaInstall>;

  it("takes ESP out of UDP only while a socket for it is open", async () => {
    await guardBoth(bed(), greSelector("a"));
    await installPair(bed(), "a", 0x1000, inUdp);
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "protected", spi: 0x1000, delivered: false });
    await bed().openEncapsulationSocket("b", 4500);
    expect(await bed().send({ from: "a" })).toEqual({ wire: "protected", spi: 0x1000, delivered: true, drops: [] });
    await bed().closeEncapsulationSocket("b", 4500);
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "protected", spi: 0x1000, delivered: false });
    await bed().openEncapsulationSocket("b", 4500);
    expect(await bed().send({ from: "a" })).toEqual({ wire: "protected", spi: 0x1000, delivered: true, drops: [] });
  });

  it("does not take bare ESP for an SA with encapsulation, nor the reverse", async () => {
    await guardBoth(bed(), greSelector("a"));
    await bed().openEncapsulationSocket("b", 4500);
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    await installSa(bed(), "b", saOf("a", "b", 0x1000, inUdp), saOf("a", "b", 0x1001));
    const mismatch = { wire: "protected", delivered: false, drops: ["XfrmInStateMismatch"] };
    expect(await bed().send({ from: "a" })).toEqual({ ...mismatch, spi: 0x1000 });
    await installSa(bed(), "a", saOf("a", "a", 0x1001, inUdp));
    expect(await bed().send({ from: "a" })).toEqual({ ...mismatch, spi: 0x1001 });
  });

  it("takes an encapsulated packet from another port and reports the mapping", async () => {
    await guardBoth(bed(), greSelector("a"));
    await bed().openEncapsulationSocket("b", 4500);
    await installPair(bed(), "a", 0x1000, { ...inUdp, replayWindow: 0 });
    expect(await bed().send({ from: "a" })).toMatchObject({ delivered: true });
    expect(await bed().events("b", 0)).toEqual([]);
    expect(await bed().replay("b", 4711)).toMatchObject({ delivered: true });
    expect(await bed().events("b", 1)).toEqual([
      {
        kind: "mapping",
        sa: { protocol: "esp", spi: 0x1000, destination: addresses.underlay.b },
        reqid,
        from: { address: addresses.underlay.a, port: 4711 },
      },
    ]);
  });

  it("takes a tunnel from any address under a template of address 0, and from one address under another", async () => {
    const inbound = guarded("b", "a", out, tunnel);
    const template = (ends: { readonly source: string; readonly destination: string }, id = reqid): Policy => ({
      ...inbound,
      action: { kind: "protected", template: { protocol: "esp", mode: "tunnel", reqid: id, ...ends } },
    });
    const ends = { source: addresses.underlay.a, destination: addresses.underlay.b };
    await guardBoth(bed(), out, tunnel);
    await installPair(bed(), "a", 0x1000, tunnel);
    const dropped = { wire: "protected", spi: 0x1000, delivered: false, drops: ["XfrmInTmplMismatch"] };
    await setPolicy(bed(), "b", template({ ...ends, source: "198.51.100.77" }));
    expect(await bed().send({ from: "a", scope: "gateway" })).toEqual(dropped);
    await setPolicy(bed(), "b", template({ source: "0.0.0.0", destination: "0.0.0.0" }));
    expect(await bed().send({ from: "a", scope: "gateway" })).toMatchObject({ spi: 0x1000, delivered: true });
    await setPolicy(bed(), "b", template({ source: "0.0.0.0", destination: "0.0.0.0" }, otherReqid));
    expect(await bed().send({ from: "a", scope: "gateway" })).toEqual(dropped);
  });

  it("refuses AH inside UDP", async () => {
    const sa = { ...saOf("a", "a", 0x1000, inUdp), protocol: "ah" } as const;
    expect(await bed().request("a", { kind: "installSa", sa })).toMatchObject({ refusal: { errno: "EINVAL" } });
  });

  it("keeps both directions of a tunnel apart", async () => {
    await guardBoth(bed(), out, tunnel);
    await installPair(bed(), "a", 0x1000, tunnel);
    await installPair(bed(), "b", 0x2000, tunnel);
    await setPolicy(bed(), "a", { ...guarded("a", "b", reverseSelector(out), tunnel), direction: "forward" });
    expect(await bed().send({ from: "b", scope: "lan" })).toEqual({
      wire: "protected",
      spi: 0x2000,
      delivered: true,
      drops: [],
    });
  });
}
