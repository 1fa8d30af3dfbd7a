/** Coverage-guided fuzzing of one parser: what goes a way that none went before is kept and changed on. */
import { Coverage } from "./coverage.ts";
import { minimise } from "./minimise.ts";
import { mutate, type Rng, seeded } from "./mutate.ts";
import type { Target } from "./targets.ts";

/** Inputs between two looks at the coverage, which take milliseconds. */
const batch = 64;
const maxCorpus = 4096;
const maxInput = 65_536;
/** A parser that takes longer for one input than this has a fault too. */
const slowMs = 2000;

/** What a run came to. */
export interface Campaign {
  readonly executions: number;
  readonly pieces: number;
  readonly corpus: number;
  readonly finds: readonly Find[];
}

/** An input that does what no input may. */
export interface Find {
  readonly input: Uint8Array;
  readonly why: string;
}

/** Runs until `until` (milliseconds since 1970), or until `most` inputs were tried. */
export function fuzz(target: Target, seed: number, until: number, most = Number.POSITIVE_INFINITY): Campaign {
  const rng = seeded(seed);
  const corpus = target.corpus().filter((input) => input.length <= maxInput);
  const coverage = new Coverage();
  const finds = new Map<string, Find>();
  let executions = 0;
  const tryInput = (input: Uint8Array) => {
    executions += 1;
    const why = failureOf(target, input);
    if (why !== undefined && !finds.has(why)) {
      const least = minimise(input, (smaller) => failureOf(target, smaller) === why);
      finds.set(why, { input: least, why });
    }
  };
  coverage.begin();
  for (const input of corpus) tryInput(input);
  coverage.takeNew();
  while (Date.now() < until && executions < most) {
    const inputs = Array.from({ length: batch }, () => next(rng, corpus, target));
    for (const input of inputs) tryInput(input);
    if (coverage.takeNew() > 0) keep(inputs, corpus, rng);
  }
  coverage.end();
  return { executions, pieces: coverage.size, corpus: corpus.length, finds: [...finds.values()] };
}

/** Why an input must not do what it does; undefined where the parser read it or refused it with its own error. */
export function failureOf(target: Target, input: Uint8Array): string | undefined {
  const began = performance.now();
  try {
    target.run(Buffer.from(input));
  } catch (error) {
    if (target.refusals.some((refusal) => error instanceof refusal)) return undefined;
    const at =
      error instanceof Error
        ? (error.stack
            ?.split("\n")[1]
            ?.trim()
            .replace(/\(.*\/src\//, "(src/") ?? "")
        : "";
    return `${error instanceof Error ? `${error.name}: ${error.message.slice(0, 120)}` : String(error)} ${at}`;
  }
  const took = performance.now() - began;
  return took > slowMs ? `took longer than ${slowMs} ms` : undefined;
}

function next(rng: Rng, corpus: readonly Uint8Array[], target: Target): Uint8Array {
  const chosen = corpus[rng() % Math.max(1, corpus.length)] ?? new Uint8Array(0);
  const changed = mutate(rng, chosen, target.types);
  // Two inputs joined in the middle reach what neither does.
  const other = corpus[rng() % Math.max(1, corpus.length)] ?? chosen;
  if (rng() % 8 !== 0) return changed.subarray(0, maxInput);
  const [cut, from] = [rng() % (changed.length + 1), rng() % (other.length + 1)];
  return Buffer.concat([changed.subarray(0, cut), other.subarray(from)]).subarray(0, maxInput);
}

/** Which of the batch it was is not worth the time to find out: all are near what is new. */
function keep(inputs: readonly Uint8Array[], corpus: Uint8Array[], rng: Rng): void {
  for (const input of inputs.slice(0, 8)) {
    if (corpus.length < maxCorpus) corpus.push(Buffer.from(input));
    else corpus[rng() % maxCorpus] = Buffer.from(input);
  }
}
