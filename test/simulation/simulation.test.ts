import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { generate } from "./generate.ts";
import { simulate } from "./simulation.ts";
import { readStory } from "./stories.ts";
import { tellFailure } from "./story.ts";

/** More of them: `npm run simulate`. */
const seeds = 28;

test(`${seeds} stories of two ends and more: no invariant is broken`, () => {
  for (let seed = 1; seed <= seeds; seed += 1) {
    const scenario = generate(seed);
    const { failure } = simulate(scenario);
    if (failure !== undefined) expect.fail(tellFailure(scenario, failure));
  }
}, 240_000);

test("a seed tells the same story each time, to the octet", () => {
  for (const seed of [3, 10, 20]) {
    const [one, other] = [simulate(generate(seed)), simulate(generate(seed))];
    expect(other).toEqual(one);
    expect(one.counts.owed).toBeGreaterThan(0);
    expect(simulate(generate(seed + 1)).digest).not.toBe(one.digest);
  }
}, 60_000);

/** Faults that were found by a seed, and mended: the stories as they were. */
test.each([
  {
    story: "restart-behind-nat",
    what: "a peer behind a NAT does not call again while a former run's SAs carry its packets",
  },
  { story: "rekey-before-answer", what: "a pair is rekeyed before its initiator has the answer that it was lost in" },
  {
    story: "outbound-too-early",
    what: "packets leave on a pair whose initiator has not got the answer yet, after two seconds",
  },
  {
    story: "restart-without-call",
    what: "the SAs that a restarted peer went on with go before new ones stand, since it gives no answer",
  },
  {
    story: "delete-overtaken",
    what: "a DELETE has packets leave on a pair that was agreed on after what its sender put in its place",
  },
  {
    story: "called-at-other-address",
    what: "a peer that has two addresses is not at home at the second one for who calls anew",
  },
  {
    story: "delete-shows-one",
    what: "the end of an IKE SA has packets leave on all that waits to be sent on, the last of which the peer has not got yet",
  },
  {
    story: "request-before-keys",
    what: "a request shows that the response before it has arrived, while what it brought is still being computed",
  },
  {
    story: "two-renewed-in-turn",
    what: "of two IKE SAs that are rekeyed in turn none is ever old enough to be closed",
  },
  {
    story: "children-on-two",
    what: "each of two IKE SAs has a child of its own, and each end renews the one that it opened",
  },
  {
    story: "proof-from-elsewhere",
    what: "a peer that has moved repeats its proof from the address that it has back, and is sent to there before it can receive",
  },
  {
    story: "heard-on-successor",
    what: "an IKE SA that replaces another forgets the address that the peer named on it before it had inherited",
  },
  {
    story: "left-unheard",
    what: "who was called leaves its address for another and does not come back, though who decides never heard of it",
  },
  {
    story: "replaced-twice",
    what: "a pair that the peer has not deleted yet counts again when what replaced it is replaced in turn, and drives that out",
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
