/** `npm run simulate`: tells many seeds, and of the first that fails its shortest story. */
import { parseArgs } from "node:util";
import { campaign, type Failed, type TellOptions, tellAll } from "./campaign.ts";
import { cells } from "./matrix.ts";
import { patience, plantedFaults } from "./planted-faults.ts";
import { shrink } from "./shrink.ts";
import { simulate } from "./simulation.ts";
import { readStory } from "./stories.ts";
import { tell, tellFailure } from "./story.ts";

const usage = `usage: npm run simulate -- [--seeds N] [--seed S] [--ends E] [--events K] [--ikev1] [--no-shrink] [--tell] [--keep-going]
       npm run simulate -- --matrix [--cell C] [--tell] [--trace] [--keep-going]
       npm run simulate -- --planted
       npm run simulate -- --story FILE [--tell] [--trace]
  --seeds N      so many seeds (1000), from --seed on
  --seed S       the first seed (1); alone, the only one
  --ikev1        pairs that speak IKEv1, and pairs whose ends speak different versions
  --ends E       so many ends in each, 2 to 20, instead of what the seed says
  --events K     so many events in each
  --no-shrink    print a failing seed as it is
  --tell         print every story
  --trace        of the first failing seed, everything that happened
  --keep-going   go on after a failure, and list all failing seeds at the end
  --matrix       tell the enumerated collisions instead; --cell C: that one alone
  --planted      look for each planted fault, from seed 1 on
  --story FILE   tell a story that is kept as data`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    ends: { type: "string" },
    events: { type: "string" },
    ikev1: { type: "boolean" },
    "no-shrink": { type: "boolean" },
    tell: { type: "boolean" },
    trace: { type: "boolean" },
    "keep-going": { type: "boolean" },
    matrix: { type: "boolean" },
    planted: { type: "boolean" },
    cell: { type: "string" },
    story: { type: "string" },
    help: { type: "boolean" },
  },
});
const number = (text: string | undefined): number | undefined => (text === undefined ? undefined : Number(text));

const first = number(values.seed) ?? 1;
const count = number(values.seeds) ?? (values.seed === undefined ? 1_000 : 1);
const ends = number(values.ends);
const events = number(values.events);
if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (
  ![first, count, ends ?? 2, events ?? 0].every(Number.isInteger) ||
  count < 1 ||
  (ends ?? 2) < 2 ||
  (ends ?? 2) > 20
) {
  console.error(usage);
  process.exit(2);
}

if (values.planted) process.exit(await findPlanted());

const started = performance.now();
const failing: Failed[] = [];
const options = {
  ...(values.tell
    ? { told: (scenario) => console.log(`\nseed ${scenario.seed}, ${scenario.theme}\n${tell(scenario)}`) }
    : {}),
  failed: (failed) => {
    failing.push(failed);
    return values["keep-going"] === true;
  },
} satisfies TellOptions;
const matrix = cells().filter(({ number: cell }) => values.cell === undefined || cell === Number(values.cell));
const kept = values.story === undefined ? undefined : [readStory(values.story)];
const data = kept ?? (values.matrix ? matrix.map(({ scenario }) => scenario) : undefined);
const { seeds, counts } =
  data === undefined
    ? campaign({ first, count, ends, events, ikev1: values.ikev1, ...options })
    : tellAll(data, options);
const seconds = ((performance.now() - started) / 1000).toFixed(1);
const [failed] = failing;
if (failed !== undefined && !values["keep-going"]) {
  const short = values["no-shrink"] || values.matrix ? failed : shrink(failed.scenario, failed.failure);
  if (values.trace) simulate(short.scenario, (line) => console.log(line));
  console.log(tellFailure(short.scenario, short.failure));
}
for (const { scenario, failure } of failing)
  console.log(`${scenario.seed}  ${scenario.theme}: ${failure.invariant}: ${failure.message}`);
console.log(
  `${failing.length} of ${seeds} ${values.matrix ? "cells" : "seeds"} failed, in ${seconds} s; ${counts.datagrams} datagrams, ${counts.delivered} of ` +
    `${counts.packets} packets delivered, ${counts.owed} of them owed, ${counts.compared} SAs compared, ` +
    `${Math.round(counts.virtualSeconds / 3600)} h of the worlds' time`,
);
process.exit(failing.length > 0 ? 1 : 0);

/** Says by which seed each planted fault is found; the exit status. */
async function findPlanted(): Promise<number> {
  // Loads a bundler, which nobody else needs.
  const { withFault } = await import("./plant.ts");
  let missed = 0;
  for (const fault of plantedFaults) {
    const found = await withFault(fault, ({ firstFailure }) => firstFailure(1, patience));
    const isFound = found !== undefined && fault.breaks.includes(found.failure.invariant);
    if (!isFound) missed += 1;
    const by = found === undefined ? "by no seed" : `by seed ${found.scenario.seed}: ${found.failure.message}`;
    console.log(`${isFound ? "found" : "MISSED"}: ${fault.name}, ${by}`);
  }
  return missed > 0 ? 1 : 0;
}
