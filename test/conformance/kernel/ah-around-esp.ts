import { expect, it } from "vitest";
import { deflate } from "../../../src/crypto/transforms/comp.ts";
import type { Policy, SaInstall, SaMode } from "../../../src/kernel/port.ts";
import { addresses, type Bed, type End, otherEnd } from "./bed.ts";
import {
  greSelector,
  guarded,
  installSa,
  integrity,
  must,
  refusal,
  reqid,
  saOf,
  setPolicy,
  subnetSelector,
  transform,
} from "./requests.ts";

type Companions = { readonly compressed?: true; readonly withAh?: true };

/** AH around ESP, with IPComp inside or without, in both modes: RFC 2401 4.3, what IKEv1 alone can negotiate. */
export function ahAroundEsp(bed: () => Bed): void {
  const withAh: Companions = { withAh: true };
  const policyAt = (at: End, from: End, mode: SaMode, companions = withAh): Policy => {
    const selector = mode === "tunnel" ? subnetSelector(from) : greSelector(from);
    const policy = guarded(at, from, selector, { mode });
    if (policy.action.kind !== "protected") throw new Error("not protected");
    return { ...policy, action: { kind: "protected", template: { ...policy.action.template, ...companions } } };
  };
  const ah = (octet = 9): NonNullable<SaInstall["ah"]> => ({
    transform: integrity("sha256"),
    key: new Uint8Array(32).fill(octet),
  });
  const encryptionAlone: Partial<SaInstall> = {
    encr: { transform: transform("aes128"), key: new Uint8Array(16).fill(3) },
  };
  const saAt = (at: End, from: End, spi: number, more: Partial<SaInstall> = {}): SaInstall =>
    saOf(from, at, spi, { ahSpi: spi + 0x100, ah: ah(), ...more });
  const both = async (install: (at: End, from: End, spi: number) => SaInstall, policy: typeof policyAt | undefined) => {
    for (const from of ["a", "b"] as const) {
      const spi = from === "a" ? 0x1000 : 0x2000;
      for (const at of [otherEnd(from), from]) {
        if (policy !== undefined) await setPolicy(bed(), at, policy(at, from, "transport"));
        await installSa(bed(), at, install(at, from, spi));
      }
    }
  };
  const delivered = (from: End) => ({
    wire: "protected",
    spi: from === "a" ? 0x1100 : 0x2100,
    delivered: true,
    drops: [],
  });
  const fillings: readonly [string, Companions, Partial<SaInstall>][] = [
    ["authenticated encryption", withAh, {}],
    ["encryption alone", withAh, encryptionAlone],
    ["IPComp below", { ...withAh, compressed: true }, { cpi: 0x200, compression: deflate }],
    ["extended sequence numbers", withAh, { esn: true }],
  ];

  for (const mode of ["transport", "tunnel"] as const) {
    const scope = mode === "tunnel" ? "gateway" : "underlay";
    for (const [what, companions, more] of fillings) {
      it(`carries ESP with ${what}, in ${mode} mode, both ways, AH outermost`, async () => {
        await both(
          (at, from, spi) =>
            saAt(at, from, spi, { mode, ...more, ...(more.cpi === undefined ? {} : { cpi: spi / 8 }) }),
          (at, from) => policyAt(at, from, mode, companions),
        );
        for (const octets of [60, 1300])
          for (const from of ["a", "b"] as const)
            expect(await bed().send({ from, scope, octets }), `${octets}`).toEqual(delivered(from));
      });
    }
  }

  it("lets nothing out and nothing in that is in clear", async () => {
    for (const from of ["a", "b"] as const) await setPolicy(bed(), "a", policyAt("a", from, "transport"));
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
    expect(await bed().send({ from: "b" })).toMatchObject({
      wire: "clear",
      delivered: false,
      drops: ["XfrmInTmplMismatch"],
    });
    expect(await bed().events("a", 1)).toMatchObject([{ kind: "acquire", reqid }]);
  });

  it("demands AH on the way out, where ESP alone stands", async () => {
    await setPolicy(bed(), "a", policyAt("a", "a", "transport"));
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    expect(await bed().send({ from: "a" })).toMatchObject({ wire: "nothing", drops: ["XfrmOutNoStates"] });
  });

  it("demands AH on the way in: ESP by itself is refused", async () => {
    await setPolicy(bed(), "a", policyAt("a", "a", "transport", {}));
    await installSa(bed(), "a", saOf("a", "a", 0x1000));
    await setPolicy(bed(), "b", policyAt("b", "a", "transport"));
    await installSa(bed(), "b", saAt("b", "a", 0x1000));
    expect(await bed().send({ from: "a" })).toEqual({
      wire: "protected",
      spi: 0x1000,
      delivered: false,
      drops: ["XfrmInTmplMismatch"],
    });
  });

  it("takes AH around ESP where ESP alone is demanded", async () => {
    await setPolicy(bed(), "a", policyAt("a", "a", "transport"));
    await installSa(bed(), "a", saAt("a", "a", 0x1000));
    await setPolicy(bed(), "b", policyAt("b", "a", "transport", {}));
    await installSa(bed(), "b", saAt("b", "a", 0x1000));
    expect(await bed().send({ from: "a" })).toEqual(delivered("a"));
  });

  it("drops what AH does not verify", async () => {
    await both(
      (at, from, spi) => saAt(at, from, spi, { ah: ah(at === "a" ? 1 : 2) }),
      (at, from, mode) => policyAt(at, from, mode),
    );
    expect(await bed().send({ from: "a" })).toMatchObject({ delivered: false, drops: ["XfrmInStateProtoError"] });
  });

  it("reserves an SPI of AH with that of ESP, and takes both or none", async () => {
    const answer = must(
      await bed().request("a", {
        kind: "allocateSpi",
        protocol: "esp",
        mode: "tunnel",
        source: addresses.underlay.b,
        destination: addresses.underlay.a,
        reqid,
        withAh: true,
      }),
    );
    if (answer.kind !== "spi" || answer.ahSpi === undefined) throw new Error("no SPI of AH");
    expect(answer.ahSpi).toBeGreaterThan(0xff);
    const sa = saAt("a", "b", answer.spi, { ahSpi: answer.ahSpi, mode: "tunnel" });
    expect(await bed().request("a", { kind: "installSa", sa })).toEqual({ kind: "done" });
    const twin = { ...sa, spi: 0x1234, cpi: 0x200, compression: deflate };
    expect(await bed().request("a", { kind: "installSa", sa: twin })).toMatchObject(refusal("installSa", "EEXIST"));
    const listed = await bed().request("a", { kind: "listSas" });
    expect(listed).toMatchObject({ sas: [{ protocol: "esp", spi: answer.spi, ahSpi: answer.ahSpi, mode: "tunnel" }] });
    expect(await bed().request("a", { kind: "deleteSa", sa })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "installSa", sa: twin })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "deleteSa", sa: twin })).toEqual({ kind: "done" });
    expect(await bed().request("a", { kind: "listSas" })).toEqual({ kind: "sas", sas: [] });
  });

  it("takes neither where ESP's SPI is another's", async () => {
    await installSa(bed(), "a", saAt("a", "a", 0x1000));
    const twin = saAt("a", "a", 0x1000, { ahSpi: 0x1999 });
    expect(await bed().request("a", { kind: "installSa", sa: twin })).toMatchObject(refusal("installSa", "EEXIST"));
    await installSa(bed(), "a", saAt("a", "a", 0x1001, { ahSpi: 0x1999 }));
  });

  it("gives a reservation of both back", async () => {
    const request = {
      kind: "allocateSpi",
      protocol: "esp",
      mode: "transport",
      source: addresses.underlay.b,
      destination: addresses.underlay.a,
      reqid,
      withAh: true,
    } as const;
    const answer = must(await bed().request("a", request));
    if (answer.kind !== "spi" || answer.ahSpi === undefined) throw new Error("no SPI of AH");
    const { spi, ahSpi } = answer;
    const sa = { protocol: "esp", spi, ahSpi, destination: addresses.underlay.a } as const;
    expect(await bed().request("a", { kind: "deleteSa", sa })).toEqual({ kind: "done" });
    await installSa(bed(), "a", saAt("a", "b", 0x1000, { ahSpi }));
  });

  it("tells AH alone from AH around ESP, and says when that is not there", async () => {
    const alone: Partial<SaInstall> = { protocol: "ah", integ: ah() };
    const { encr: _, ...sa } = saOf("a", "a", 0x3000, alone);
    await installSa(bed(), "a", sa, saAt("a", "a", 0x1000));
    const listed = await bed().request("a", { kind: "listSas" });
    if (listed.kind !== "sas") throw new Error("no list");
    expect(listed.sas.map(({ protocol, spi, ahSpi }) => [protocol, spi, ahSpi]).sort()).toEqual([
      ["ah", 0x3000, undefined],
      ["esp", 0x1000, 0x1100],
    ]);
    const id = { protocol: "esp", spi: 0x1000, destination: addresses.underlay.b } as const;
    const sas = [id, { ...id, ahSpi: 0x1100 }, { ...id, ahSpi: 0x1101 }];
    const usage = { protocol: "esp", spi: 0x1000, packets: 0n };
    expect(await bed().request("a", { kind: "querySas", sas })).toMatchObject({ usages: [usage, usage, undefined] });
  });

  it("lists a policy as it was set", async () => {
    for (const companions of [withAh, { ...withAh, compressed: true } as const]) {
      for (const mode of ["transport", "tunnel"] as const) {
        await bed().reset();
        const policies = (["a", "b"] as const).map((from) => policyAt("a", from, mode, companions));
        await setPolicy(bed(), "a", ...policies);
        const template = { ...companions, mode, protocol: "esp", reqid };
        expect(await bed().request("a", { kind: "listPolicies" })).toMatchObject({
          policies: policies.map(() => ({ action: { kind: "protected", template } })),
        });
      }
    }
  });

  it("refuses AH by halves, around AH, in UDP, and with a key of another length; and encryption without it", async () => {
    const whole = saAt("a", "a", 0x1000);
    const { ah: _key, ...noKey } = whole;
    const { ahSpi: _spi, ...noSpi } = whole;
    const { encr: _encr, ...plain } = whole;
    const { ah: _ah, ahSpi: _ahSpi, ...bare } = { ...whole, ...encryptionAlone };
    const wrong: readonly SaInstall[] = [
      noKey,
      noSpi,
      { ...plain, protocol: "ah", integ: ah() },
      { ...whole, encapsulation: { sourcePort: 4500, destinationPort: 4500 } },
      { ...whole, ah: { transform: integrity("sha256"), key: new Uint8Array(31) } },
      bare,
    ];
    for (const sa of wrong)
      expect(await bed().request("a", { kind: "installSa", sa })).toMatchObject(refusal("installSa", "EINVAL"));
  });
}
