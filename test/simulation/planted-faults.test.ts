import { expect, test } from "vitest";
import type { Invariant } from "./broken.ts";
import { withFault } from "./plant.ts";
import { patience, plantedFaults } from "./planted-faults.ts";

test.each<Invariant>([
  "no clear packet",
  "no packet lost in peace",
  "both ends agree",
  "nothing stays beyond its time",
  "what is configured stands once",
  "nothing throws",
])("a fault is planted that breaks no other invariant than: %s", (invariant) => {
  expect(plantedFaults.filter(({ breaks: [first, ...more] }) => first === invariant && more.length === 0)).not.toEqual(
    [],
  );
});

/** From seed 1 on: `npm run simulate -- --planted`. */
test.each(plantedFaults.map((fault) => ({ name: fault.name, fault })))(
  "found: $name",
  async ({ fault }) => {
    const found = await withFault(fault, ({ firstFailure }) => firstFailure(fault.foundBy, patience));
    expect(fault.breaks, `found in no seed up to ${patience}`).toContain(found?.failure.invariant);
  },
  600_000,
);
