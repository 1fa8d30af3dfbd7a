/** A decoder is shown mutated messages: each is read the same way again, or refused with the typed error, in bounded work. */
import { vi } from "vitest";
import { WireError } from "../../../src/wire/error.ts";
import { Trail } from "../../../src/wire/trail.ts";
import { mutate, type Rng, seeded } from "../../fuzz/mutate.ts";

const seed = Number(process.env.UNDERLOCK_SEED ?? 1);

/** Mutations in all; a long campaign sets UNDERLOCK_MUTATIONS, and UNDERLOCK_SEED to walk elsewhere. */
export function mutationsOr(usual: number): number {
  return Number(process.env.UNDERLOCK_MUTATIONS ?? usual);
}

/** Where a campaign begins: always the same. */
export function newRng(): Rng {
  return seeded(seed);
}

/** What became of them. */
export interface Tally {
  accepted: number;
  /** Refusals by their code. */
  readonly codes: Map<string, number>;
}

/** Decodes mutations of `inputs`, in which payloads become one of `types`; `roundTrip` gives the octets of what was accepted, written again. */
export function campaign<T extends { octets: Uint8Array; id: string }>(
  inputs: readonly T[],
  runs: number,
  types: readonly number[],
  roundTrip: (input: T, octets: Uint8Array) => Uint8Array,
): Tally {
  const rng = newRng();
  const entered = vi.spyOn(Trail.prototype, "enter");
  const tally: Tally = { accepted: 0, codes: new Map() };
  for (let run = 0; run < runs; run++) {
    const input = inputs[run % inputs.length] as T;
    const octets = mutate(rng, input.octets, types);
    const said = `${input.id}, run ${run}: ${Buffer.from(octets).toString("hex")}`;
    entered.mockClear();
    try {
      const again = Buffer.from(roundTrip(input, octets));
      if (!again.equals(octets)) throw new Error(`written otherwise: ${said}`);
      tally.accepted++;
    } catch (error) {
      // What was read can always be written.
      if (!(error instanceof WireError) || error.code === "unencodable")
        throw new Error(`not the typed error: ${said}`, { cause: error });
      tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1);
    }
    // Every structure costs at least four octets of input, in each of the two directions.
    if (entered.mock.calls.length > octets.length / 2 + 2) throw new Error(`too many steps: ${said}`);
  }
  entered.mockRestore();
  return tally;
}
