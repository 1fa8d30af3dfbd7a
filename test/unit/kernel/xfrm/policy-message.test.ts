import { describe, expect, it } from "vitest";
import type { Policy, PolicyDirection, PolicyTemplate } from "../../../../src/kernel/port.ts";
import { policyFromXfrm, policyMessage } from "../../../../src/kernel/xfrm/policy-message.ts";
import {
  encodeRequest,
  newPolicy,
  POLICY_FLAG,
  type Policy as XfrmPolicy,
} from "../../../../src/netlink-xfrm/index.ts";

const directions: readonly PolicyDirection[] = ["out", "in", "forward"];
const template: PolicyTemplate = {
  protocol: "esp",
  mode: "tunnel",
  reqid: 0x5500_0001,
  source: "192.0.2.1",
  destination: "192.0.2.2",
};

function policy(direction: PolicyDirection, action: Policy["action"]): Policy {
  const selector = {
    source: { address: "10.1.0.0", length: 16 },
    destination: { address: "10.2.0.0", length: 16 },
    protocol: 0,
  };
  return { selector, direction, priority: 1000, action };
}

function protecting(direction: PolicyDirection, more: Partial<PolicyTemplate> = {}): Policy {
  return policy(direction, { kind: "protected", template: { ...template, ...more } });
}

/** The kernel's answer for what we sent. */
function seen(sent: Policy): XfrmPolicy {
  return policyMessage(sent, 0x5500_0000) as unknown as XfrmPolicy;
}

describe("a policy as a message to Linux", () => {
  it.each(directions)("demands its one template: nothing passes %s without an SA", (direction) => {
    const { action, templates = [] } = policyMessage(protecting(direction), 0x5500_0000);
    expect(action).toBe("allow");
    expect(templates).toEqual([{ ...template, family: 2, optional: false }]);
    // struct xfrm_user_tmpl: "optional" is the octet at 50, behind the message's header, the policy and the attribute's.
    const octets = encodeRequest(newPolicy(policyMessage(protecting(direction), 0x5500_0000)));
    expect(octets[16 + 168 + 4 + 50]).toBe(0);
  });

  it.each([
    ["out", false],
    ["in", true],
    ["forward", true],
  ] as const)("may do without IPComp %s: %s, and never without the ESP around it", (direction, without) => {
    const { templates = [] } = policyMessage(protecting(direction, { compressed: true }), 0x5500_0000);
    expect(templates.map(({ protocol, mode, optional }) => [protocol, mode, optional])).toEqual([
      ["comp", "tunnel", without],
      ["esp", "transport", false],
    ]);
  });

  it.each(directions)(
    "goes from the inside out with AH around ESP, and the innermost makes the tunnel: %s",
    (direction) => {
      const listed = (companions: Partial<PolicyTemplate>) =>
        policyMessage(protecting(direction, { withAh: true, ...companions }), 0x5500_0000).templates?.map(
          ({ protocol, mode, optional }) => [protocol, mode, optional],
        );
      expect(listed({})).toEqual([
        ["esp", "tunnel", false],
        ["ah", "transport", false],
      ]);
      expect(listed({ compressed: true })).toEqual([
        ["comp", "tunnel", direction !== "out"],
        ["esp", "transport", false],
        ["ah", "transport", false],
      ]);
    },
  );

  it.each(directions)("drops without any template where it is locked, %s", (direction) => {
    const message = policyMessage(policy(direction, { kind: "locked" }), 0x5500_0000);
    expect(message).toMatchObject({ action: "block", direction: direction === "forward" ? "fwd" : direction });
    expect(message).not.toHaveProperty("templates");
  });

  it("has our own ICMP errors go its way, unless it lets everything pass", () => {
    const flagsOf = (action: Policy["action"]) => policyMessage(policy("out", action), 0x5500_0000).flags;
    expect(flagsOf({ kind: "locked" })).toBe(POLICY_FLAG.icmp);
    expect(flagsOf({ kind: "protected", template })).toBe(POLICY_FLAG.icmp);
    expect(flagsOf({ kind: "exempt" })).toBe(0);
  });
});

describe("a policy that Linux lists", () => {
  const all = directions.flatMap((direction) => [
    policy(direction, { kind: "locked" }),
    policy(direction, { kind: "exempt" }),
    protecting(direction),
    protecting(direction, { compressed: true }),
    protecting(direction, { protocol: "ah", mode: "transport" }),
    protecting(direction, { withAh: true }),
    protecting(direction, { withAh: true, compressed: true, mode: "transport" }),
  ]);

  it.each(all)("reads as it was set: $direction $action", (sent) => {
    expect(policyFromXfrm(seen(sent))).toEqual(sent);
  });

  it("is none of ours where ESP stands around AH, or AH may be left out", () => {
    const listed = seen(protecting("in", { withAh: true }));
    const [esp, ah] = listed.templates ?? [];
    if (esp === undefined || ah === undefined) throw new Error("no templates");
    expect(policyFromXfrm({ ...listed, templates: [ah, esp] })).toBeUndefined();
    expect(policyFromXfrm({ ...listed, templates: [esp, { ...ah, optional: true }] })).toBeUndefined();
    expect(policyFromXfrm({ ...listed, templates: [esp, esp] })).toBeUndefined();
  });

  it("is none of ours where packets may go without its template", () => {
    const listed = seen(protecting("in"));
    const templates = listed.templates?.map((one) => ({ ...one, optional: true }));
    expect(policyFromXfrm({ ...listed, ...(templates && { templates }) })).toBeUndefined();
  });
});
