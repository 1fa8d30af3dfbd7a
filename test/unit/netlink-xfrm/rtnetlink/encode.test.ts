import { describe, expect, it } from "vitest";
import {
  ADDRESS_FLAG,
  appendForwardingEntry,
  delForwardingEntry,
  delRoute,
  encodeRequest,
  GRE_FLAG,
  getRoute,
  newAddress,
  newForwardingEntry,
  newLink,
  newRoute,
  type Request,
  replaceNeighbour,
  setLink,
} from "../../../../src/netlink-xfrm/index.ts";
import { canonical, lastSent, recording } from "../fixtures.ts";

const LINKINFO = ["18", "18.2"];
/** The recordings' index of the device v1. */
const v1 = lastSent("link set").readInt32LE(20);

// Attributes that iproute2 adds with the value that leaving them out has, and that we leave out.
const greZeroes = {
  mark: 0,
  encapsulationType: 0,
  encapsulationFlags: 0,
  encapsulationSourcePort: 0,
  encapsulationDestinationPort: 0,
};

const requests: [string, number, Request<unknown>][] = [
  [
    "link gre",
    16,
    newLink({
      name: "g1",
      info: {
        kind: "gre",
        gre: {
          ...greZeroes,
          local: "192.0.2.1",
          remote: "192.0.2.2",
          ttl: 64,
          tos: 0,
          inputKey: 42,
          outputKey: 42,
          inputFlags: GRE_FLAG.key,
          outputFlags: GRE_FLAG.key,
          pathMtuDiscovery: true,
        },
      },
    }),
  ],
  [
    "link gretap",
    16,
    newLink({
      name: "g2",
      info: {
        kind: "gretap",
        gre: {
          ...greZeroes,
          local: "192.0.2.1",
          remote: "192.0.2.3",
          ttl: 0,
          tos: 0,
          inputKey: 1,
          outputKey: 2,
          inputFlags: GRE_FLAG.key | GRE_FLAG.checksum | GRE_FLAG.sequence,
          outputFlags: GRE_FLAG.key | GRE_FLAG.checksum | GRE_FLAG.sequence,
          pathMtuDiscovery: false,
        },
      },
    }),
  ],
  ["link gre external", 16, newLink({ name: "g4", info: { kind: "gretap", gre: { external: true } } })],
  [
    "link vxlan unicast",
    16,
    newLink({
      name: "v1",
      info: {
        kind: "vxlan",
        vxlan: { id: 100, local: "192.0.2.1", remote: "192.0.2.2", port: 4789, learning: true },
      },
    }),
  ],
  [
    "link vxlan multicast",
    16,
    newLink({
      name: "v2",
      info: {
        kind: "vxlan",
        vxlan: {
          id: 200,
          remote: "239.1.1.1",
          link: 1,
          port: 8472,
          ttl: 10,
          learning: false,
          ageing: 60,
          limit: 1000,
          sourcePorts: { low: 40000, high: 50000 },
        },
      },
    }),
  ],
  [
    "link vxlan ipv6",
    16,
    newLink({
      name: "v3",
      info: {
        kind: "vxlan",
        vxlan: {
          id: 300,
          local: "2001:db8::1",
          remote: "2001:db8::2",
          port: 4789,
          learning: true,
          udpZeroChecksum6Send: true,
          udpZeroChecksum6Receive: true,
        },
      },
    }),
  ],
  [
    "link vxlan external",
    16,
    newLink({ name: "v4", info: { kind: "vxlan", vxlan: { external: true, port: 4790, learning: false } } }),
  ],
  [
    "link geneve",
    16,
    newLink({
      name: "n1",
      info: { kind: "geneve", geneve: { id: 55, remote: "192.0.2.2", port: 6081, ttl: 0, tos: 0, label: 0 } },
    }),
  ],
  [
    "link geneve ipv6",
    16,
    newLink({
      name: "n2",
      info: {
        kind: "geneve",
        geneve: { id: 56, remote: "2001:db8::2", ttl: 32, tos: 0, label: 0, udpZeroChecksum6Send: true },
      },
    }),
  ],
  ["link bridge", 16, newLink({ name: "b1", info: { kind: "bridge" } })],
  ["link set", 16, setLink({ index: v1, up: true, mtu: 1400 })],
  ["address add", 8, newAddress({ index: v1, local: "192.0.2.1", prefix: 24 })],
  ["address add ipv6", 8, newAddress({ index: v1, local: "2001:db8::1", prefix: 64, flags: ADDRESS_FLAG.noDad })],
  [
    "route add",
    12,
    newRoute({
      destination: "10.2.0.0",
      destinationPrefix: 16,
      outputInterface: v1,
      preferredSource: "192.0.2.1",
      metric: 50,
      protocol: 201,
    }),
  ],
  [
    "route add gateway table",
    12,
    newRoute({
      destination: "10.3.0.0",
      destinationPrefix: 16,
      gateway: "192.0.2.9",
      table: 1000,
      protocol: "static",
    }),
  ],
  [
    "route add multipath",
    12,
    newRoute({
      destination: "10.4.0.0",
      destinationPrefix: 16,
      nextHops: [
        { index: v1, hops: 1, flags: 0, gateway: "192.0.2.9" },
        { index: v1, hops: 0, flags: 0, gateway: "192.0.2.10" },
      ],
    }),
  ],
  [
    "route add ipv6",
    12,
    newRoute({ destination: "2001:db8:2::", destinationPrefix: 48, gateway: "2001:db8::9", outputInterface: v1 }),
  ],
  [
    "route add via",
    12,
    newRoute({
      destination: "10.5.0.0",
      destinationPrefix: 16,
      via: "2001:db8::9",
      outputInterface: v1,
      metrics: { mtu: 1300 },
    }),
  ],
  [
    "route delete",
    12,
    delRoute({
      destination: "10.2.0.0",
      destinationPrefix: 16,
      outputInterface: v1,
      metric: 50,
      protocol: 201,
    }),
  ],
  ["neighbour add", 12, replaceNeighbour({ index: v1, destination: "192.0.2.77", linkLayer: "02:00:00:00:00:77" })],
  [
    "fdb add",
    12,
    newForwardingEntry({
      index: v1,
      linkLayer: "02:00:00:00:00:01",
      destination: "192.0.2.3",
      vni: 101,
      port: 4790,
    }),
  ],
  ["fdb append", 12, appendForwardingEntry({ index: v1, linkLayer: "00:00:00:00:00:00", destination: "2001:db8::3" })],
  [
    "fdb append ipv4",
    12,
    appendForwardingEntry({ index: v1, linkLayer: "00:00:00:00:00:00", destination: "192.0.2.4" }),
  ],
  [
    "fdb delete",
    12,
    delForwardingEntry({
      index: v1,
      linkLayer: "02:00:00:00:00:01",
      destination: "192.0.2.3",
      vni: 101,
      port: 4790,
    }),
  ],
];

describe("rtnetlink requests are what iproute2 sends", () => {
  it.each(requests)("%s", (name, headSize, request) => {
    const nested = name.startsWith("link") ? LINKINFO : [];
    const ours = canonical(encodeRequest(request), headSize, nested);
    expect(ours).toEqual(canonical(lastSent(name), headSize, nested));
  });

  it.each([
    ["route get", getRoute({ destination: "10.2.3.4" })],
    ["route get from", getRoute({ destination: "10.2.3.4", source: "192.0.2.1", mark: 5 })],
  ])("%s", (name, request) => {
    const theirs = Buffer.from(recording(name).sent[0] ?? "", "hex");
    expect(canonical(encodeRequest(request), 12)).toEqual(canonical(theirs, 12));
  });
});
