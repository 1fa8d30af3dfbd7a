import { describe, expect, it } from "vitest";
import {
  dumpAddresses,
  dumpForwardingEntries,
  dumpLinks,
  dumpNeighbours,
  dumpRoutes,
  GRE_FLAG,
  getRoute,
  type Link,
  ownAddress,
  tableOf,
} from "../../../../src/netlink-xfrm/index.ts";
import { readRouteEvent } from "../../../../src/netlink-xfrm/rtnetlink/events.ts";
import { items, messagesIn, recording } from "../fixtures.ts";

describe("links as the kernel lists them", () => {
  const links = items(dumpLinks(), "link dump");
  const link = (name: string): Link | undefined => links.find((one) => one.name === name);

  it("reads GRE tunnels over IPv4 and IPv6", () => {
    expect(link("g1")?.info).toMatchObject({
      kind: "gre",
      gre: {
        local: "192.0.2.1",
        remote: "192.0.2.2",
        ttl: 64,
        inputKey: 42,
        outputKey: 42,
        outputFlags: GRE_FLAG.key,
        pathMtuDiscovery: true,
        encapsulationType: 0,
      },
    });
    expect(link("g2")?.info).toMatchObject({
      kind: "gretap",
      gre: { inputKey: 1, outputKey: 2, pathMtuDiscovery: false },
    });
    expect(link("g3")?.info).toMatchObject({ kind: "ip6gre", gre: { local: "2001:db8::1", remote: "2001:db8::2" } });
    expect(link("g4")?.info).toMatchObject({ kind: "gretap", gre: { external: true } });
  });

  it("reads VXLAN devices", () => {
    expect(link("v1")?.info).toMatchObject({
      kind: "vxlan",
      vxlan: { id: 100, local: "192.0.2.1", remote: "192.0.2.2", port: 4789, learning: true },
    });
    expect(link("v2")?.info).toMatchObject({
      vxlan: { remote: "239.1.1.1", link: 1, port: 8472, ageing: 60, sourcePorts: { low: 40000, high: 50000 } },
    });
    expect(link("v3")?.info).toMatchObject({ vxlan: { local: "2001:db8::1", udpZeroChecksum6Send: true } });
    expect(link("v4")?.info).toMatchObject({ vxlan: { external: true } });
  });

  it("reads Geneve devices and keeps other kinds as they are", () => {
    expect(link("n1")?.info).toMatchObject({ kind: "geneve", geneve: { id: 55, remote: "192.0.2.2", port: 6081 } });
    expect(link("n2")?.info).toMatchObject({ geneve: { remote: "2001:db8::2", ttl: 32, udpZeroChecksum6Send: true } });
    const bridge = link("b1")?.info;
    expect(bridge?.kind).toBe("bridge");
    expect(bridge?.raw?.length).toBeGreaterThan(100);
    expect(link("lo")).toMatchObject({ index: 1, mtu: 65536, address: everyone });
    expect(link("v1")).toMatchObject({ mtu: 1400 });
  });
});

const everyone = "00:00:00:00:00:00";

describe("the rest as the kernel lists it", () => {
  it("reads addresses", () => {
    const addresses = items(dumpAddresses(), "address dump").filter(({ label }) => label === "v1");
    expect(addresses.map(ownAddress)).toEqual(["192.0.2.1"]);
    const all = items(dumpAddresses(), "address dump");
    expect(all.map(ownAddress)).toEqual(expect.arrayContaining(["127.0.0.1", "::1", "2001:db8::1"]));
    expect(all.find((one) => ownAddress(one) === "2001:db8::1")).toMatchObject({ prefix: 64, family: 10 });
  });

  it("reads routes", () => {
    const routes = items(dumpRoutes(), "route dump");
    const to = (destination: string) => routes.find((one) => one.destination === destination);
    expect(to("10.2.0.0")).toMatchObject({
      destinationPrefix: 16,
      preferredSource: "192.0.2.1",
      metric: 50,
      protocol: 201,
      scope: "link",
    });
    expect(to("10.3.0.0")).toMatchObject({ gateway: "192.0.2.9", protocol: "static" });
    expect(tableOf(to("10.3.0.0") ?? { shortTable: 0 })).toBe(1000);
    expect(to("10.4.0.0")?.nextHops).toMatchObject([
      { gateway: "192.0.2.9", hops: 1 },
      { gateway: "192.0.2.10", hops: 0 },
    ]);
    expect(to("10.5.0.0")).toMatchObject({ via: "2001:db8::9", metrics: { mtu: 1300 } });
    expect(to("2001:db8:2::")).toMatchObject({ gateway: "2001:db8::9", family: 10 });
    expect(items(dumpRoutes({ protocol: 201 }), "route dump")).toHaveLength(1);
  });

  it("reads the answer about one destination", () => {
    const [message] = messagesIn(recording("route get from").received);
    const answer = message && getRoute({ destination: "10.2.3.4" }).reply?.read(message);
    expect(answer).toMatchObject({ destination: "10.2.3.4", source: "192.0.2.1", mark: 5, type: "unicast" });
  });

  it("reads neighbours and forwarding entries", () => {
    expect(items(dumpNeighbours(), "neighbour dump")).toContainEqual(
      expect.objectContaining({ destination: "192.0.2.77", linkLayer: "02:00:00:00:00:77", state: 0x80 }),
    );
    const entries = items(dumpForwardingEntries(), "fdb dump");
    expect(entries).toContainEqual(
      expect.objectContaining({ linkLayer: "02:00:00:00:00:01", destination: "192.0.2.3", vni: 101, port: 4790 }),
    );
    expect(entries).toContainEqual(expect.objectContaining({ linkLayer: everyone, destination: "239.1.1.1" }));
  });

  it("reads change events of both kernels", () => {
    for (const kernel of ["6.1", "6.18"] as const) {
      const events = messagesIn(recording("rtnetlink events", kernel).received)
        .filter(({ type }) => type >= 16)
        .map(readRouteEvent);
      const kinds = new Set(events.map(({ kind }) => kind));
      expect([...kinds].sort()).toEqual([
        "address-changed",
        "address-removed",
        "link-changed",
        "link-removed",
        "neighbour-changed",
        "neighbour-removed",
        "route-changed",
        "route-removed",
      ]);
      const link = events.find((event) => event.kind === "link-changed" && event.link.name === "v9");
      expect(link).toMatchObject({ link: { name: "v9", info: { kind: "vxlan", vxlan: { id: 900 } } } });
      expect(events).toContainEqual({
        kind: "neighbour-removed",
        neighbour: expect.objectContaining({ family: 7, linkLayer: everyone, destination: "192.0.2.4" }),
      });
    }
  });
});
