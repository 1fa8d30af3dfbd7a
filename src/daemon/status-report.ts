/** What `status` answers: the engine's snapshot with dates and sentences, and the daemon around it. */
import type { ChildSaStatus, ChildStatus, IkeSaStatus, LockStatus, PeerStatus, Status } from "../engine/status.ts";
import type { Endpoint } from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import { describeReason } from "../negotiate/reason-text.ts";
import { formatEndpoint } from "../sa/path.ts";
import type { Refusal } from "./refusals.ts";
import type { Warning } from "./warning.ts";

export interface StatusReport {
  readonly daemon: DaemonReport;
  /** What would defeat the locks, and what of the file could not be used. */
  readonly warnings: readonly Warning[];
  readonly listening: readonly string[];
  readonly locks: readonly LockReport[];
  readonly peers: readonly PeerReport[];
  /** The latest callers who were refused before it was known which peer they are, oldest first; at most sixteen. */
  readonly refused: readonly RefusalReport[];
}

export interface DaemonReport {
  readonly version: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  readonly configuration: string;
}

/** A reason with its code, its facts and, beside them, all of it as one sentence. */
export type ReasonReport = Reason & { readonly sentence: string };

/** The engine's own record; times are dates (ISO 8601, UTC). */
export type PeerReport = Omit<PeerStatus, "since" | "reason" | "ikeSas" | "children"> & {
  readonly since: string;
  readonly reason?: ReasonReport;
  readonly ikeSas: readonly IkeSaReport[];
  readonly children: readonly ChildReport[];
};

export type IkeSaReport = Omit<IkeSaStatus, "since"> & { readonly since: string };

export type LockReport = Omit<LockStatus, "reason"> & { readonly reason?: ReasonReport };

export type ChildReport = Omit<ChildStatus, "since" | "reason" | "policyFault" | "sas"> & {
  readonly since: string;
  readonly reason?: ReasonReport;
  readonly policyFault?: ReasonReport;
  readonly sas: readonly ChildSaReport[];
};

export type ChildSaReport = Omit<ChildSaStatus, "since"> & { readonly since: string };

/** A refused caller: when (ISO 8601, UTC), from which address and port, and why. */
export interface RefusalReport {
  readonly at: string;
  readonly remote: string;
  readonly reason: ReasonReport;
}

/** What a report is made of beside the engine's snapshot. */
export interface ReportSource {
  readonly daemon: Omit<DaemonReport, "uptimeSeconds" | "startedAt">;
  readonly warnings: readonly Warning[];
  readonly listening: readonly Endpoint[];
  readonly refusals: readonly Refusal[];
  /** Engine's clock and wall clock (milliseconds since 1970), read at the same moment. */
  readonly clock: number;
  readonly wall: number;
  /** Engine's clock when the daemon started. */
  readonly startedAt: number;
}

/** Turns the engine's snapshot into the report. */
export function statusReport(status: Status, source: ReportSource): StatusReport {
  const date = (since: number): string => new Date(source.wall - (source.clock - since)).toISOString();
  const dated = <T extends { readonly since: number }>(value: T): Omit<T, "since"> & { readonly since: string } => ({
    ...value,
    since: date(value.since),
  });
  const child = ({ reason, policyFault, sas, ...rest }: ChildStatus): ChildReport => ({
    ...dated(rest),
    ...explained(reason),
    ...(policyFault === undefined ? {} : { policyFault: withSentence(policyFault) }),
    sas: sas.map(dated),
  });
  const peer = ({ reason, ikeSas, children, ...rest }: PeerStatus): PeerReport => ({
    ...dated(rest),
    ...explained(reason),
    ikeSas: ikeSas.map(dated),
    children: children.map(child),
  });
  return {
    daemon: {
      ...source.daemon,
      startedAt: date(source.startedAt),
      uptimeSeconds: Math.round((source.clock - source.startedAt) / 1000),
    },
    warnings: source.warnings,
    listening: source.listening.map(formatEndpoint),
    locks: status.locks.map(({ reason, ...rest }) => ({ ...rest, ...explained(reason) })),
    peers: status.peers.map(peer),
    refused: source.refusals.map(({ at, remote, reason }) => ({ at: date(at), remote, reason: withSentence(reason) })),
  };
}

function explained(reason: Reason | undefined): { reason?: ReasonReport } {
  return reason === undefined ? {} : { reason: withSentence(reason) };
}

function withSentence(reason: Reason): ReasonReport {
  return { ...reason, sentence: describeReason(reason) };
}
