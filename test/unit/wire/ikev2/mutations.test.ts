import { expect, test, vi } from "vitest";
import { WireError } from "../../../../src/wire/error.ts";
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  unsupportedCritical,
} from "../../../../src/wire/ikev2/message.ts";
import { Trail } from "../../../../src/wire/trail.ts";
import { mutate, seeded } from "../../../fuzz/mutate.ts";
import { chains, messages } from "./recorded.ts";

/** Mutations in all, as many as go through an engine; UNDERLOCK_MUTATIONS sets more, UNDERLOCK_SEED walks elsewhere. */
const total = Number(process.env.UNDERLOCK_MUTATIONS ?? 100_000);
const seed = Number(process.env.UNDERLOCK_SEED ?? 1);

interface Tally {
  accepted: number;
  readonly codes: Map<string, number>;
}

/** Decodes mutations of `inputs`; `roundTrip` gives the octets of what was accepted, written again. */
function campaign<T extends { octets: Buffer; id: string }>(
  inputs: readonly T[],
  runs: number,
  roundTrip: (input: T, octets: Uint8Array) => Uint8Array,
): Tally {
  const rng = seeded(seed);
  const entered = vi.spyOn(Trail.prototype, "enter");
  const tally: Tally = { accepted: 0, codes: new Map() };
  for (let run = 0; run < runs; run++) {
    const input = inputs[run % inputs.length] as T;
    const octets = mutate(rng, input.octets);
    const said = `${input.id}, run ${run}: ${Buffer.from(octets).toString("hex")}`;
    entered.mockClear();
    try {
      const again = roundTrip(input, octets);
      if (!Buffer.from(again).equals(octets)) throw new Error(`written otherwise: ${said}`);
      tally.accepted++;
    } catch (error) {
      if (!(error instanceof WireError)) throw new Error(`not the typed error: ${said}`, { cause: error });
      tally.codes.set(error.code, (tally.codes.get(error.code) ?? 0) + 1);
    }
    // Every structure costs at least four octets of input, in each of the two directions.
    if (entered.mock.calls.length > octets.length / 2 + 2) throw new Error(`too many steps: ${said}`);
  }
  entered.mockRestore();
  return tally;
}

test("mutated messages are read the same way again or refused with the typed error", () => {
  const { accepted, codes } = campaign(messages, total * 0.7, (_, octets) => {
    const { header, payloads } = decodeMessage(octets);
    unsupportedCritical(payloads);
    return encodeMessage(header, payloads);
  });
  // The mutator must reach both sides of every check, or it tests nothing.
  expect(accepted).toBeGreaterThan(total / 100);
  expect([...codes.keys()].sort()).toEqual(
    ["chain", "length", "limit", "major-version", "placement", "trailing", "truncated", "value"].sort(),
  );
});

test("mutated plaintexts are read the same way again or refused with the typed error", () => {
  const inside = chains.filter(({ id }) => !id.includes("skf") && !id.includes("sk_pld"));
  const { accepted, codes } = campaign(inside, total * 0.3, ({ firstType }, octets) => {
    const again = encodePayloads(decodePayloads(firstType, octets, "protected"));
    return again.octets;
  });
  expect(accepted).toBeGreaterThan(total / 100);
  expect(codes.has("trailing") && codes.has("truncated") && codes.has("value") && codes.has("chain")).toBe(true);
});
