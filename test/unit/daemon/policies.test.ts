import { describe, expect, it } from "vitest";
import { installLocks, removeOurPolicies } from "../../../src/daemon/policies.ts";
import type { Policy } from "../../../src/kernel/port.ts";
import type { ClearPacket } from "../../../src/kernel/simulated/packet.ts";
import { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import { hostPrefix } from "../../../src/negotiate/address.ts";
import { ipProtocol } from "../../../src/negotiate/selector.ts";

const ours = "192.0.2.1";

function policy(remote: string, direction: "in" | "out" = "out"): Policy {
  const [source, destination] = direction === "out" ? [ours, remote] : [remote, ours];
  return {
    selector: { source: hostPrefix(source), destination: hostPrefix(destination), protocol: ipProtocol.gre },
    direction,
    priority: 1000,
    action: { kind: "locked" },
  };
}

function kernel() {
  return new SimulatedKernel({ addresses: [ours] });
}

const gre: ClearPacket = { source: ours, destination: "192.0.2.2", protocol: ipProtocol.gre };
const both = [policy("192.0.2.2"), policy("192.0.2.2", "in")];

describe("lock", () => {
  it("stops what passed before, and does nothing the second time", async () => {
    const host = kernel();
    expect(host.wouldPass(gre)).toBe("clear");
    expect(await installLocks(host, both)).toEqual({ installed: 2, stood: 0, foreign: 0, refused: [] });
    expect(host.wouldPass(gre)).toBe("no");
    const before = host.journal.length;
    expect(await installLocks(host, both)).toEqual({ installed: 0, stood: 2, foreign: 0, refused: [] });
    expect(host.journal.slice(before).map((request) => request.kind)).toEqual(["listPolicies"]);
  });

  it("leaves a protecting policy of ours as it is", async () => {
    const host = kernel();
    const template = {
      protocol: "esp",
      mode: "transport",
      reqid: 0x5500_0001,
      source: ours,
      destination: "192.0.2.2",
    } as const;
    const protecting: Policy = { ...policy("192.0.2.2"), action: { kind: "protected", template } };
    host.request({ kind: "setPolicy", policy: protecting });
    expect(await installLocks(host, both)).toMatchObject({ installed: 1, stood: 1 });
    const answer = host.request({ kind: "listPolicies" });
    expect(answer.kind === "policies" && answer.policies[0]?.action.kind).toBe("protected");
  });

  it("counts policies of ours that the file does not ask for, and goes on after a refusal", async () => {
    const host = kernel();
    await installLocks(host, [policy("192.0.2.9")]);
    host.addForeignPolicy(policy("192.0.2.2"), "somebody else");
    expect(await installLocks(host, both)).toMatchObject({
      installed: 1,
      stood: 0,
      foreign: 1,
      refused: [{ policy: both[0], refusal: { errno: "EEXIST" } }],
    });
  });
});

describe("unlock", () => {
  it("removes ours and leaves the others'", async () => {
    const host = kernel();
    await installLocks(host, both);
    host.addForeignPolicy(policy("192.0.2.3"), "somebody else");
    expect(await removeOurPolicies(host)).toBe(2);
    expect(host.wouldPass(gre)).toBe("clear");
    expect(host.wouldPass({ ...gre, destination: "192.0.2.3" })).toBe("no");
    expect(await removeOurPolicies(host)).toBe(0);
  });

  it("takes a policy that went meanwhile for gone, and stops at any other refusal", async () => {
    const host = kernel();
    await installLocks(host, both);
    host.failNext("deletePolicy", "ENOENT");
    expect(await removeOurPolicies(host)).toBe(1);
    host.failNext("deletePolicy", "EPERM");
    await expect(removeOurPolicies(host)).rejects.toThrow("the kernel refused to delete a policy: EPERM");
    host.failNext("listPolicies", "EPERM");
    await expect(removeOurPolicies(host)).rejects.toThrow("the kernel refused to list its policies: EPERM");
  });
});
