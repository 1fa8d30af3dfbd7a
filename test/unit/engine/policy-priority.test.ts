import { describe, expect, test } from "vitest";
import { exemptPriority, policyPriority } from "../../../src/engine/policy-priority.ts";
import { ipProtocol, type Selector } from "../../../src/negotiate/selector.ts";

const { any, udp } = ipProtocol;

function selector(source: string, destination: string, more: Partial<Selector> = {}): Selector {
  const prefix = (text: string) => {
    const [address = "", length] = text.split("/");
    return { address, length: Number(length) };
  };
  return { source: prefix(source), destination: prefix(destination), protocol: any, ...more };
}

const hosts = ["192.0.2.1/32", "192.0.2.2/32"] as const;

describe("the lower value wins", () => {
  test.each<[string, Selector, Selector]>([
    ["hosts over subnets", selector(...hosts), selector("192.0.2.0/24", "192.0.2.2/32", { protocol: udp })],
    ["a subnet over everything", selector("10.1.0.0/16", "10.2.0.0/16"), selector("0.0.0.0/0", "0.0.0.0/0")],
    ["one protocol over any", selector(...hosts, { protocol: udp }), selector(...hosts)],
    [
      "a destination port over none",
      selector(...hosts, { protocol: udp, destinationPort: 4789 }),
      selector(...hosts, { protocol: udp }),
    ],
    [
      "a source port over none",
      selector(...hosts, { protocol: udp, sourcePort: 4789 }),
      selector(...hosts, { protocol: udp }),
    ],
    [
      "both ports over one",
      selector(...hosts, { protocol: udp, sourcePort: 4789, destinationPort: 4789 }),
      selector(...hosts, { protocol: udp, destinationPort: 4789 }),
    ],
    [
      // A packet from 4789 to 4789 matches both, and the two ends have to take the same one.
      "to VXLAN's port over from it",
      selector(...hosts, { protocol: udp, destinationPort: 4789 }),
      selector(...hosts, { protocol: udp, sourcePort: 4789 }),
    ],
    [
      "a peer's line over the lock towards everybody",
      selector(...hosts, { protocol: udp, sourcePort: 4789 }),
      selector("0.0.0.0/0", "0.0.0.0/0", { protocol: udp, destinationPort: 4789 }),
    ],
  ])("%s", (_, winner, loser) => {
    expect(policyPriority(winner)).toBeLessThan(policyPriority(loser));
  });

  test("as narrow over IPv6 as over IPv4", () => {
    const ipv6 = selector("2001:db8::1/128", "2001:db8::2/128", { protocol: udp });
    expect(policyPriority(ipv6)).toBe(policyPriority(selector(...hosts, { protocol: udp })));
  });

  test("neighbour discovery before all", () => {
    const narrowest = selector(...hosts, { protocol: udp, sourcePort: 1, destinationPort: 1 });
    expect(exemptPriority).toBeLessThan(policyPriority(narrowest));
  });
});
