import { expect, test } from "vitest";
import { withFault } from "./plant.ts";
import { plantedFaults } from "./planted-faults.ts";

/** Seeds within which each must be found. */
const patience = 1_000;

test.each(plantedFaults.map((fault) => ({ name: fault.name, fault })))(
  "found: $name",
  async ({ fault }) => {
    const found = await withFault(fault, ({ firstFailure }) => firstFailure(1, patience));
    expect(fault.breaks, `found in no seed up to ${patience}`).toContain(found?.failure.invariant);
    console.log(`${fault.name}: seed ${found?.scenario.seed}, ${found?.failure.message}`);
  },
  600_000,
);
