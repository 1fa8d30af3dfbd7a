/** Callers who were refused before it was known which peer they are: no peer's status can show them. */
import type { Reason } from "../negotiate/reason.ts";
import type { LogRecord } from "../sa/log-record.ts";

/** One refusal; `at` is in milliseconds of the engine's clock. */
export interface Refusal {
  readonly at: number;
  /** The caller's address and port. */
  readonly remote: string;
  readonly reason: Reason;
}

/** How many are kept: anybody can bring them about. */
export const keptRefusals = 16;

/** The latest refusals, oldest first. */
export class Refusals {
  readonly #kept: Refusal[] = [];

  get latest(): readonly Refusal[] {
    return this.#kept;
  }

  /** Keeps what the record tells of, where that is a refusal and names no peer. */
  hear({ event, peer, reason, facts }: LogRecord, now: number): void {
    if (event !== "ike-sa-failed" || peer !== undefined || reason === undefined) return;
    this.#kept.push({ at: now, remote: String(facts?.remote ?? ""), reason });
    if (this.#kept.length > keptRefusals) this.#kept.shift();
  }
}
