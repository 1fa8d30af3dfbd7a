import { describe, expect, it } from "vitest";
import { type Policy, policyIndexRange } from "../../../../src/kernel/port.ts";
import { PoliciesOfKernel } from "../../../../src/kernel/xfrm/policies.ts";
import { policyIndex } from "../../../../src/kernel/xfrm/policy-index.ts";
import type { XfrmSocket } from "../../../../src/kernel/xfrm/xfrm-socket.ts";
import { encodeRequest, NetlinkError, type Request, XFRM_MSG } from "../../../../src/netlink-xfrm/index.ts";

const selector = {
  source: { address: "192.0.2.1", length: 32 },
  destination: { address: "192.0.2.2", length: 32 },
  protocol: 47,
};
const policy: Policy = { selector, direction: "out", priority: 1000, action: { kind: "locked" } };

/** Offsets in a message: 16 octets of header, then `struct xfrm_userpolicy_info` or `xfrm_userpolicy_id`. */
const indexInInfo = 16 + 156;
const indexInId = 16 + 56;
const enoent = 2;
const eexist = 17;

/** One slot for a policy of our selector, and indexes that others hold; renumbers duplicates in silence, as Linux does. */
class OneSlotKernel {
  readonly log: string[] = [];
  readonly taken = new Set<number>();
  /** Given away between the look and the insertion, so that the next insertion finds it taken. */
  raced = 0;
  standing: { index: number; ours: boolean } | undefined;

  get socket(): XfrmSocket {
    return {
      request: <Reply>(request: Request<Reply>): Reply => this.#request(request) as Reply,
      batch: () => [],
      dumpAsync: async () => [],
    };
  }

  #request(request: Request<unknown>): unknown {
    const octets = Buffer.from(encodeRequest(request));
    switch (request.type) {
      case XFRM_MSG.getPolicy: {
        const index = octets.readUInt32LE(indexInId);
        if (index !== 0 ? !this.taken.has(index) : this.standing === undefined)
          throw new NetlinkError(request.name, enoent);
        return { index: this.standing?.index ?? index, direction: "out", selector: {}, action: "block", priority: 7 };
      }
      case XFRM_MSG.newPolicy: {
        if (this.standing !== undefined) throw new NetlinkError(request.name, eexist);
        const wanted = octets.readUInt32LE(indexInInfo);
        const renumbered = this.raced > 0;
        if (renumbered) this.raced -= 1;
        this.standing = { index: renumbered ? 9 : wanted, ours: !renumbered };
        this.log.push(`new ${renumbered ? "renumbered" : "as asked"}`);
        return undefined;
      }
      case XFRM_MSG.updPolicy:
        this.log.push("update");
        return undefined;
      case XFRM_MSG.delPolicy:
        this.log.push(`delete ${octets.readUInt32LE(indexInId)}`);
        this.standing = undefined;
        return undefined;
      default:
        throw new Error(request.name);
    }
  }
}

describe("the index of a policy", () => {
  it("is of our range, with the direction in its low three bits", () => {
    for (const [direction, bits] of [
      ["in", 0],
      ["out", 1],
      ["forward", 2],
    ] as const) {
      for (let attempt = 0; attempt < 1000; attempt += 1) {
        const index = policyIndex(selector, direction, attempt);
        expect(index & 7).toBe(bits);
        expect(index).toBeGreaterThanOrEqual(policyIndexRange.start);
        expect(index).toBeLessThan(policyIndexRange.end);
      }
    }
  });

  it("passes over indexes that are taken", () => {
    const kernel = new OneSlotKernel();
    for (const attempt of [0, 1, 2]) kernel.taken.add(policyIndex(selector, "out", attempt));
    expect(new PoliciesOfKernel(kernel.socket).set({ kind: "setPolicy", policy })).toEqual({ kind: "done" });
    expect(kernel.standing?.index).toBe(policyIndex(selector, "out", 3));
  });

  it("is read back: what the kernel renumbered is deleted and tried again", () => {
    const kernel = new OneSlotKernel();
    kernel.raced = 2;
    expect(new PoliciesOfKernel(kernel.socket).set({ kind: "setPolicy", policy })).toEqual({ kind: "done" });
    expect(kernel.log).toEqual(["new renumbered", "delete 9", "new renumbered", "delete 9", "new as asked"]);
    expect(kernel.standing?.ours).toBe(true);
  });

  it("is given up when it can never be had, and nothing nameless stays", () => {
    const kernel = new OneSlotKernel();
    kernel.raced = 1000;
    expect(new PoliciesOfKernel(kernel.socket).set({ kind: "setPolicy", policy })).toMatchObject({
      refusal: { errno: "EBUSY" },
    });
    expect(kernel.standing).toBeUndefined();
  });
});

describe("a policy that stands", () => {
  it("is changed in place when it is ours, and left alone when it is not", () => {
    const kernel = new OneSlotKernel();
    const policies = new PoliciesOfKernel(kernel.socket);
    policies.set({ kind: "setPolicy", policy });
    policies.set({ kind: "setPolicy", policy });
    expect(kernel.log).toEqual(["new as asked", "update"]);
    kernel.standing = { index: 9, ours: false };
    const answer = policies.set({ kind: "setPolicy", policy });
    expect(answer).toMatchObject({ refusal: { errno: "EEXIST" } });
    expect(answer.kind === "refused" && answer.refusal.said).toMatch(/index 9, dir out, priority 7, action block/);
    expect(policies.delete({ kind: "deletePolicy", selector, direction: "out" })).toMatchObject({
      refusal: { errno: "ENOENT" },
    });
    expect(kernel.log).toEqual(["new as asked", "update"]);
  });
});
