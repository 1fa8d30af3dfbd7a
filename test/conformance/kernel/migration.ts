import { expect, it } from "vitest";
import type { KernelAnswer, Policy, SaEnds, SaInstall, SaMove } from "../../../src/kernel/port.ts";
import { addresses, type Bed, type End } from "./bed.ts";
import {
  greSelector,
  guardBoth,
  guarded,
  installPair,
  locked,
  must,
  refusal,
  reqid,
  saOf,
  setPolicy,
  subnetSelector,
} from "./requests.ts";

/** SAs that go to other outer addresses and UDP ports. A's gateway address serves as its second outer address. */
export function migration(bed: () => Bed): void {
  const tunnel = { mode: "tunnel" } as const;
  const first: SaEnds = { source: addresses.underlay.a, destination: addresses.underlay.b };
  const second: SaEnds = { source: addresses.gateway.a, destination: addresses.underlay.b };
  const reversed = ({ source, destination }: SaEnds): SaEnds => ({ source: destination, destination: source });
  const inner = { from: "a", scope: "gateway" } as const;
  const delivered = (spi: number) => ({ wire: "protected", spi, delivered: true, drops: [] });

  /** Policies at `at` for traffic from `from`, with outer `ends`. */
  const policiesOf = (at: End, from: End, ends: SaEnds, directions: readonly Policy["direction"][]): Policy[] =>
    directions.map((direction) => ({
      ...guarded(at, from, subnetSelector(from)),
      direction,
      action: { kind: "protected", template: { protocol: "esp", mode: "tunnel", reqid, ...ends } },
    }));
  const moveOf = (at: End, from: End, spis: readonly number[], ends: [SaEnds, SaMove["to"]]): SaMove => ({
    direction: at === from ? "out" : "in",
    protocol: "esp",
    mode: "tunnel",
    reqid,
    from: ends[0],
    to: ends[1],
    spis,
    policies: policiesOf(at, from, ends[1], at === from ? ["out"] : ["in", "forward"]),
  });
  const move = (end: End, it: SaMove): Promise<KernelAnswer> => bed().request(end, { kind: "migrate", move: it });
  const sas = async (end: End) => {
    const answer = must(await bed().request(end, { kind: "listSas" }));
    return answer.kind === "sas" ? answer.sas : [];
  };
  /** A tunnel from a to b, with a forward policy at b. */
  const tunnelUp = async (more: Partial<SaInstall> = {}, spi = 0x1000) => {
    await guardBoth(bed(), subnetSelector("a"), tunnel);
    await setPolicy(bed(), "b", ...policiesOf("b", "a", first, ["forward"]));
    await installPair(bed(), "a", spi, { ...tunnel, ...more });
  };

  for (const [name, more] of [
    ["", {}],
    [" with ESN and a wide window", { esn: true, replayWindow: 1024 }],
    [" after 40 packets", { replayWindow: 64 }],
  ] as const) {
    it(`keep SPI, counters, sequence numbers and replay window${name}`, async () => {
      await tunnelUp(more);
      for (let i = 0; i < (name === "" ? 3 : 40); i += 1) await bed().send(inner);
      const before = { a: await sas("a"), b: await sas("b") };
      must(await move("a", moveOf("a", "a", [0x1000], [first, second])));
      expect(await sas("a")).toEqual(before.a.map((sa) => ({ ...sa, ...second })));
      expect(await bed().replay("b")).toMatchObject({ delivered: false, drops: ["XfrmInStateSeqError"] });
      expect(await bed().send(inner)).toEqual(delivered(0x1000));
      must(await move("b", moveOf("b", "a", [0x1000], [first, second])));
      expect(await bed().replay("b")).toMatchObject({ delivered: false, drops: ["XfrmInStateSeqError"] });
      expect(await bed().send(inner)).toEqual(delivered(0x1000));
      expect(await bed().send({ ...inner, scope: "lan" })).toEqual(delivered(0x1000));
      expect(await sas("b")).toMatchObject([{ ...second, spi: 0x1000, packets: (before.b[0]?.packets ?? 0n) + 3n }]);
    });
  }

  it("move their policies with them", async () => {
    await tunnelUp();
    must(await move("a", moveOf("a", "a", [0x1000], [first, second])));
    must(await move("b", moveOf("b", "a", [0x1000], [first, second])));
    const listed = async (end: End) => {
      const answer = await bed().request(end, { kind: "listPolicies" });
      return answer.kind === "policies" ? answer.policies : [];
    };
    expect(await listed("a")).toEqual(expect.arrayContaining(policiesOf("a", "a", second, ["out"])));
    expect(await listed("a")).toHaveLength(2);
    expect(await listed("b")).toEqual(expect.arrayContaining(policiesOf("b", "a", second, ["in", "forward"])));
    expect(await listed("b")).toHaveLength(3);
  });

  it("go to another destination: the inbound one and the one that sends to it", async () => {
    await guardBoth(bed(), subnetSelector("a"), tunnel);
    await installPair(bed(), "b", 0x2000, tunnel);
    expect(await bed().send({ ...inner, from: "b" })).toEqual(delivered(0x2000));
    must(await move("a", { ...moveOf("a", "b", [0x2000], [reversed(first), reversed(second)]) }));
    must(await move("b", { ...moveOf("b", "b", [0x2000], [reversed(first), reversed(second)]) }));
    expect(await bed().send({ ...inner, from: "b" })).toEqual(delivered(0x2000));
    expect(await sas("a")).toMatchObject([{ ...reversed(second), packets: 2n }]);
    expect(await bed().request("a", { kind: "deleteSa", sa: saOf("b", "a", 0x2000) })).toMatchObject(
      refusal("deleteSa", "ESRCH"),
    );
  });

  it("go all together, and the newest goes on sending", async () => {
    await tunnelUp();
    await bed().pass(1);
    await installPair(bed(), "a", 0x1001, tunnel);
    expect(await bed().send(inner)).toEqual(delivered(0x1001));
    must(await move("a", moveOf("a", "a", [0x1001, 0x1000], [first, second])));
    expect(await bed().send(inner)).toEqual(delivered(0x1001));
    must(await move("b", moveOf("b", "a", [0x1001, 0x1000], [first, second])));
    expect(await bed().send(inner)).toEqual(delivered(0x1001));
    expect((await sas("a")).map(({ source }) => source)).toEqual([second.source, second.source]);
    must(await bed().request("a", { kind: "deleteSa", sa: saOf("a", "a", 0x1001) }));
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
  });

  it("go where a policy is locked meanwhile, too", async () => {
    await tunnelUp();
    await setPolicy(bed(), "a", locked(subnetSelector("a"), "out"));
    must(await move("a", moveOf("a", "a", [0x1000], [first, second])));
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    expect(await sas("a")).toMatchObject([second]);
  });

  it("change their UDP ports in place, and nothing else", async () => {
    const encapsulation = { sourcePort: 4500, destinationPort: 4500 };
    await bed().openEncapsulationSocket("b", 4500);
    await bed().openEncapsulationSocket("a", 4500);
    await tunnelUp({ encapsulation, soft: { seconds: 500 } });
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    await bed().closeEncapsulationSocket("b", 4500);
    await bed().openEncapsulationSocket("b", 4501);
    expect(await bed().send(inner)).toMatchObject({ delivered: false });
    const before = await sas("a");
    const ports = { sourcePort: 4500, destinationPort: 4501 };
    must(await move("a", { ...moveOf("a", "a", [0x1000], [first, { ...first, encapsulation: ports }]), policies: [] }));
    expect(await sas("a")).toEqual(before);
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    await bed().closeEncapsulationSocket("b", 4501);
  });

  it("change the port that is known of the peer, so that a mapping is reported no more", async () => {
    await bed().openEncapsulationSocket("b", 4500);
    await bed().openEncapsulationSocket("a", 4600);
    await guardBoth(bed(), subnetSelector("a"), tunnel);
    const known = { sourcePort: 4500, destinationPort: 4500 };
    const seen = { sourcePort: 4600, destinationPort: 4500 };
    await installPair(bed(), "a", 0x1000, { ...tunnel, encapsulation: known });
    for (const ports of [seen]) {
      must(
        await move("a", { ...moveOf("a", "a", [0x1000], [first, { ...first, encapsulation: ports }]), policies: [] }),
      );
    }
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    expect(await bed().events("b", 1)).toMatchObject([{ kind: "mapping", from: { port: 4600 } }]);
    must(await move("b", { ...moveOf("b", "a", [0x1000], [first, { ...first, encapsulation: seen }]), policies: [] }));
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    expect(await bed().events("b", 1)).toHaveLength(1);
  });

  it("go into UDP at the same addresses", async () => {
    await bed().openEncapsulationSocket("b", 4500);
    await tunnelUp();
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    const encapsulation = { sourcePort: 4500, destinationPort: 4500 };
    for (const end of ["b", "a"] as const)
      must(await move(end, moveOf(end, "a", [0x1000], [first, { ...first, encapsulation }])));
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    await bed().closeEncapsulationSocket("b", 4500);
    expect(await bed().send(inner)).toMatchObject({ wire: "protected", delivered: false });
  });

  it("stay where they are, with their policies, where one of them does not stand", async () => {
    await tunnelUp();
    expect(await move("a", moveOf("a", "a", [0x1000, 0x1001], [first, second]))).toMatchObject(
      refusal("migrate", "ESRCH"),
    );
    expect(await sas("a")).toMatchObject([first]);
    expect(await bed().send(inner)).toEqual(delivered(0x1000));
    await bed().addForeignSa("a", { spi: 0x3000, ...first });
    expect(await move("a", moveOf("a", "a", [0x3000], [first, second]))).toMatchObject(refusal("migrate", "ESRCH"));
  });

  it("keep their addresses in transport mode", async () => {
    await guardBoth(bed(), greSelector("a"));
    await installPair(bed(), "a", 0x1000);
    const it: SaMove = { ...moveOf("a", "a", [0x1000], [first, second]), mode: "transport", policies: [] };
    expect(await move("a", it)).toMatchObject(refusal("migrate", "EINVAL"));
    expect(await bed().send({ from: "a" })).toEqual(delivered(0x1000));
  });

  it("end at the time they would have ended at", async () => {
    await tunnelUp({ soft: { seconds: 1 }, hard: { seconds: 3 } });
    must(await move("a", moveOf("a", "a", [0x1000], [first, second])));
    await bed().pass(4);
    const sa = { protocol: "esp", spi: 0x1000, destination: second.destination };
    expect(await bed().events("a", 2)).toEqual([
      { kind: "expire", sa, hard: false, reqid },
      { kind: "expire", sa, hard: true, reqid },
    ]);
    expect(await sas("a")).toEqual([]);
  });
}
