import { describe, expect, it } from "vitest";
import { PolicyUsers, policyLookup } from "../../../src/engine/policy-users.ts";
import type { Policy } from "../../../src/kernel/port.ts";
import type { ChildSa } from "../../../src/sa/child-sa.ts";
import { peer } from "./desired.ts";

const [desired] = peer("192.0.2.1", "192.0.2.2").children;
const inside = { address: "10.1.0.0", length: 16 };
const outside = { address: "10.2.0.0", length: 16 };
const outbound = "out 10.1.0.0/16 -> 10.2.0.0/16";
const inbound = "in 10.2.0.0/16 -> 10.1.0.0/16";

function pair(spiIn: number, remote: string): ChildSa {
  const selectors = [{ source: inside, destination: outside, protocol: 0 }];
  return { desired, spiIn, reqid: 1, mode: "tunnel", local: "192.0.2.1", remote, selectors } as unknown as ChildSa;
}

function used(isShared: boolean, ...children: readonly ChildSa[]): PolicyUsers {
  const users = new PolicyUsers(() => isShared);
  for (const child of children) for (const key of [outbound, inbound]) users.add(key, child);
  return users;
}

function ends(policy: Policy | undefined): string | undefined {
  if (policy?.action.kind !== "protected") return policy?.action.kind;
  return `${policy.action.template.source} > ${policy.action.template.destination}`;
}

describe("policies of two tunnels that carry the same packets elsewhere", () => {
  const before = pair(1, "192.0.2.2");
  const after = pair(2, "198.51.100.2");

  it("outbound follow the newest that is sent on", () => {
    const users = used(false, before, after);
    const leadsTo = () => ends(users.inForce(outbound, policyLookup()));
    expect(leadsTo()).toBe("192.0.2.1 > 198.51.100.2");
    users.sends(after, false);
    expect(leadsTo()).toBe("192.0.2.1 > 192.0.2.2");
    users.sends(before, false);
    expect(leadsTo()).toBe(undefined);
    users.sends(after, true);
    expect(leadsTo()).toBe("192.0.2.1 > 198.51.100.2");
  });

  it("inbound take what comes on either, until what was sent on the former has had its time", () => {
    const users = used(false, before, after);
    const takes = () => ends(users.inForce(inbound, policyLookup()));
    expect(takes()).toBe("0.0.0.0 > 0.0.0.0");
    users.delete(inbound, before);
    users.linger(inbound, before);
    expect(takes()).toBe("0.0.0.0 > 0.0.0.0");
    expect(users.lingered(inbound, before)).toBe(true);
    expect(takes()).toBe("198.51.100.2 > 192.0.2.1");
    expect(users.lingered(inbound, before)).toBe(false);
  });

  it("inbound take what a former run's SAs receive too", () => {
    const users = used(false, after);
    const served = used(false, before).inForce(inbound, policyLookup());
    expect(ends(users.inForce(inbound, policyLookup(), served))).toBe("0.0.0.0 > 0.0.0.0");
    expect(ends(used(false, before).inForce(inbound, policyLookup(), served))).toBe("192.0.2.2 > 192.0.2.1");
  });

  it("inbound take the newest's alone where many hosts call: another of them could send in its name", () => {
    expect(ends(used(true, before, after).inForce(inbound, policyLookup()))).toBe("198.51.100.2 > 192.0.2.1");
  });
});
