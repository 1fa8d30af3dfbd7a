import { expect, it } from "vitest";
import type { Policy } from "../../../src/kernel/port.ts";
import { anyPrefix } from "../../../src/negotiate/address.ts";
import { formatSelector, reverseSelector } from "../../../src/negotiate/selector.ts";
import { addresses, type Bed, subnets } from "./bed.ts";
import {
  exempt,
  greSelector,
  guarded,
  locked,
  must,
  refusal,
  setPolicy,
  subnetSelector,
  udpSelector,
} from "./requests.ts";

/** Requests about policies and routes. */
export function policyRequests(bed: () => Bed): void {
  const list = async (): Promise<Policy[]> => {
    const answer = must(await bed().request("a", { kind: "listPolicies" }));
    if (answer.kind !== "policies") throw new Error(`listPolicies is answered by ${answer.kind}`);
    return [...answer.policies].sort((x, y) => (nameOf(x) < nameOf(y) ? -1 : 1));
  };

  it("lists what was set, in every direction, state and family", async () => {
    const tunnel = { mode: "tunnel" } as const;
    const backwards = reverseSelector(subnetSelector("a"));
    const inbound = guarded("a", "b", backwards, tunnel);
    const policies: Policy[] = [
      guarded("a", "a", greSelector("a")),
      guarded("a", "b", greSelector("b")),
      guarded("a", "a", subnetSelector("a"), tunnel),
      inbound,
      { ...inbound, direction: "forward" },
      guarded("a", "a", greSelector("a", "underlay6"), { scope: "underlay6", protocol: "ah" }),
      locked(udpSelector("a", 4789), "out"),
      locked({ source: anyPrefix(6), destination: anyPrefix(6), protocol: 17, destinationPort: 4789 }, "in"),
      exempt({ source: anyPrefix(6), destination: anyPrefix(6), protocol: 58, sourcePort: 135 }, "out", {
        priority: 1,
      }),
      locked({ ...udpSelector("a", 0), sourcePort: 4789, destinationPort: undefined }, "out", { priority: 5 }),
    ];
    await setPolicy(bed(), "a", ...policies);
    expect(await list()).toEqual(policies.sort((x, y) => (nameOf(x) < nameOf(y) ? -1 : 1)));
  });

  it("changes a policy in place", async () => {
    await setPolicy(bed(), "a", locked(greSelector("a"), "out"));
    await setPolicy(bed(), "a", guarded("a", "a", greSelector("a"), { priority: 7 }));
    expect(await list()).toEqual([guarded("a", "a", greSelector("a"), { priority: 7 })]);
    await setPolicy(bed(), "a", locked(greSelector("a"), "out"));
    expect(await list()).toEqual([locked(greSelector("a"), "out")]);
  });

  it("takes prefixes with host bits for the prefix they are in", async () => {
    const loose = { ...subnetSelector("a"), source: { address: "10.1.200.3", length: 16 } };
    await setPolicy(bed(), "a", locked(loose, "out"));
    await setPolicy(bed(), "a", locked(subnetSelector("a"), "out"));
    expect(await list()).toEqual([locked(subnetSelector("a"), "out")]);
    expect(await bed().request("a", { kind: "deletePolicy", selector: loose, direction: "out" })).toEqual({
      kind: "done",
    });
  });

  it("deletes a policy once", async () => {
    await setPolicy(bed(), "a", locked(greSelector("a"), "out"), locked(greSelector("b"), "in"));
    const request = { kind: "deletePolicy", selector: greSelector("a"), direction: "out" } as const;
    expect(await bed().request("a", { ...request, direction: "in" })).toMatchObject(refusal("deletePolicy", "ENOENT"));
    expect(await bed().request("a", request)).toEqual({ kind: "done" });
    expect(await bed().request("a", request)).toMatchObject(refusal("deletePolicy", "ENOENT"));
    expect(await list()).toEqual([locked(greSelector("b"), "in")]);
  });

  it("refuses to touch another owner's policy, names it, and takes it back when it is gone", async () => {
    const foreign = locked(greSelector("a"), "out", { priority: 4242 });
    await bed().addForeignPolicy("a", foreign);
    const mine = guarded("a", "a", greSelector("a"));
    const answer = await bed().request("a", { kind: "setPolicy", policy: mine });
    expect(answer).toMatchObject(refusal("setPolicy", "EEXIST"));
    expect(
      await bed().request("a", { kind: "deletePolicy", selector: greSelector("a"), direction: "out" }),
    ).toMatchObject(refusal("deletePolicy", "ENOENT"));
    expect(await list()).toEqual([]);
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutPolBlock"] });
  });

  it("keeps policies of one selector in different directions apart", async () => {
    await setPolicy(bed(), "a", locked(subnetSelector("b"), "in"), locked(subnetSelector("b"), "forward"));
    await bed().addForeignPolicy("a", locked(subnetSelector("b"), "out"));
    expect((await list()).map(({ direction }) => direction).sort()).toEqual(["forward", "in"]);
  });

  it("refuses templates and selectors that cannot be", async () => {
    const template = guarded("a", "a", greSelector("a"));
    const faults: Policy[] = [
      guarded("a", "a", greSelector("a"), { reqid: 1 }),
      guarded("a", "a", greSelector("a", "underlay6")),
      locked({ ...greSelector("a"), destination: anyPrefix(6) }, "out"),
      { ...template, direction: "forward" },
    ];
    for (const policy of faults)
      expect(await bed().request("a", { kind: "setPolicy", policy }), nameOf(policy)).toMatchObject(
        refusal("setPolicy", "EINVAL"),
      );
    expect(await list()).toEqual([]);
  });

  it("sets a route only where this host has an address in the local subnet, and deletes it once", async () => {
    const route = {
      destination: { address: "10.9.0.0", length: 16 },
      localSubnet: subnets.a,
      via: addresses.underlay.b,
    };
    expect(await bed().request("a", { kind: "deleteRoute", route })).toMatchObject(refusal("deleteRoute", "ESRCH"));
    const elsewhere = { ...route, localSubnet: { address: "10.77.0.0", length: 16 } };
    expect(await bed().request("a", { kind: "setRoute", route: elsewhere })).toEqual({
      kind: "done",
      skipped: "no-local-address",
    });
    expect(await bed().request("a", { kind: "setRoute", route })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "setRoute", route })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "deleteRoute", route })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "deleteRoute", route })).toMatchObject(refusal("deleteRoute", "ESRCH"));
  });

  it("never touches another owner's route", async () => {
    const destination = { address: "10.9.0.0", length: 16 };
    const route = { destination, localSubnet: subnets.a, via: addresses.underlay.b };
    await bed().addForeignRoute("a", destination);
    expect(await bed().request("a", { kind: "setRoute", route })).toMatchObject(refusal("setRoute", "EEXIST"));
    expect(await bed().request("a", { kind: "deleteRoute", route })).toMatchObject(refusal("deleteRoute", "ESRCH"));
  });
}

function nameOf({ selector, direction }: Policy): string {
  return `${direction} ${formatSelector(selector)}`;
}
