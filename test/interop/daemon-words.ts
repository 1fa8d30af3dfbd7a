// What our daemon says, as the scenarios read it: its status and its log.
import type { PeerReport, StatusReport } from "../../src/daemon/status-report.ts";
import type { LogLine } from "../../src/observe/log.ts";
import type { Underlock } from "./lab/underlock.ts";

/** What `underlock status --json` prints, without the second that a command takes to start. */
export async function statusOf(daemon: Underlock): Promise<StatusReport> {
  return (await daemon.ask("status")) as StatusReport;
}

/** One peer of it; an error when there is none of that name. */
export function peerOf(report: StatusReport, name: string): PeerReport {
  const found = report.peers.find((peer) => peer.name === name);
  if (found === undefined)
    throw new Error(`status has no peer "${name}", but ${report.peers.map((peer) => peer.name)}`);
  return found;
}

/** The lines of the daemon's log up to now. */
export function logLines(daemon: Underlock): LogLine[] {
  return daemon
    .log()
    .split("\n")
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as LogLine);
}
