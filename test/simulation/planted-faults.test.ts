import { expect, test } from "vitest";
import { withFault } from "./plant.ts";
import { patience, plantedFaults } from "./planted-faults.ts";

/** From seed 1 on: `npm run simulate -- --planted`. */
test.each(plantedFaults.map((fault) => ({ name: fault.name, fault })))(
  "found: $name",
  async ({ fault }) => {
    const found = await withFault(fault, ({ firstFailure }) => firstFailure(fault.foundBy, patience));
    expect(fault.breaks, `found in no seed up to ${patience}`).toContain(found?.failure.invariant);
  },
  600_000,
);
