/** Takes children on demand down once they have carried nothing for their time. */

import type { SaId, SaUsage } from "../kernel/port.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { inboundId, outboundId } from "../sa/child-sa.ts";
import type { ChildRecord } from "./child-record.ts";
import { saKey } from "./sa-key.ts";
import type { TimerOwner } from "./timers.ts";

/** What is asked of the peer and of what surrounds it. */
export interface IdleContext {
  readonly sas: ReadonlySet<AnyIkeSa>;
  readonly children: ReadonlyMap<string, ChildRecord>;
  now(): number;
  arm(owner: TimerOwner, name: string, at: number): void;
  /** The counters of SAs in the kernel; undefined for those that do not stand. */
  usages(sas: readonly SaId[], then: (usages: readonly (SaUsage | undefined)[]) => void): void;
}

/** Looks at the counters once in an idle time, so that a child goes between one and two of them after its last packet. */
export class IdleWatch implements TimerOwner {
  readonly #context: IdleContext;
  /** By child: what each of its SAs had carried at the last look. */
  readonly #seen = new Map<string, ReadonlyMap<string, bigint>>();

  constructor(context: IdleContext) {
    this.#context = context;
  }

  /** A child has come up, or has another Child SA. */
  up({ desired }: ChildRecord): void {
    const idle = desired.onDemand?.idle ?? 0;
    if (idle === 0 || this.#seen.has(desired.name)) return;
    this.#lookLater(desired.name, new Map(), idle);
  }

  onTimer(name: string): void {
    const record = this.#context.children.get(name);
    const idle = record?.desired.onDemand?.idle;
    const before = this.#seen.get(name);
    this.#seen.delete(name);
    if (record?.state.kind !== "up" || idle === undefined || before === undefined) return;
    const ids = [...record.sas].flatMap((child) => [inboundId(child), outboundId(child)]);
    this.#context.usages(ids, (usages) => {
      if (record.state.kind !== "up") return;
      const standing = usages.filter((usage) => usage !== undefined);
      const carried = standing.some((usage) => usage.packets > (before.get(saKey(usage)) ?? 0n));
      // Counters that could not be had say nothing.
      if (!carried && standing.length > 0) return this.#end(record, idle);
      this.#lookLater(name, new Map(standing.map((usage) => [saKey(usage), usage.packets])), idle);
    });
  }

  #lookLater(name: string, seen: ReadonlyMap<string, bigint>, idle: number): void {
    this.#seen.set(name, seen);
    this.#context.arm(this, name, this.#context.now() + idle);
  }

  #end(record: ChildRecord, idle: number): void {
    const reason = { code: "idle", child: record.desired.name, seconds: idle / 1000 } as const;
    for (const child of [...record.sas]) {
      for (const { children } of this.#context.sas) {
        if (children.get(child.spiIn) === child) children.retire(child, reason);
      }
    }
  }
}
