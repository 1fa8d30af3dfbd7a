/** `npm run simulate`: tells many seeds, and of the first that fails its shortest story. */
import { parseArgs } from "node:util";
import { generate } from "./generate.ts";
import { shrink } from "./shrink.ts";
import { type Counts, simulate } from "./simulation.ts";
import { tell, tellFailure } from "./story.ts";

const usage = `usage: npm run simulate -- [--seeds N] [--seed S] [--ends E] [--events K] [--no-shrink] [--tell] [--keep-going]
  --seeds N      so many seeds (1000), from --seed on
  --seed S       the first seed (1); alone, the only one
  --ends E       so many ends in each, 2 to 20, instead of what the seed says
  --events K     so many events in each
  --no-shrink    print a failing seed as it is
  --tell         print every story
  --keep-going   go on after a failure; all failing seeds are listed at the end`;

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    ends: { type: "string" },
    events: { type: "string" },
    "no-shrink": { type: "boolean" },
    tell: { type: "boolean" },
    "keep-going": { type: "boolean" },
    help: { type: "boolean" },
  },
});

if (values.help) {
  console.log(usage);
  process.exit(0);
}

const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.seed === undefined ? 1_000 : 1));
const options = {
  ends: values.ends === undefined ? undefined : Number(values.ends),
  events: values.events === undefined ? undefined : Number(values.events),
};
if (![first, count, options.ends ?? 2, options.events ?? 0].every(Number.isInteger) || count < 1) {
  console.error(usage);
  process.exit(2);
}

const started = performance.now();
const failing: string[] = [];
const total = { datagrams: 0, packets: 0, delivered: 0, owed: 0, compared: 0, virtualSeconds: 0 };
for (let seed = first; seed < first + count; seed += 1) {
  const scenario = generate(seed, options);
  if (values.tell) console.log(`\nseed ${seed} (${scenario.theme})\n${tell(scenario)}`);
  const { failure, counts } = simulate(scenario);
  for (const key of Object.keys(counts) as (keyof Counts)[]) total[key] += counts[key];
  if (failure === undefined) continue;
  failing.push(`${seed}  ${scenario.theme}: ${failure.invariant}: ${failure.message}`);
  if (values["keep-going"]) continue;
  if (values["no-shrink"]) console.log(tellFailure(scenario, failure));
  else {
    const short = shrink(scenario, failure);
    console.log(tellFailure(short.scenario, short.failure));
  }
  break;
}
const seconds = (performance.now() - started) / 1000;
const told = failing.length > 0 && !values["keep-going"] ? "" : ` of ${count}`;
console.log(
  `${failing.length} failed${told} seeds from ${first} on, in ${seconds.toFixed(1)} s; ` +
    `${total.datagrams} datagrams, ${total.delivered} of ${total.packets} packets delivered, ${total.owed} of them owed, ` +
    `${total.compared} SAs compared, ${Math.round(total.virtualSeconds / 3600)} h of the worlds' time`,
);
for (const line of failing) console.log(line);
process.exit(failing.length > 0 ? 1 : 0);
