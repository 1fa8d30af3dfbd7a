import { describe, expect, it } from "vitest";
import { lockPolicies } from "../../../src/engine/policies.ts";
import { formatSelector } from "../../../src/negotiate/selector.ts";
import type { PeerDesired } from "../../../src/sa/desired.ts";
import { peer } from "./desired.ts";

describe("the policies of a desired state", () => {
  const locks = (...peers: PeerDesired[]) =>
    lockPolicies({ local: { locks: [] }, peers }).map(
      ({ selector, direction, action }) => `${direction} ${formatSelector(selector)} ${action.kind}`,
    );

  it("keep ICMPv6's port unreachable from a peer whose GRE over IPv6 is protected, and nothing of the kind over IPv4", () => {
    const gre = [
      "out 2001:db8::1/128 -> 2001:db8::2/128 gre locked",
      "in 2001:db8::2/128 -> 2001:db8::1/128 gre locked",
    ];
    const unreachable = locks(peer("2001:db8::1", "2001:db8::2")).filter((policy) => !gre.includes(policy));
    expect(unreachable).toEqual([expect.stringMatching(/^out 2001:db8::1\/128 -> 2001:db8::2\/128 icmpv6 .*locked$/)]);
    expect(locks(peer("192.0.2.1", "192.0.2.2"))).toHaveLength(2);
    expect(locks(peer("2001:db8::1", "2001:db8::2", { protect: [{ kind: "vxlan", port: 4789 }] })).join()).not.toMatch(
      /icmp/,
    );
  });
});
