import { describe, expect, it } from "vitest";
import { ipProtocol, reverseSelector } from "../../../src/negotiate/selector.ts";
import type { Bed } from "./bed.ts";
import { greSelector, guardBoth, guarded, installPair, installSa, locked, saOf, setPolicy } from "./requests.ts";

/** The host's own ICMP errors quote the packet they are about: in transport mode they go the way of its answer. */
export function icmpErrors(bed: () => Bed): void {
  describe.for(["underlay", "underlay6"] as const)("over the %s", (scope) => {
    const gre = greSelector("a", scope);
    const back = reverseSelector(gre);
    const isPassedBy = () => scope === "underlay6" && bed().losesGreOverIpv6;

    it("leave in clear where nothing is protected", async () => {
      expect(await bed().offend("a", scope)).toBe("clear");
    });

    it("leave protected where SAs stand, although the SA's selector is for GRE alone", async () => {
      await guardBoth(bed(), gre, { scope });
      await installPair(bed(), "a", 0x1000, { scope, selector: gre });
      await installPair(bed(), "b", 0x2000, { scope, selector: back });
      expect(await bed().offend("a", scope)).toBe(isPassedBy() ? "clear" : "protected");
    });

    it("stay here where the way back is locked", async () => {
      await guardBoth(bed(), gre, { scope });
      await installPair(bed(), "a", 0x1000, { scope });
      await setPolicy(bed(), "b", locked(back, "out"));
      expect(await bed().offend("a", scope)).toBe(isPassedBy() ? "clear" : "nothing");
    });

    it("stay here where GRE and port unreachable are locked", async () => {
      await guardBoth(bed(), gre, { scope });
      await installPair(bed(), "a", 0x1000, { scope });
      await setPolicy(bed(), "b", locked(back, "out"));
      const unreachable = { ...back, protocol: ipProtocol.icmpv6, sourcePort: 1, destinationPort: 4 };
      if (scope === "underlay6") await setPolicy(bed(), "b", locked(unreachable, "out"));
      expect(await bed().offend("a", scope)).toBe("nothing");
    });

    it("leave in clear where the way back has a template and no SA: so no inbound SA may stand without an outbound one", async () => {
      await guardBoth(bed(), gre, { scope });
      await installPair(bed(), "a", 0x1000, { scope });
      expect(await bed().offend("a", scope)).toBe("clear");
      await installSa(bed(), "b", saOf("b", "b", 0x2000, { scope }));
      expect(await bed().offend("a", scope)).toBe(isPassedBy() ? "clear" : "protected");
    });

    it("leave in clear where the policy is another owner's and has no ICMP flag", async () => {
      await setPolicy(bed(), "a", guarded("a", "a", gre, { scope }));
      await setPolicy(bed(), "b", guarded("b", "a", gre, { scope }));
      await bed().addForeignPolicy("b", guarded("b", "b", back, { scope }));
      await installPair(bed(), "a", 0x1000, { scope });
      await installPair(bed(), "b", 0x2000, { scope });
      expect(await bed().offend("a", scope)).toBe("clear");
    });
  });
}
