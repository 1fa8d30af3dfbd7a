/** What a former run left, where the kernel would not say so at the start: it is asked again until it does. */
import { inboundId, outboundId } from "../sa/child-sa.ts";
import type { Parts } from "./parts.ts";
import { saKey } from "./sa-key.ts";
import type { TimerOwner } from "./timers.ts";

/** The wait before the kernel is asked again, in ms. */
const wait = 1_000;

/** Finds SAs and policies that nobody here knows, and gives them to their keepers. */
export class LateAdoption implements TimerOwner {
  readonly #parts: Parts;
  /** Fits what was found to the configuration that runs. */
  readonly #refit: () => void;

  constructor(parts: Parts, refit: () => void) {
    this.#parts = parts;
    this.#refit = refit;
  }

  begin(): void {
    this.#parts.timers.arm(this, "adopt", this.#parts.now + wait);
  }

  end(): void {
    this.#parts.timers.disarm(this, "adopt");
  }

  onTimer(): void {
    this.#parts.outbox.kernel([{ kind: "listPolicies" }, { kind: "listSas" }], ([policies, sas]) => {
      if (policies?.kind !== "policies" || sas?.kind !== "sas") return this.begin();
      this.#parts.policies.adopt(policies.policies);
      const known = this.#knownSas();
      this.#parts.standing.adopt(sas.sas.filter((sa) => !known.has(saKey(sa))));
      this.#refit();
    });
  }

  /** All that a Child SA of ours has, had or waits for: installed since the start, and in the list too. */
  #knownSas(): ReadonlySet<string> {
    const known = new Set(this.#parts.lingering.keys());
    for (const sa of this.#parts.running.sas) {
      for (const child of sa.children.values()) known.add(saKey(inboundId(child))).add(saKey(outboundId(child)));
    }
    return known;
  }
}
