import { expect, test } from "vitest";
import { seeded } from "../../fuzz/mutate.ts";
import { timing } from "./desired.ts";
import { a, b, ends, expectRest, facing, gre, policies, vxlan } from "./pair.ts";
import { carry, type End } from "./world.ts";

/** Runs in all; a long campaign sets UNDERLOCK_CHAOS, and UNDERLOCK_SEED to walk elsewhere. */
const runs = Number(process.env.UNDERLOCK_CHAOS ?? 40);
const first = Number(process.env.UNDERLOCK_SEED ?? 1);
const protect = [{ kind: "vxlan" }, { kind: "gre" }] as const;
const faults = ["ENOMEM", "ENOBUFS", "ETIMEDOUT", "EAGAIN"] as const;

test(
  "two ends in a world where all goes wrong: never in clear, and soon after it is over one pair of each child remains",
  () => {
    for (let seed = first; seed < first + runs; seed += 1) {
      const rng = seeded(seed * 7919);
      const chance = (percent: number) => rng() % 100 < percent;
      const pair = ends({
        seed,
        one: { kernelDelay: rng() % 20, computeDelay: rng() % 30 },
        two: { kernelDelay: rng() % 20, computeDelay: rng() % 30 },
        network: () => {
          if (chance(15)) return [];
          const delay = 5 + (rng() % 40);
          return chance(15) ? [delay, delay + (rng() % 2_000)] : [delay];
        },
      });
      const configuration = new Map<End, () => void>([
        [pair.one, () => pair.one.configure(facing(a, { protect, hardSeconds: 60 + (seed % 3) * 30 }))],
        [
          pair.two,
          () =>
            pair.two.configure(
              facing(b, { protect, esp: ["aes128gcm16-x25519", "aes128gcm16"], initiate: seed % 2 === 0 }),
            ),
        ],
      ]);
      for (const configure of configuration.values()) configure();
      pair.world.run(100);
      pair.world.guarded.push(...vxlan(pair), ...gre(pair));
      const acts: readonly ((end: End) => void)[] = [
        (end) => {
          end.crash();
          configuration.get(end)?.();
        },
        (end) => end.handle({ kind: "down", peer: "peer" }),
        (end) => end.handle({ kind: "up", peer: "peer" }),
        (end) =>
          end.kernel.failNext(() => chance(20), faults[rng() % faults.length] ?? "ENOMEM", { carriedOut: chance(30) }),
        (end) => end.kernel.loseNext("any" as "expire", 1 + (rng() % 3)),
        (end) => end.handle({ kind: "kernel", event: { kind: "overrun" } }),
        (end) => end.configure(facing(end === pair.one ? a : b, { protect, timing: timingOf(rng) })),
        () => {
          for (const flow of pair.world.guarded) carry(flow);
        },
      ];
      for (let n = 0; n < 12; n += 1) {
        acts[rng() % acts.length]?.(rng() % 2 === 0 ? pair.one : pair.two);
        pair.world.run(rng() % (chance(50) ? 200 : 10_000));
      }
      pair.world.network = () => [10];
      for (const end of [pair.one, pair.two]) {
        configuration.get(end)?.();
        end.handle({ kind: "up", peer: "peer" });
      }
      pair.world.run(130_000);
      try {
        expectRest(pair, 3);
        for (const flow of pair.world.guarded) expect(carry(flow)).toBe("protected, delivered");
        for (const end of [pair.one, pair.two]) expect(policies(end)).toHaveLength(6);
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error });
      }
    }
  },
  30_000 + runs * 1_000,
);

function timingOf(rng: () => number) {
  return { ...timing, liveness: 20_000 + (rng() % 10) * 1_000 };
}
