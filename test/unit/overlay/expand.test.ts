import { describe, expect, test } from "vitest";
import { expandProtect, isUdpOverlay, lockKinds, lockOf, type ProtectLine } from "../../../src/overlay/expand.ts";

const prefix = (address: string, length: number) => ({ address, length });

/** Numbers from the IANA registries, typed from there: GRE 47, IPv4 4, IPv6 41, UDP 17; VXLAN 4789, Geneve 6081. */
describe("expandProtect", () => {
  test.each([
    ["gre", 47],
    ["ipip", 4],
    ["sit", 41],
    ["ip6", 41],
  ] as const)("%s: protocol %i between the hosts, transport mode", (kind, protocol) => {
    const end = { prefix: "host", protocol };
    expect(expandProtect({ kind })).toEqual([{ name: kind, mode: "transport", local: end, remote: end }]);
  });

  test.each([
    [{ kind: "vxlan" }, "vxlan-4789", 4789],
    [{ kind: "vxlan", port: 8472 }, "vxlan-8472", 8472],
    [{ kind: "geneve" }, "geneve-6081", 6081],
    [{ kind: "geneve", port: 6082 }, "geneve-6082", 6082],
  ] as const)("%j: two children, to the port and from it", (line, name, port) => {
    const any = { prefix: "host", protocol: 17 };
    const fixed = { prefix: "host", protocol: 17, port };
    expect(expandProtect(line)).toEqual([
      { name: `${name}/to`, mode: "transport", local: any, remote: fixed },
      { name: `${name}/from`, mode: "transport", local: fixed, remote: any },
    ]);
  });

  test("a tunnel, with and without protocol and ports", () => {
    const line = { kind: "tunnel", local: prefix("10.1.0.0", 16), remote: prefix("10.2.0.0", 16) } as const;
    expect(expandProtect(line)).toEqual([
      {
        name: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16",
        mode: "tunnel",
        local: { prefix: line.local, protocol: 0 },
        remote: { prefix: line.remote, protocol: 0 },
      },
    ]);
    expect(expandProtect({ ...line, protocol: 6, remotePort: 443 })).toEqual([
      {
        name: "tunnel 10.1.0.0/16 <-> 10.2.0.0/16 :443 tcp",
        mode: "tunnel",
        local: { prefix: line.local, protocol: 6 },
        remote: { prefix: line.remote, protocol: 6, port: 443 },
      },
    ]);
  });

  test.each<ProtectLine>([{ kind: "gre" }, { kind: "ipip" }, { kind: "vxlan" }, { kind: "geneve", port: 7000 }])(
    "the mirror of %j is the same set of ends turned around",
    (line) => {
      const ends = expandProtect(line).map(({ local, remote }) => JSON.stringify([local, remote]));
      const turned = expandProtect(line).map(({ local, remote }) => JSON.stringify([remote, local]));
      expect(turned.toSorted()).toEqual(ends.toSorted());
    },
  );
});

describe("lockOf", () => {
  test("every kind has a lock, with a destination port over UDP only", () => {
    expect(lockKinds.map((kind) => lockOf(kind))).toEqual([
      { name: "gre", protocol: 47 },
      { name: "ipip", protocol: 4 },
      { name: "sit", protocol: 41 },
      { name: "ip6", protocol: 41 },
      { name: "vxlan", protocol: 17, port: 4789 },
      { name: "geneve", protocol: 17, port: 6081 },
    ]);
  });

  test("another port has a name of its own", () => {
    expect(lockOf("vxlan", 8472)).toEqual({ name: "vxlan-8472", protocol: 17, port: 8472 });
    expect(lockOf("vxlan", 4789).name).toBe("vxlan");
    expect(isUdpOverlay("gre")).toBe(false);
    expect(isUdpOverlay("toString")).toBe(false);
  });
});
