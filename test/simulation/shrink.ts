/** A long story made short: delta debugging over the list of events (Zeller's ddmin), then over the cast. */
import type { Scenario, SimulationEvent } from "./scenario.ts";
import { type Failure, simulate } from "./simulation.ts";

/** The shortest scenario found that breaks the same invariant, and how. */
export function shrink(
  scenario: Scenario,
  failure: Failure,
): { readonly scenario: Scenario; readonly failure: Failure } {
  let best = { scenario, failure };
  const attempt = (candidate: Scenario): boolean => {
    const outcome = simulate(candidate).failure;
    if (outcome?.invariant !== failure.invariant) return false;
    best = { scenario: candidate, failure: outcome };
    return true;
  };
  for (let before = ""; before !== JSON.stringify(best.scenario); ) {
    before = JSON.stringify(best.scenario);
    shrinkEvents(() => best.scenario, attempt);
    shrinkCast(() => best.scenario, attempt);
  }
  return best;
}

type Attempt = (candidate: Scenario) => boolean;

/** Takes away ever smaller pieces until no single event can go. */
function shrinkEvents(current: () => Scenario, attempt: Attempt): void {
  for (let size = current().events.length; size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < current().events.length; ) {
      const { events } = current();
      if (!attempt({ ...current(), events: [...events.slice(0, at), ...events.slice(at + size)] })) at += size;
    }
  }
}

/** Lets ends answer at once, and peerings protect one line. An end stays, for its place is its name; its peerings go. */
function shrinkCast(current: () => Scenario, attempt: Attempt): void {
  current().ends.forEach((plan, index) => {
    const simple = { ...plan, kernelDelay: 0, computeDelay: 0 };
    if (plan.kernelDelay + plan.computeDelay > 0)
      attempt({ ...current(), ends: current().ends.map((one, i) => (i === index ? simple : one)) });
  });
  for (let index = current().peerings.length - 1; index >= 0 && current().peerings.length > 1; index -= 1)
    attempt(withoutPeering(current(), index));
  current().peerings.forEach((peering, index) => {
    const [first] = peering.protect;
    if (peering.protect.length === 1) return;
    const simple = { ...peering, protect: [first] as const };
    attempt({ ...current(), peerings: current().peerings.map((one, i) => (i === index ? simple : one)) });
  });
}

/** Events name peerings by their places. */
function withoutPeering(scenario: Scenario, gone: number): Scenario {
  return {
    ...scenario,
    peerings: scenario.peerings.filter((_, index) => index !== gone),
    events: scenario.events.flatMap((event): SimulationEvent[] => {
      if (!("peering" in event)) return [event];
      if (event.peering === gone) return [];
      return [event.peering < gone ? event : { ...event, peering: event.peering - 1 }];
    }),
  };
}
