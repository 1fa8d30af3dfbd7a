/** One line of the log as data; the daemon prints it, tests and metrics read it. Never holds a secret (invariant 8). */
import type { Reason } from "../negotiate/reason.ts";

export interface LogRecord {
  readonly level: "debug" | "info" | "warn" | "error";
  /** What happened, a closed list of stable codes. */
  readonly event: LogEvent;
  readonly peer?: string;
  readonly child?: string;
  readonly reason?: Reason;
  /** Further facts, each printable. */
  readonly facts?: Readonly<Record<string, string | number>>;
}

export type LogEvent =
  | "ike-sa-up"
  | "ike-sa-down"
  | "ike-sa-failed"
  | "ike-sa-rekeyed"
  | "rekey-failed"
  | "child-sa-up"
  | "child-sa-down"
  | "child-sa-failed"
  | "peer-connecting"
  | "peer-removed"
  | "redirect"
  | "path-changed"
  | "policy-failed"
  | "route-failed"
  | "message-dropped"
  | "retransmit"
  | "resync";
