import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { generateIkev1 } from "./generate-ikev1.ts";
import { canMeet } from "./meeting.ts";
import type { Scenario } from "./scenario.ts";
import { simulate } from "./simulation.ts";
import { readStory } from "./stories.ts";
import { tellFailure } from "./story.ts";

/** More of them: `npm run simulate -- --ikev1`. */
const seeds = [2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16, 37];

test(`${seeds.length} stories of ends that speak IKEv1, and of ends that differ in it: no invariant is broken`, () => {
  const seen = new Set<string>();
  for (const seed of seeds) {
    const scenario = generateIkev1(seed);
    const { failure } = simulate(scenario);
    if (failure !== undefined) expect.fail(tellFailure(scenario, failure));
    for (const { ikev1 } of scenario.peerings) {
      seen.add([...(ikev1?.policies ?? [])].sort().join());
      for (const [name, has] of Object.entries(ikev1?.set ?? {})) if (has) seen.add(name);
      if (ikev1?.login !== undefined) seen.add("login");
      if (ikev1?.inner !== undefined) seen.add(`mode config, ${ikev1.inner.by}`);
    }
  }
  expect([...seen]).toEqual(expect.arrayContaining(["ah", "compress", "login"]));
  expect([...seen]).toEqual(expect.arrayContaining(["mode config, pull", "mode config, push"]));
  expect([...seen]).toEqual(expect.arrayContaining(["main,main", "accept,main", "aggressive,aggressive", "main,off"]));
}, 120_000);

/** Faults that were found by a seed, and mended: the stories as they were. */
test.each([
  {
    story: "ikev1-closed-under-quick-mode",
    what: "an ISAKMP SA that is one too many goes under a quick mode of the peer's",
  },
  { story: "ikev1-crossed-twice", what: "of pairs that crossed twice each end deletes the one that the other keeps" },
  {
    story: "ikev1-successors-crossed",
    what: "each end takes another ISAKMP SA for the successor, and all goes with one",
  },
  {
    story: "ikev1-delete-while-inherited",
    what: "a pair that another ISAKMP SA has inherited stays after its DELETE was said",
  },
  {
    story: "ikev1-crossed-late",
    what: "of pairs whose requests were late and repeated each end takes the one for replaced that the other keeps",
  },
  {
    story: "ikev1-crossed-unseen",
    what: "one end takes for a successor what was asked for before the other end knew of its own pair, and both go",
  },
  { story: "ikev1-delete-lost", what: "a DELETE is lost, and the peer goes on sending on the pair" },
  {
    story: "ikev1-delete-lost-at-hard-limit",
    what: "a pair ends in the kernel of the end that only waits for calls, and its DELETE is lost",
  },
  {
    story: "ikev1-refusal-lost",
    what: "the refusal of a quick mode is lost, and the ISAKMP SA ends with all that stands",
  },
  {
    story: "ikev1-crossed-and-succeeded",
    what: "of pairs that crossed each end deletes the one that the other keeps, since another ISAKMP SA has them by then",
  },
  {
    story: "ikev1-replaced-while-queued",
    what: "a pair is replaced once more because our own quick mode for it waited for its turn",
  },
])(
  "mended: $what",
  ({ story }) => {
    const scenario = readStory(fileURLToPath(new URL(`stories/${story}.json`, import.meta.url)));
    const { failure } = simulate(scenario);
    if (failure !== undefined) expect.fail(tellFailure(scenario, failure));
  },
  60_000,
);

/** Two ends for GRE, of which the first alone calls; nothing happens to them. */
function callOf(policies: NonNullable<Scenario["peerings"][number]["ikev1"]>["policies"]): Scenario {
  const ike = ["aes128-sha256-ecp256"];
  return {
    seed: 1,
    theme: "one call",
    real: false,
    ends: [0, 0].map(() => ({ startsAt: 0, kernelDelay: 0, computeDelay: 0 })),
    peerings: [
      {
        ends: [0, 1],
        protect: [{ kind: "gre" }],
        initiate: [true, false],
        esp: [["aes128-sha256"], ["aes128-sha256"]],
        ike: [ike, ike],
        liveness: 10_000,
        delay: [10, 10],
        hardSeconds: 86_400,
        softSeconds: 0,
        ikev1: { policies, softSeconds: [0, 0] },
      },
    ],
    events: [],
    watch: 40_000,
  };
}

test.each([
  ["main", "main", true],
  ["main", "accept", true],
  ["main", "aggressive", true],
  ["accept", "off", true],
  ["off", "main", true],
  ["main", "off", false],
  ["aggressive", "off", false],
  ["aggressive", "main", false],
  ["aggressive", "accept", false],
] as const)("a call of a section with %s to one with %s: settles on one version: %s", (caller, called, meet) => {
  const scenario = callOf([caller, called]);
  const [peering] = scenario.peerings;
  expect(peering === undefined ? undefined : canMeet(peering)).toBe(meet);
  // What cannot meet has nothing, says why, and lets nothing pass in clear: the simulator asks that.
  const { failure, counts } = simulate(scenario);
  if (failure !== undefined) expect.fail(tellFailure(scenario, failure));
  expect(counts.delivered > 0).toBe(meet);
});
