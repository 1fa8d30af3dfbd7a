import { expect, test } from "vitest";
import type { Peering, Scenario } from "./scenario.ts";
import { Simulation } from "./simulation.ts";

/** Every pair of so many gateways, each calling every other, all from one instant on. */
function mesh(count: number, seed: number): Scenario {
  const peerings: Peering[] = [];
  for (let one = 0; one < count; one += 1) {
    for (let other = one + 1; other < count; other += 1) {
      peerings.push({
        ends: [one, other],
        protect: [{ kind: "vxlan" }],
        initiate: [true, true],
        esp: [["aes128gcm16"], ["aes128gcm16"]],
        ike: [["aes128gcm16-prfsha256-x25519"], ["aes128gcm16-prfsha256-x25519"]],
        liveness: 30_000,
        delay: [10 + ((one * 7 + other) % 30), 10 + ((other * 5 + one) % 30)],
        hardSeconds: 86_400,
        softSeconds: 0,
      });
    }
  }
  const ends = Array.from({ length: count }, () => ({ startsAt: 0, kernelDelay: 2, computeDelay: 5 }));
  return { seed, theme: "a mesh", real: false, ends, peerings, events: [], watch: 5_000 };
}

test.each([1, 2, 3])(
  "a mesh of 12 started at one instant settles within 10 s of its clock (seed %i)",
  (seed) => {
    const world = new Simulation(mesh(12, seed));
    world.begin();
    let at = 0;
    while (at < 10_000 && world.unsettled().length > 0) {
      world.run(500);
      at += 500;
    }
    // One IKE SA a pair, one pair of SAs a child at both ends, and every VXLAN pair passes packets.
    expect(world.unsettled()).toEqual([]);
    expect(at).toBeLessThan(10_000);
  },
  60_000,
);
