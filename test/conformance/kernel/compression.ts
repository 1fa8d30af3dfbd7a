import { expect, it } from "vitest";
import { deflate } from "../../../src/crypto/transforms/comp.ts";
import type { Policy, SaInstall } from "../../../src/kernel/port.ts";
import { addresses, type Bed, type End, otherEnd } from "./bed.ts";
import { greSelector, guarded, installSa, must, refusal, reqid, saOf, setPolicy, subnetSelector } from "./requests.ts";

/** IPComp below ESP, in both modes: RFC 3173. */
export function compression(bed: () => Bed): void {
  const policyAt = (at: End, from: End, mode: "transport" | "tunnel"): Policy => {
    const selector = mode === "tunnel" ? subnetSelector(from) : greSelector(from);
    const policy = guarded(at, from, selector, { mode });
    if (policy.action.kind !== "protected") throw new Error("not protected");
    return { ...policy, action: { kind: "protected", template: { ...policy.action.template, compressed: true } } };
  };
  const saAt = (at: End, from: End, spi: number, cpi: number, more: Partial<SaInstall> = {}) =>
    saOf(from, at, spi, { cpi, compression: deflate, ...more });
  const up = async (mode: "transport" | "tunnel") => {
    for (const end of ["a", "b"] as const)
      for (const from of ["a", "b"] as const) await setPolicy(bed(), end, policyAt(end, from, mode));
    for (const from of ["a", "b"] as const) {
      const [spi, cpi] = from === "a" ? [0x1000, 0x200] : [0x2000, 0x300];
      for (const at of [otherEnd(from), from]) await installSa(bed(), at, saAt(at, from, spi, cpi, { mode }));
    }
  };
  const delivered = (spi: number) => ({ wire: "protected", spi, delivered: true, drops: [] });

  for (const mode of ["transport", "tunnel"] as const) {
    const scope = mode === "tunnel" ? "gateway" : "underlay";

    it(`carries what is compressed and what is too short for it, in ${mode} mode, both ways`, async () => {
      await up(mode);
      for (const octets of [60, 100, 1000, 1300])
        for (const from of ["a", "b"] as const)
          expect(await bed().send({ from, scope, octets }), `${octets}`).toEqual(
            delivered(from === "a" ? 0x1000 : 0x2000),
          );
    });

    it(`lets nothing out and nothing in that is not protected, in ${mode} mode`, async () => {
      for (const from of ["a", "b"] as const) await setPolicy(bed(), "a", policyAt("a", from, mode));
      expect(await bed().send({ from: "a", scope })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
      expect(await bed().send({ from: "b", scope })).toMatchObject({
        wire: "clear",
        delivered: false,
        drops: ["XfrmInTmplMismatch"],
      });
      expect(await bed().events("a", 1)).toMatchObject([{ kind: "acquire", reqid }]);
    });
  }

  it("demands IPComp on the way out", async () => {
    await setPolicy(bed(), "a", policyAt("a", "a", "transport"));
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
  });

  it("reserves a CPI with the SPI, and takes both or none", async () => {
    const answer = must(
      await bed().request("a", {
        kind: "allocateSpi",
        protocol: "esp",
        mode: "tunnel",
        source: addresses.underlay.b,
        destination: addresses.underlay.a,
        reqid,
        compress: true,
      }),
    );
    if (answer.kind !== "spi" || answer.cpi === undefined) throw new Error("no CPI");
    expect(answer.cpi).toBeGreaterThan(0xff);
    expect(answer.cpi).toBeLessThan(0xf000);
    const sa = saAt("a", "b", answer.spi, answer.cpi, { mode: "tunnel" });
    expect(await bed().request("a", { kind: "installSa", sa })).toEqual({ kind: "done" });
    const twin = { ...sa, spi: 0x1234 };
    expect(await bed().request("a", { kind: "installSa", sa: twin })).toMatchObject(refusal("installSa", "EEXIST"));
    expect(await bed().request("a", { kind: "listSas" })).toMatchObject({
      sas: [{ spi: answer.spi, cpi: answer.cpi }],
    });
    expect(await bed().request("a", { kind: "deleteSa", sa })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "installSa", sa: twin })).toEqual({ kind: "done" });
  });

  it("gives an unused CPI back with its SPI", async () => {
    const sa = { protocol: "esp", spi: 0x1000, destination: addresses.underlay.b, cpi: 0x200 } as const;
    await installSa(bed(), "a", saAt("a", "a", 0x1000, 0x200));
    must(await bed().request("a", { kind: "deleteSa", sa }));
    await installSa(bed(), "a", saAt("a", "a", 0x1001, 0x200));
  });

  it("lists a policy as it was set", async () => {
    for (const mode of ["transport", "tunnel"] as const) {
      await bed().reset();
      const policies = (["a", "b"] as const).map((from) => policyAt("a", from, mode));
      await setPolicy(bed(), "a", ...policies);
      const answer = await bed().request("a", { kind: "listPolicies" });
      const template = { compressed: true, mode, protocol: "esp", reqid };
      expect(answer).toMatchObject({ policies: policies.map(() => ({ action: { kind: "protected", template } })) });
    }
  });

  it("refuses IPComp by halves", async () => {
    const { compression: _, ...half } = saAt("a", "a", 0x1000, 0x200);
    expect(await bed().request("a", { kind: "installSa", sa: half })).toMatchObject(refusal("installSa", "EINVAL"));
    const sa = saAt("a", "a", 0x1000, 2);
    expect(await bed().request("a", { kind: "installSa", sa })).toMatchObject(refusal("installSa", "EINVAL"));
  });
}
