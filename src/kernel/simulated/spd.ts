import { formatSelector, type Selector } from "../../negotiate/selector.ts";
import type { Policy, PolicyDirection } from "../port.ts";
import { type ClearPacket, selectorMatches } from "./packet.ts";

export interface SpdEntry {
  readonly policy: Policy;
  /** Undefined: ours. Else a name for the owner. */
  readonly owner: string | undefined;
  /** Among equal priorities the lower wins. */
  readonly position: number;
}

/** The security policy database: one policy per selector and direction, whatever its priority. */
export class Spd {
  readonly #entries = new Map<string, SpdEntry>();
  #position = 0;

  get entries(): readonly SpdEntry[] {
    return [...this.#entries.values()];
  }

  find(selector: Selector, direction: PolicyDirection): SpdEntry | undefined {
    return this.#entries.get(keyOf(selector, direction));
  }

  /** Adds a policy, or replaces the one of the same selector and direction; with another priority it goes behind its new equals. */
  set(policy: Policy, owner: string | undefined): void {
    const key = keyOf(policy.selector, policy.direction);
    const standing = this.#entries.get(key);
    this.#position += 1;
    const position = standing?.policy.priority === policy.priority ? standing.position : this.#position;
    this.#entries.set(key, { policy, owner, position });
  }

  delete(selector: Selector, direction: PolicyDirection): void {
    this.#entries.delete(keyOf(selector, direction));
  }

  /** The policy that decides on a packet: lowest priority value, then the oldest. */
  lookup(packet: ClearPacket, direction: PolicyDirection): SpdEntry | undefined {
    let best: SpdEntry | undefined;
    for (const entry of this.#entries.values()) {
      const { policy } = entry;
      if (policy.direction !== direction || !selectorMatches(policy.selector, packet)) continue;
      if (best === undefined || outranks(entry, best)) best = entry;
    }
    return best;
  }
}

function outranks(a: SpdEntry, b: SpdEntry): boolean {
  if (a.policy.priority !== b.policy.priority) return a.policy.priority < b.policy.priority;
  return a.position < b.position;
}

function keyOf(selector: Selector, direction: PolicyDirection): string {
  return `${direction} ${formatSelector(selector)}`;
}
