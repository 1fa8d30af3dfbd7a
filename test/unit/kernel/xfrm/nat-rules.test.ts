import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { readIptablesSave } from "../../../../src/kernel/xfrm/iptables-save.ts";
import { natHazards } from "../../../../src/kernel/xfrm/nat-hazards.ts";
import { catchingRule, type NatRules } from "../../../../src/kernel/xfrm/nat-rules.ts";
import { readNftRuleset } from "../../../../src/kernel/xfrm/nft-ruleset.ts";

function fixture(name: string): string {
  return readFileSync(new URL(`fixtures/${name}`, import.meta.url), "utf8");
}

function prefix(text: string) {
  const [address = "", length] = text.split("/");
  return { address, length: Number(length) };
}

/** "surely PLACE", "perhaps PLACE" or "no", for packets from one subnet to the other on a device. */
function caught(rules: NatRules, from: string, to: string, device: string, protocol = 0): string {
  const selector = { source: prefix(from), destination: prefix(to), protocol };
  const found = catchingRule(rules, selector, device);
  return found === undefined ? "no" : `${found.surely ? "surely" : "perhaps"} ${found.rule.place}`;
}

describe("source NAT of nft", () => {
  const rules = readNftRuleset(fixture("nft-ruleset.json"), { skipIptables: true });
  const post = (handle: number) => `nft table ip nat, chain post, handle ${handle}`;

  it("catches what a rule covers on its device", () => {
    expect(caught(rules, "10.1.0.0/16", "10.9.0.0/16", "eth0")).toBe(`surely ${post(5)}`);
    expect(caught(rules, "10.1.4.0/24", "10.9.0.0/16", "eth0")).toBe(`surely ${post(5)}`);
  });

  it("lets pass what an earlier rule accepts", () => {
    expect(caught(rules, "10.1.0.0/16", "10.2.0.0/16", "eth0")).toBe("no");
    expect(caught(rules, "10.1.0.0/16", "10.0.0.0/14", "eth0")).toBe(`surely ${post(5)}`);
  });

  it("understands negations, ranges and wildcards", () => {
    expect(caught(rules, "172.16.0.0/16", "10.9.0.0/16", "eth7")).toBe(`surely ${post(7)}`);
    expect(caught(rules, "172.16.0.0/16", "10.3.5.0/24", "eth7", 6)).toBe("no");
    expect(caught(rules, "172.16.0.0/16", "10.7.3.0/24", "lo7")).toBe("no");
  });

  it("follows jumps, and asks the protocol", () => {
    expect(caught(rules, "172.16.0.0/16", "10.3.5.0/24", "eth7", 17)).toMatch(/^surely nft table ip nat, chain sub/);
    expect(caught(rules, "172.16.0.0/16", "10.3.5.0/24", "eth7", 47)).toBe(`surely ${post(11)}`);
    expect(caught(rules, "172.16.0.0/16", "10.3.5.0/24", "eth7")).toMatch(/^perhaps nft table ip nat, chain sub/);
  });

  it("knows that packets without IPsec are not ours", () => {
    // Handle 9 masquerades what no policy covers; without that condition it would catch everything.
    expect(caught(rules, "172.16.0.0/16", "10.3.5.0/24", "lo7", 6)).toBe("no");
  });

  it("keeps the families apart", () => {
    const inet = "nft table inet f, chain post, handle";
    expect(caught(rules, "fd00:1::/32", "fd00:2::/32", "eth1")).toBe(`surely ${inet} 3`);
    expect(caught(rules, "fd00:1::/32", "fd00:2::/32", "eth2")).toBe("no");
    expect(caught(rules, "10.0.0.64/26", "10.3.0.0/24", "lo", 6)).toBe(`perhaps ${post(12)}`);
    expect(caught(rules, "10.0.0.64/26", "10.3.0.0/24", "lo7", 6)).toBe(`surely ${inet} 4`);
  });
});

describe("source NAT of iptables", () => {
  const rules = readIptablesSave(fixture("iptables-save.txt"), 4);

  it("lets pass everything where the first rule accepts what IPsec covers", () => {
    expect(caught(rules, "10.1.0.0/16", "10.9.0.0/16", "eth0")).toBe("no");
  });

  const without = readIptablesSave(fixture("iptables-save.txt").replace(/.*--pol ipsec.*\n/, ""), 4);

  it("catches, excepts and follows chains", () => {
    expect(caught(without, "10.1.0.0/16", "10.9.0.0/16", "eth0")).toMatch(
      /^surely iptables -t nat: -A POSTROUTING -s 10/,
    );
    expect(caught(without, "10.1.0.0/16", "10.9.0.0/16", "ppp0")).toMatch(/^perhaps .*--dports 53/);
    expect(caught(without, "10.1.0.0/16", "10.9.0.0/16", "ppp0", 6)).toBe("no");
    expect(caught(without, "10.5.0.0/16", "10.2.0.0/16", "eth0")).toBe("no");
    expect(caught(without, "172.17.1.0/24", "10.9.0.0/16", "docker0", 6)).toBe("no");
    expect(caught(without, "172.17.1.0/24", "10.9.0.0/16", "eth5", 6)).toMatch(/^surely .* -s 172/);
  });

  it("takes a chain's rules for packets without IPsec as harmless, and others as not", () => {
    expect(caught(without, "10.5.0.0/16", "10.9.0.0/16", "eth0", 6)).toBe("no");
    const open = readIptablesSave("*nat\n-A POSTROUTING -j X\n-A X -o eth0 -j MASQUERADE\nCOMMIT\n", 4);
    expect(caught(open, "10.5.0.0/16", "10.9.0.0/16", "eth0", 6)).toMatch(/^surely .*-A X/);
  });

  it("reads the rules of IPv6", () => {
    const six = readIptablesSave(fixture("ip6tables-save.txt"), 6);
    expect(caught(six, "fd00:1::/32", "fd00:2::/32", "eth0")).toMatch(/^surely ip6tables/);
    expect(caught(six, "10.1.0.0/16", "10.9.0.0/16", "eth0")).toBe("no");
  });

  it("is read from nft's list too, with the matches of iptables as doubts", () => {
    const text = fixture("nft-ruleset-of-iptables.json");
    const nft = readNftRuleset(text, { skipIptables: false });
    expect(caught(nft, "10.1.0.0/16", "10.9.0.0/16", "eth0")).toMatch(/handle 5$/);
    expect(readNftRuleset(text, { skipIptables: true }).roots).toEqual([]);
  });
});

describe("a NAT hazard", () => {
  it("names the rule, the tunnel and the device, and says how to exempt the tunnel", () => {
    const rules = readNftRuleset(fixture("nft-ruleset.json"), { skipIptables: true });
    const tunnel = { source: prefix("10.1.0.0/16"), destination: prefix("10.9.0.0/16"), protocol: 0 };
    const exempt = () => "exempt";
    expect(natHazards([{ rules, exempt }], { tunnels: [tunnel], own: [] }, ["eth0", "lo7"], () => [])).toEqual([
      {
        kind: "source-nat",
        device: "eth0",
        detail: "nft table ip nat, chain post, handle 5",
        sentence:
          'the NAT rule "nft table ip nat, chain post, handle 5" rewrites the source of 10.1.0.0/16 -> 10.9.0.0/16 on eth0, and what it has rewritten leaves in clear',
        remedy: "exempt",
      },
      expect.objectContaining({ device: "lo7", sentence: expect.stringContaining("may rewrite") }),
    ]);
  });
});

describe("source NAT of what the host itself sends", () => {
  const [here, there] = ["192.0.2.1", "192.0.2.2"];
  const selector = { source: prefix(`${here}/32`), destination: prefix(`${there}/32`), protocol: 47 };
  const seen = (rule: string, { locked = false, addresses = [here, "192.0.2.61"] } = {}) =>
    natHazards(
      [{ rules: readIptablesSave(`*nat\n-A POSTROUTING ${rule}\nCOMMIT\n`, 4), exempt: () => "exempt" }],
      { tunnels: [], own: [{ selector, locked }] },
      ["eth0"],
      () => addresses,
    ).map(({ sentence }) => sentence);

  it("is a hazard, and what stops it is named", () => {
    const rule = "-o eth0 -j SNAT --to-source 192.0.2.61";
    const begin = `the NAT rule "iptables -t nat: -A POSTROUTING ${rule}" rewrites the source of 192.0.2.1/32 -> 192.0.2.2/32 gre on eth0, and what it has rewritten`;
    expect(seen(rule)).toEqual([`${begin} leaves in clear, for local.lock does not name it`]);
    expect(seen(rule, { locked: true })).toEqual([`${begin} is stopped by local.lock`]);
  });

  it.each([
    "-o eth0 -j MASQUERADE",
    "-j SNAT --to-source 192.0.2.60-192.0.2.61",
    "-j SNAT --to-source 192.0.2.1-192.0.2.2",
    "-p gre -j SNAT --to-source 192.0.2.61",
    "-s 192.0.2.0/24 ! -d 10.0.0.0/8 -j MASQUERADE --random-fully",
    "-j NETMAP --to 198.51.100.0/24",
  ])("is seen in %s", (rule) => expect(seen(rule)).toHaveLength(1));

  it.each([
    "-o eth0 -j SNAT --to-source 192.0.2.1",
    "-s 172.17.0.0/16 ! -o docker0 -j MASQUERADE",
    "-p udp -j SNAT --to-source 192.0.2.61",
    "-d 198.51.100.0/24 -j MASQUERADE",
    "-m policy --dir out --pol none -j SNAT --to-source 192.0.2.61",
  ])("is not seen in %s", (rule) => expect(seen(rule)).toEqual([]));

  it("is none where the device has no other address to give", () => {
    const addresses = [here, "2001:db8::1"];
    expect(seen("-o eth0 -j MASQUERADE", { addresses })).toEqual([]);
    expect(seen("-o eth0 -j MASQUERADE", { addresses: [] })).toHaveLength(1);
  });

  it("is read from nft's list", () => {
    const list = (statement: object) =>
      JSON.stringify({
        nftables: [
          {
            chain: {
              family: "ip",
              table: "nat",
              name: "post",
              type: "nat",
              hook: "postrouting",
              prio: 100,
              policy: "accept",
            },
          },
          { rule: { family: "ip", table: "nat", chain: "post", handle: 3, expr: [statement] } },
        ],
      });
    const hazards = (statement: object) =>
      natHazards(
        [{ rules: readNftRuleset(list(statement), { skipIptables: true }), exempt: () => "exempt" }],
        { tunnels: [], own: [{ selector, locked: false }] },
        ["eth0"],
        () => [here],
      ).length;
    expect(hazards({ snat: { addr: "192.0.2.61" } })).toBe(1);
    expect(hazards({ snat: { addr: { range: ["192.0.2.1", "192.0.2.2"] } } })).toBe(1);
    expect(hazards({ snat: { addr: here } })).toBe(0);
    expect(hazards({ masquerade: null })).toBe(0);
  });
});
