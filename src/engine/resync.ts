/** Comparing what stands in the kernel with what should : its reports may be lost. */

import type { SaId, SaUsage, StandingSa } from "../kernel/port.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { type ChildSa, inboundId, outboundId } from "../sa/child-sa.ts";
import type { Traffic } from "../sa/liveness.ts";
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

  /**
   * Asks the kernel for the SAs of one IKE SA's children, drops those that have vanished, and rekeys those that have come
   * to a soft limit; `then` gets what they have carried since the last time.
   */
  inspect(sa: AnyIkeSa, then: (traffic: Traffic) => void): void {
    const halves = [...sa.children.values()].flatMap((child) => wanted(sa, child));
    if (halves.length === 0) return then({ received: false, sent: false });
    this.#parts.outbox.kernel([{ kind: "querySas", sas: halves.map(({ id }) => id) }], ([answer]) => {
      let received = false;
      let sent = false;
      // They may have been inherited meanwhile.
      const { holder } = sa;
      if (answer?.kind === "usages") {
        for (const [at, half] of halves.entries()) {
          const carried = compare(holder, half, answer.usages[at]);
          if (half.direction === "in") received ||= carried;
          else sent ||= carried;
        }
      }
      then({ received, sent });
    });
  }

  onTimer(): void {
    this.run();
  }

  #mendSas(listed: readonly StandingSa[]): void {
    const there = new Map(listed.map((sa) => [saKey(sa), sa]));
    const cpis = new Set(listed.map(({ destination, cpi }) => `${destination} ${cpi}`));
    const around = new Set(listed.map(({ destination, ahSpi }) => `${destination} ${ahSpi}`));
    // Without its IPComp SA, or the AH around it, it carries nothing.
    const find = (id: SaId): StandingSa | undefined =>
      (id.cpi === undefined || cpis.has(`${id.destination} ${id.cpi}`)) &&
      (id.ahSpi === undefined || around.has(`${id.destination} ${id.ahSpi}`))
        ? there.get(saKey(id))
        : undefined;
    this.#parts.standing.resync((sa) => there.has(saKey(sa)));
    for (const sa of this.#parts.running.sas) {
      for (const child of [...sa.children.values()]) {
        for (const half of wanted(sa, child)) compare(sa, half, find(half.id));
      }
    }
  }
}

/** One half of a Child SA. */
interface Half {
  readonly child: ChildSa;
  readonly direction: "in" | "out";
  readonly id: SaId;
}

/** Acts on how a half stands in the kernel; whether it has carried anything since it was last looked at. */
function compare(sa: AnyIkeSa, { child, direction, id }: Half, usage: SaUsage | undefined): boolean {
  if (sa.state.kind !== "Established" || !sa.children.has(child)) return false;
  if (usage !== undefined) return sa.children.counted(child, direction, usage);
  sa.children.drop(child, { code: "sa-vanished", spi: id.spi });
  return false;
}

/** What should stand of it by now. */
function wanted(sa: AnyIkeSa, child: ChildSa): Half[] {
  const inbound: Half = { child, direction: "in", id: inboundId(child) };
  return sa.children.sendsOn(child) ? [inbound, { child, direction: "out", id: outboundId(child) }] : [inbound];
}
