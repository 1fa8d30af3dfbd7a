// What only the real kernel has: indexes, flags, refusals in its own words, routes, capabilities and hazards.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encrTransforms } from "../../src/crypto/transforms/encr.ts";
import { integTransforms } from "../../src/crypto/transforms/integ.ts";
import { findLacks, usualNeeds } from "../../src/kernel/xfrm/capabilities.ts";
import { findHazards, type HazardQuery } from "../../src/kernel/xfrm/hazards.ts";
import { policyIndex } from "../../src/kernel/xfrm/policy-index.ts";
import type { NeededSa } from "../../src/kernel/xfrm/probe-sa.ts";
import { addresses, subnets } from "../conformance/kernel/bed.ts";
import { type LinuxBed, linuxBed } from "../conformance/kernel/linux/linux-bed.ts";
import {
  greSelector,
  guardBoth,
  guarded,
  installPair,
  installSa,
  locked,
  must,
  reqid,
  saOf,
  setPolicy,
  subnetSelector,
} from "../conformance/kernel/requests.ts";

let made: LinuxBed | undefined;

function bed(): LinuxBed {
  if (made === undefined) throw new Error("the bed was not made");
  return made;
}

beforeAll(async () => {
  made = await linuxBed(mkdtempSync(join(tmpdir(), "kernel-xfrm-")));
}, 60_000);
beforeEach(() => bed().reset());
afterAll(() => made?.destroy());

const gre = greSelector("a");

describe("policies, as `ip xfrm policy` prints them", () => {
  const printed = () => bed().run("a", "ip -s -d xfrm policy");

  it("carry an index of ours that survives a change, and the ICMP flag", async () => {
    await setPolicy(bed(), "a", locked(gre, "out"));
    const index = policyIndex(gre, "out", 0);
    expect(await printed()).toMatch(new RegExp(`dir out action block index ${index} priority 100000 .*flag icmp`));
    await setPolicy(bed(), "a", guarded("a", "a", gre));
    expect(await printed()).toMatch(new RegExp(`dir out action allow index ${index} priority 100000 .*flag icmp`));
    expect(await printed()).toMatch(new RegExp(`proto esp spi .* reqid ${reqid}.* mode transport\\s+level required`));
  });

  it("pass over an index that another owner holds", async () => {
    const taken = policyIndex(gre, "out", 0);
    await bed().run(
      "a",
      `ip xfrm policy add src 203.0.113.1/32 dst 203.0.113.2/32 dir out index ${taken} action block`,
    );
    await setPolicy(bed(), "a", locked(gre, "out"));
    expect(await printed()).toMatch(new RegExp(`index ${policyIndex(gre, "out", 1)} `));
    expect(await printed()).toMatch(/203\.0\.113\.1/);
  });

  it("are refused with the other owner's policy in words", async () => {
    await bed().addForeignPolicy("a", guarded("a", "a", gre, { reqid: 77, priority: 4242 }));
    const answer = await bed().request("a", { kind: "setPolicy", policy: locked(gre, "out") });
    expect(answer.kind === "refused" && answer.refusal.said).toMatch(
      /another owner's policy has this selector: index \d+, dir out, priority 4242, action allow with esp transport reqid 77, for 192\.0\.2\.1\/32 -> 192\.0\.2\.2\/32 gre/,
    );
  });
});

describe("SAs", () => {
  it("are refused in the kernel's own words", async () => {
    const row = encrTransforms.find(({ keyword }) => keyword === "aes128gcm16");
    if (row === undefined) throw new Error("no AES-GCM");
    const transform = { ...row, kernel: { kind: "aead", name: "rfc4106(gcm(nothing))" } as const };
    const sa = saOf("a", "a", 0x1000, { encr: { transform, key: new Uint8Array(20) } });
    const answer = await bed().request("a", { kind: "installSa", sa });
    expect(answer.kind === "refused" && answer.refusal.said).toMatch(/AEAD algorithm not found/);
  });

  it("have their limits and the ICMP flag in the kernel", async () => {
    const hard = { seconds: 333, bytes: 444_444n, packets: 555n };
    await installSa(bed(), "a", saOf("a", "a", 0x1000, { hard, selector: gre }));
    const printed = await bed().run("a", "ip -s -d xfrm state");
    expect(printed).toMatch(/expire add: soft 0\(sec\), hard 333\(sec\)|expire add: soft \(INF\), hard 333\(sec\)/);
    expect(printed).toMatch(/hard 444444\(bytes\)/);
    expect(printed).toMatch(/hard 555\(packets\)/);
    expect(printed).toMatch(/flag icmp/);
    expect(printed).toMatch(/sel src 192\.0\.2\.1\/32 dst 192\.0\.2\.2\/32 proto gre/);
  });
});

describe("abilities", () => {
  it("NAT keepalives by the kernel from 6.11 on, and no SA left behind by asking", async () => {
    const [major = 0, minor = 0] = (await bed().run("a", "uname -r")).split(".").map(Number);
    const natKeepalive = major > 6 || (major === 6 && minor >= 11);
    expect(await bed().request("a", { kind: "probe" })).toEqual({ kind: "abilities", abilities: { natKeepalive } });
    expect(await bed().run("a", "ip xfrm state")).toBe("");
  });
});

describe("a tunnel that moves under a stream of packets", () => {
  const tunnel = { mode: "tunnel" } as const;
  const first = { source: addresses.underlay.a, destination: addresses.underlay.b };
  const second = { source: addresses.gateway.a, destination: addresses.underlay.b };

  it("loses none of them", { timeout: 30_000 }, async () => {
    await guardBoth(bed(), subnetSelector("a"), tunnel);
    for (const from of ["a", "b"] as const)
      await installPair(bed(), from, from === "a" ? 0x1000 : 0x2000, { ...tunnel, replayWindow: 1024 });
    const stream = bed().run("a", `ping -n -q -i 0.002 -c 1000 -W 1 -I ${addresses.gateway.a} ${addresses.gateway.b}`);
    for (let round = 0; round < 40; round += 1) {
      const [from, to] = round % 2 === 0 ? [first, second] : [second, first];
      for (const end of ["b", "a"] as const) {
        const template = { protocol: "esp", mode: "tunnel", reqid, ...to } as const;
        const policy = guarded(end, "a", subnetSelector("a"));
        const direction = end === "a" ? "out" : "in";
        const policies = [{ ...policy, action: { kind: "protected", template } as const }];
        const move = { protocol: "esp", mode: "tunnel", reqid, direction, from, to, spis: [0x1000], policies } as const;
        must(await bed().request(end, { kind: "migrate", move }));
      }
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    expect(await stream).toMatch(/1000 packets transmitted, 1000 received/);
  });
});

describe("routes", () => {
  const route = { destination: { address: "10.9.0.0", length: 16 }, localSubnet: subnets.a, via: addresses.underlay.b };

  it("leave where packets to the peer leave, prefer the local subnet's address, and are marked as ours", async () => {
    must(await bed().request("a", { kind: "setRoute", route }));
    expect(await bed().run("a", "ip route show 10.9.0.0/16")).toMatch(
      /10\.9\.0\.0\/16 via 192\.0\.2\.2 dev u0 proto 85 src 10\.1\.0\.1/,
    );
    must(await bed().request("a", { kind: "deleteRoute", route }));
    expect(await bed().run("a", "ip route show 10.9.0.0/16")).toBe("");
  });

  it("take a peer's gateway from the host's routing, over IPv6 too", async () => {
    await bed().run("a", "ip route add 203.0.113.0/24 via 192.0.2.2; ip -6 route add 2001:db8:5::/48 via 2001:db8::2");
    must(await bed().request("a", { kind: "setRoute", route: { ...route, via: "203.0.113.9" } }));
    expect(await bed().run("a", "ip route show 10.9.0.0/16")).toMatch(/via 192\.0\.2\.2 dev u0 proto 85/);
    const six = {
      destination: { address: "fd00:9::", length: 32 },
      localSubnet: { address: "fd00:1::", length: 32 },
      via: "2001:db8:5::1",
    };
    must(await bed().request("a", { kind: "setRoute", route: six }));
    must(await bed().request("a", { kind: "setRoute", route: six }));
    expect(await bed().run("a", "ip -6 route show fd00:9::/32")).toMatch(
      /^fd00:9::\/32 via 2001:db8::2 dev u0 proto 85 src fd00:1::1 .*\n$/,
    );
    must(await bed().request("a", { kind: "deleteRoute", route: six }));
    must(await bed().request("a", { kind: "deleteRoute", route }));
    await bed().run("a", "ip route del 203.0.113.0/24; ip -6 route del 2001:db8:5::/48");
  });

  it("are refused in words where another owner has one, and where the peer cannot be reached", async () => {
    await bed().addForeignRoute("a", route.destination);
    const answer = await bed().request("a", { kind: "setRoute", route });
    expect(answer.kind === "refused" && answer.refusal.said).toMatch(
      /10\.9\.0\.0\/16 via 192\.0\.2\.2 dev \d+ proto 99/,
    );
    const lost = { ...route, destination: { address: "10.8.0.0", length: 16 }, via: "198.51.100.1" };
    expect(await bed().request("a", { kind: "setRoute", route: lost })).toMatchObject({
      refusal: { errno: "ENETUNREACH" },
    });
  });
});

describe("events", () => {
  it("tell of an overrun when they come faster than they are read", async () => {
    await setPolicy(bed(), "a", guarded("a", "a", subnetSelector("a")));
    // One acquire for each destination of the flood: more than the socket holds while nobody reads.
    const sent = 40_000;
    await bed().flood("a", sent);
    const events = await bed().events("a", sent);
    const count = (wanted: string) => events.filter(({ kind }) => kind === wanted).length;
    expect(count("overrun")).toBeGreaterThanOrEqual(1);
    expect(count("acquire")).toBeGreaterThan(1000);
    expect(count("acquire")).toBeLessThan(sent);
  }, 60_000);
});

describe("capabilities", () => {
  it("lack nothing here, for any algorithm of the table that has a kernel name, and leave nothing behind", async () => {
    const sha256 = integTransforms.find(({ keyword }) => keyword === "sha256");
    if (sha256 === undefined) throw new Error("no SHA-256");
    const needs: NeededSa[] = [
      ...usualNeeds,
      ...encrTransforms
        .filter(({ kernel }) => kernel !== undefined)
        .map((encr) => ({ protocol: "esp", family: 4, encr, ...(encr.aead ? {} : { integ: sha256 }) }) as const),
      ...integTransforms
        .filter(({ kernel }) => kernel !== undefined)
        .map((integ) => ({ protocol: "ah", family: 6, integ }) as const),
    ];
    expect(
      bed()
        .within("a", () => findLacks(needs))
        .map(({ sentence }) => sentence),
    ).toEqual([]);
    expect(await bed().run("a", "ip xfrm state")).toBe("");
  }, 60_000);

  it("name an algorithm that is not there", () => {
    const row = encrTransforms.find(({ keyword }) => keyword === "aes128gcm16");
    if (row === undefined) throw new Error("no AES-GCM");
    const encr = { ...row, keyword: "nothing", kernel: { kind: "aead", name: "rfc4106(gcm(nothing))" } as const };
    expect(bed().within("a", () => findLacks([{ protocol: "esp", family: 4, encr }]))).toMatchObject([
      {
        kind: "no-algorithm",
        errno: "ENOSYS",
        sentence: expect.stringContaining("cannot do nothing for ESP over IPv4"),
      },
    ]);
  });
});

describe("hazards", () => {
  const query: HazardQuery = {
    peers: [addresses.underlay.b, addresses.underlay6.b],
    locksEverybody: false,
    tunnels: [subnetSelector("a")],
    own: [],
    vxlan: [{ port: 4789, locked: false }],
  };
  const hazards = async (more: Partial<HazardQuery> = {}) =>
    (await bed().within("a", () => findHazards({ ...query, ...more }))).hazards;

  it("are none on a host as it should be", async () => {
    const report = await bed().within("a", () => findHazards(query));
    expect(report.hazards).toEqual([]);
    expect(report.looked).toContainEqual(expect.stringMatching(/^sysctl of all, u0$/));
    expect(report.looked).toContainEqual(expect.stringMatching(/^nft -j list ruleset/));
  });

  it("are settings that switch IPsec off on the way to a peer, and really do", { timeout: 60_000 }, async () => {
    await setPolicy(bed(), "a", locked(gre, "out"));
    for (const [device, kind] of [
      ["u0", "disable_xfrm"],
      ["u0", "disable_policy"],
      ["all", "disable_policy"],
    ] as const) {
      await bed().run("a", `echo 1 >/proc/sys/net/ipv4/conf/${device}/${kind}`);
      const [hazard, ...more] = await hazards();
      await bed().run("a", `echo 0 >/proc/sys/net/ipv4/conf/${device}/${kind}`);
      expect(more).toEqual([]);
      expect(hazard).toMatchObject({ kind, device, remedy: `sysctl -w net.ipv4.conf.${device}.${kind}=0` });
    }
    await bed().run("a", "echo 1 >/proc/sys/net/ipv4/conf/u0/disable_xfrm");
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "clear" });
    await bed().run("a", "echo 0 >/proc/sys/net/ipv4/conf/u0/disable_xfrm");
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing" });
  });

  it("are every device's settings where a lock is towards everybody", async () => {
    await bed().run("a", "echo 1 >/proc/sys/net/ipv6/conf/lan0/disable_policy");
    expect(await hazards()).toEqual([]);
    expect(await hazards({ locksEverybody: true })).toMatchObject([{ kind: "disable_policy", device: "lan0" }]);
    await bed().run("a", "echo 0 >/proc/sys/net/ipv6/conf/lan0/disable_policy");
  });

  it("are VXLAN groups and forwarding entries to strangers", async () => {
    await bed().run(
      "a",
      [
        "ip link add vxa type vxlan id 1 remote 192.0.2.2 dstport 4789 dev u0",
        "ip link add vxb type vxlan id 2 group 239.1.1.1 dstport 4789 dev u0",
        "ip link add vxc type vxlan id 3 remote 192.0.2.3 dstport 8472 dev u0",
        "bridge fdb append 00:00:00:00:00:00 dev vxa dst 192.0.2.3",
        "bridge fdb append 02:00:00:00:00:07 dev vxa dst 192.0.2.2",
      ].join("; "),
    );
    const found = await hazards();
    const locked = await hazards({ vxlan: [{ port: 8472, locked: true }] });
    await bed().run("a", "for d in vxa vxb vxc; do ip link del $d; done");
    expect(found.map(({ kind, device, detail }) => ({ kind, device, detail }))).toEqual([
      { kind: "vxlan-vtep", device: "vxa", detail: "vxa 00:00:00:00:00:00 dst 192.0.2.3" },
      { kind: "vxlan-group", device: "vxb", detail: "vxb remote 239.1.1.1" },
    ]);
    expect(found[0]?.sentence).toMatch(/sends to 192\.0\.2\.3, which is no peer's address, which leaves in clear/);
    expect(locked).toMatchObject([
      { device: "vxc", sentence: expect.stringMatching(/which the lock on this port drops$/) },
    ]);
  });
});
