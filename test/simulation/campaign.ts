/** Many seeds, one after the other. */
import { type GenerateOptions, generate } from "./generate.ts";
import { generateIkev1 } from "./generate-ikev1.ts";
import type { Scenario } from "./scenario.ts";
import { type Counts, type Failure, simulate } from "./simulation.ts";

export interface Failed {
  readonly scenario: Scenario;
  readonly failure: Failure;
}

export interface TellOptions {
  /** Asked for each scenario that fails; whether to go on. */
  readonly failed: (failed: Failed) => boolean;
  readonly told?: (scenario: Scenario) => void;
}

export interface CampaignOptions extends GenerateOptions, TellOptions {
  readonly first: number;
  readonly count: number;
  /** IKEv1 and mixed pairs. */
  readonly ikev1?: boolean | undefined;
}

export interface Told {
  readonly seeds: number;
  /** The sum of what was counted. */
  readonly counts: Counts;
}

/** Tells seeds until all are told or one that failed is enough. */
export function campaign(options: CampaignOptions): Told {
  return tellAll(scenarios(options), options);
}

function* scenarios(options: CampaignOptions): Generator<Scenario> {
  for (let seed = options.first; seed < options.first + options.count; seed += 1)
    yield (options.ikev1 === true ? generateIkev1 : generate)(seed, options);
}

/** Tells scenarios until all are told or one that failed is enough. */
export function tellAll(all: Iterable<Scenario>, options: TellOptions): Told {
  const sum = { datagrams: 0, packets: 0, delivered: 0, owed: 0, compared: 0, virtualSeconds: 0 };
  let seeds = 0;
  for (const scenario of all) {
    options.told?.(scenario);
    const { failure, counts } = simulate(scenario);
    seeds += 1;
    for (const key of Object.keys(counts) as (keyof Counts)[]) sum[key] += counts[key];
    if (failure !== undefined && !options.failed({ scenario, failure })) break;
  }
  return { seeds, counts: sum };
}

/** The first of so many seeds that fails. */
export function firstFailure(first: number, count: number, ikev1 = false): Failed | undefined {
  let found: Failed | undefined;
  campaign({
    first,
    count,
    ikev1,
    failed: (failed) => {
      found = failed;
      return false;
    },
  });
  return found;
}
