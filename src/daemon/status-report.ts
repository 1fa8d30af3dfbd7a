/** What `status` answers: the engine's snapshot with dates and sentences, and the daemon around it. */
import type { ChildStatus, IkeSaStatus, PeerStatus, Status } from "../engine/status.ts";
import type { Endpoint } from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import { describeReason } from "../negotiate/reason-text.ts";
import { formatEndpoint } from "../sa/path.ts";
import type { Warning } from "./warning.ts";

export interface StatusReport {
  readonly daemon: DaemonReport;
  /** What would defeat the locks, and what of the file could not be used. */
  readonly warnings: readonly Warning[];
  readonly listening: readonly string[];
  readonly locks: readonly (Omit<Status["locks"][number], "reason"> & { readonly reason?: ReasonReport })[];
  readonly peers: readonly PeerReport[];
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
export type PeerReport = Omit<PeerStatus, "since" | "reason" | "ikeSa" | "children"> & {
  readonly since: string;
  readonly reason?: ReasonReport;
  readonly ikeSa?: Omit<IkeSaStatus, "since"> & { readonly since: string };
  readonly children: readonly ChildReport[];
};

export type ChildReport = Omit<ChildStatus, "since" | "reason"> & {
  readonly since: string;
  readonly reason?: ReasonReport;
};

/** What a report is made of beside the engine's snapshot. */
export interface ReportSource {
  readonly daemon: Omit<DaemonReport, "uptimeSeconds" | "startedAt">;
  readonly warnings: readonly Warning[];
  readonly listening: readonly Endpoint[];
  /** Engine's clock and wall clock (milliseconds since 1970), read at the same moment. */
  readonly clock: number;
  readonly wall: number;
  /** Engine's clock when the daemon started. */
  readonly startedAt: number;
}

/** Turns the engine's snapshot into the report. */
export function statusReport(status: Status, source: ReportSource): StatusReport {
  const date = (since: number): string => new Date(source.wall - (source.clock - since)).toISOString();
  const child = ({ since, reason, ...rest }: ChildStatus): ChildReport => ({
    ...rest,
    since: date(since),
    ...explained(reason),
  });
  const peer = ({ since, reason, ikeSa, children, ...rest }: PeerStatus): PeerReport => ({
    ...rest,
    since: date(since),
    ...explained(reason),
    ...(ikeSa !== undefined && { ikeSa: { ...ikeSa, since: date(ikeSa.since) } }),
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
    locks: status.locks.map(({ reason, ...lock }) => ({ ...lock, ...explained(reason) })),
    peers: status.peers.map(peer),
  };
}

function explained(reason: Reason | undefined): { reason?: ReasonReport } {
  return reason === undefined ? {} : { reason: { ...reason, sentence: describeReason(reason) } };
}
