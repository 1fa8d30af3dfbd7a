/** Comparing what stands in the kernel with what should : its reports may be lost. */
import type { IkeSa } from "../ikev2/ike-sa.ts";
import type { SaId, StandingSa } from "../kernel/port.ts";
import { type ChildSa, inboundId, outboundId } from "../sa/child-sa.ts";
import type { Parts } from "./parts.ts";
import { saKey } from "./sa-key.ts";
import type { TimerOwner } from "./timers.ts";

/** How long after a comparison that could not be made it is tried again, in ms. */
const wait = 1_000;

/** Mends what differs: policies are set again, and Child SAs that lost a half are dropped. */
export class Resync implements TimerOwner {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Compares everything, once the kernel has said what stands. */
  run(): void {
    const { outbox, policies, timers } = this.#parts;
    outbox.kernel([{ kind: "listSas" }, { kind: "listPolicies" }], (answers) => {
      for (const answer of answers) {
        if (answer.kind === "sas") this.#mendSas(answer.sas);
        else if (answer.kind === "policies") policies.resync(answer.policies);
        else if (answer.kind === "refused") {
          outbox.log({ level: "error", event: "resync", reason: { code: "kernel-refused", ...answer.refusal } });
          timers.arm(this, "resync", this.#parts.now + wait);
        }
      }
    });
  }

  /** Asks the kernel for the SAs of one IKE SA's children, and drops those that have vanished. */
  inspect(sa: IkeSa): void {
    for (const child of sa.children.values()) {
      for (const id of wanted(sa, child)) {
        this.#parts.outbox.kernel([{ kind: "querySa", sa: id }], ([answer]) => {
          if (answer?.kind !== "refused" || answer.refusal.errno !== "ESRCH") return;
          if (sa.state.kind === "Established" && sa.children.get(child.spiIn) === child)
            sa.children.drop(child, { code: "sa-vanished", spi: id.spi });
        });
      }
    }
  }

  onTimer(): void {
    this.run();
  }

  #mendSas(listed: readonly StandingSa[]): void {
    const there = new Set(listed.map(saKey));
    this.#parts.standing.resync((sa) => there.has(saKey(sa)));
    for (const sa of this.#parts.running.sas) {
      if (sa.state.kind !== "Established") continue;
      for (const child of [...sa.children.values()]) {
        const lost = wanted(sa, child).find((id) => !there.has(saKey(id)));
        if (lost !== undefined) sa.children.drop(child, { code: "sa-vanished", spi: lost.spi });
      }
    }
  }
}

/** What should stand of it by now. */
function wanted(sa: IkeSa, child: ChildSa): SaId[] {
  return sa.children.sendsOn(child) ? [inboundId(child), outboundId(child)] : [inboundId(child)];
}
