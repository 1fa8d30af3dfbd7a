import { describe, expect, test } from "vitest";
import { desired, peer } from "./desired.ts";
import { type End, World } from "./world.ts";

const a = "192.0.2.1";
const b = "192.0.2.2";

function gre(from: string, to: string) {
  return { source: from, destination: to, protocol: 47 };
}

/** Sends a packet of `from` through both kernels; says how it went. */
function carry(from: End, to: End, packet: Parameters<End["kernel"]["send"]>[0]): string {
  const out = from.kernel.send(packet);
  if (out.kind !== "protected") return out.kind;
  return `protected, ${to.kernel.receive(out.packet).kind}`;
}

describe("a first tunnel", () => {
  test("two ends that start at once carry GRE protected, and one IKE SA with one Child SA remains", () => {
    const world = new World();
    const one = world.add(a);
    const two = world.add(b);
    one.configure(desired([peer(a, b)]));
    expect(one.kernel.wouldPass(gre(a, b))).toBe("no");
    two.configure(desired([peer(b, a)]));
    world.run(20_000);
    expect(one.peer("peer")).toMatchObject({ state: "up", children: [{ state: "up" }] });
    expect(two.peer("peer")).toMatchObject({ state: "up", children: [{ state: "up" }] });
    expect(carry(one, two, gre(a, b))).toBe("protected, accepted");
    expect(carry(two, one, gre(b, a))).toBe("protected, accepted");
    expect(one.peer("peer").ikeSas).toHaveLength(1);
    expect(one.peer("peer").children[0]?.sas).toHaveLength(1);
    expect(two.peer("peer").children[0]?.sas).toHaveLength(1);
  });
});
