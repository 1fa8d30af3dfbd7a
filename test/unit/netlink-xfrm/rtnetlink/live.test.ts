import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import {
  AF_INET,
  appendForwardingEntry,
  delAddress,
  delForwardingEntry,
  delLink,
  delRoute,
  dumpAddresses,
  dumpForwardingEntries,
  dumpLinks,
  dumpNeighbours,
  dumpRoutes,
  getLink,
  getRoute,
  LINK_FLAG,
  NetlinkError,
  NetlinkSocket,
  newAddress,
  newLink,
  newRoute,
  ownAddress,
  type RouteEvent,
  replaceNeighbour,
  replaceRoute,
  type SourceEvent,
  setLink,
  watchRoutes,
} from "../../../../src/netlink-xfrm/index.ts";
import { inNamespace, until } from "../namespace.ts";

const everyone = "00:00:00:00:00:00";

inNamespace("rtnetlink on this kernel", () => {
  it("makes, changes, lists and removes links, addresses, routes, neighbours and forwarding entries, and hears of each", async () => {
    const heard: (RouteEvent | SourceEvent)[] = [];
    const groups = ["link", "neighbour", "ipv4Address", "ipv4Route"] as const;
    const events = watchRoutes({ groups }, (event) => heard.push(event));
    const route = NetlinkSocket.route();

    const vxlan = { id: 100, local: "192.0.2.1", port: 4789, learning: false } as const;
    route.request(newLink({ name: "v1", mtu: 1400, info: { kind: "vxlan", vxlan } }));
    const { index, flags, info, mtu } = route.request(getLink({ name: "v1" }));
    expect(mtu).toBe(1400);
    expect(flags & LINK_FLAG.up).toBe(0);
    expect(info).toMatchObject({ kind: "vxlan", vxlan });
    route.request(setLink({ index, up: true }));
    expect(route.request(getLink({ index })).flags & LINK_FLAG.up).toBe(LINK_FLAG.up);
    expect(route.dump(dumpLinks()).map(({ name }) => name)).toEqual(expect.arrayContaining(["lo", "v1"]));

    const local = { index, local: "192.0.2.1", prefix: 24 };
    route.request(newAddress(local));
    expect(() => route.request(newAddress(local))).toThrow(/RTM_NEWADDR: EEXIST/);
    const addresses = route.dump(dumpAddresses({ family: AF_INET, index }));
    expect(addresses.map(ownAddress)).toEqual(["192.0.2.1"]);

    const remote = { destination: "10.2.0.0", destinationPrefix: 16, outputInterface: index } as const;
    const ours = { ...remote, preferredSource: "192.0.2.1", protocol: 201, metric: 50 };
    route.request(newRoute(ours));
    route.request(replaceRoute({ ...ours, metrics: { mtu: 1300 } }));
    const routes = route.dump(dumpRoutes({ protocol: 201 }));
    expect(routes).toMatchObject([{ ...ours, table: 254, type: "unicast", metrics: { mtu: 1300 } }]);
    expect(route.request(getRoute({ destination: "10.2.3.4" }))).toMatchObject({
      preferredSource: "192.0.2.1",
      outputInterface: index,
    });
    const nowhere = (): unknown => route.request(getRoute({ destination: "198.51.100.1" }));
    expect(nowhere).toThrow(/RTM_GETROUTE: ENETUNREACH/);
    route.request(delRoute(ours));
    expect(route.dump(dumpRoutes({ protocol: 201 }))).toEqual([]);
    route.request(newRoute({ ...remote, table: 1000, protocol: 201 }));
    expect(route.dump(dumpRoutes({ table: 1000 })).map(({ destination }) => destination)).toEqual(["10.2.0.0"]);

    route.request(replaceNeighbour({ index, destination: "192.0.2.77", linkLayer: "02:00:00:00:00:77" }));
    expect(route.dump(dumpNeighbours({ family: AF_INET, index }))).toMatchObject([
      { destination: "192.0.2.77", linkLayer: "02:00:00:00:00:77" },
    ]);

    for (const destination of ["192.0.2.3", "192.0.2.4"]) {
      route.request(appendForwardingEntry({ index, linkLayer: everyone, destination, vni: 101, port: 4790 }));
    }
    const entries = route.dump(dumpForwardingEntries({ index }));
    expect(entries.map(({ destination, vni, port }) => [destination, vni, port])).toEqual([
      ["192.0.2.3", 101, 4790],
      ["192.0.2.4", 101, 4790],
    ]);
    route.request(delForwardingEntry({ index, linkLayer: everyone, destination: "192.0.2.3", vni: 101, port: 4790 }));
    expect(route.dump(dumpForwardingEntries({ index }))).toHaveLength(1);

    route.request(delAddress(local));
    route.request(delLink({ index }));
    expect(() => route.request(getLink({ index }))).toThrow(NetlinkError);
    route.close();

    await until(() => heard.some(({ kind }) => kind === "link-removed"), "removal of the link");
    events.close();
    const of = (kind: string) => heard.filter((event) => event.kind === kind);
    expect(of("link-changed")[0]).toMatchObject({ link: { name: "v1", info: { kind: "vxlan" } } });
    expect(of("address-changed")).toMatchObject([{ address: { local: "192.0.2.1", prefix: 24, index } }]);
    expect(of("address-removed")).toHaveLength(1);
    expect(of("route-changed")).toContainEqual(
      expect.objectContaining({ route: expect.objectContaining({ destination: "10.2.0.0", protocol: 201 }) }),
    );
    expect(of("neighbour-changed")).toContainEqual(
      expect.objectContaining({
        neighbour: expect.objectContaining({ family: 7, linkLayer: everyone, destination: "192.0.2.4" }),
      }),
    );
    expect(of("malformed")).toEqual([]);
  });

  it("reads a list anew that changed while it was read", async () => {
    const route = NetlinkSocket.route();
    const address = (i: number) => ({ index: 1, local: `10.77.${i >> 8}.${i & 255}` });
    const adding = route.batch(Array.from({ length: 1500 }, (_, i) => newAddress(address(i))));
    expect(adding.every(({ ok }) => ok)).toBe(true);

    let seen = 0;
    const dump = dumpAddresses({ family: AF_INET });
    const counted = {
      ...dump,
      read: (message: Parameters<typeof dump.read>[0]) => {
        seen++;
        return dump.read(message);
      },
    };
    const listing = route.dumpAsync(counted);
    await sleep(0);
    // The first portion has been read; now the list changes.
    const readBefore = seen;
    route.request(newAddress(address(1500)));
    const list = await listing;
    expect(readBefore).toBeGreaterThan(0);
    expect(readBefore).toBeLessThan(1500);
    expect(list.length).toBe(1501);
    expect(seen).toBeGreaterThan(1501);
    route.close();
  });
});
