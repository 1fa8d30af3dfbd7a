/** The status for people. */
import type { ChildReport, PeerReport, StatusReport } from "../daemon/status-report.ts";

/** The lines of `underlock status`, from the daemon's answer. */
export function statusText(answer: unknown): string[] {
  // The daemon's answer has the daemon's type: both are one program.
  const report = answer as StatusReport;
  const { version, pid, uptimeSeconds, configuration } = report.daemon;
  return [
    `underlock ${version}, process ${pid}, up ${duration(uptimeSeconds)}, ${configuration}`,
    `listening on ${report.listening.length === 0 ? "nothing" : report.listening.join(" ")}`,
    ...report.warnings.map((warning) => `WARNING ${warning.sentence}`),
    ...report.locks.map(
      (lock) =>
        `lock ${lock.name} towards everybody: ${lock.installed ? "installed" : "NOT INSTALLED"}${because(lock.reason)}`,
    ),
    ...report.peers.flatMap(peerLines),
  ].map(visible);
}

/** `4 s`, `12 min`, `3 h 20 min`, `5 d 1 h`. */
export function duration(seconds: number): string {
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

function peerLines(peer: PeerReport): string[] {
  const { ikeSa } = peer;
  const lines = ["", `${peer.name}: ${peer.state} since ${localTime(peer.since)}${because(peer.reason)}`];
  if (ikeSa === undefined) {
    lines.push(`  we are ${peer.localId}, it is ${peer.remoteId}; attempts so far: ${peer.attempts}`);
  } else {
    const nat = [ikeSa.natLocal ? "NAT at our end" : "", ikeSa.natRemote ? "NAT at its end" : ""].filter(Boolean);
    lines.push(
      `  IKE SA ${ikeSa.initiatorSpi}/${ikeSa.responderSpi}, ${ikeSa.role}, ${ikeSa.local} - ${ikeSa.remote}` +
        `${nat.length === 0 ? "" : `, ${nat.join(", ")}`}`,
      `  ${peer.localId} - ${ikeSa.remoteId}, ${ikeSa.proposal}, since ${localTime(ikeSa.since)}`,
    );
  }
  return [...lines, ...peer.children.flatMap(childLines)];
}

function childLines(child: ChildReport): string[] {
  const head = `  ${child.name}: ${child.state} since ${localTime(child.since)}${because(child.reason)}`;
  const spis =
    child.spiIn === undefined && child.spiOut === undefined
      ? ""
      : `, SPI in ${child.spiIn ?? "none"} out ${child.spiOut ?? "none"}`;
  const proposal = child.proposal === undefined ? "" : `, ${child.proposal}`;
  return [
    head,
    `    ${child.protocol} ${child.mode}${proposal}${spis}`,
    ...child.selectors.map((selector) => `    ${selector}`),
  ];
}

function because(reason: { readonly code: string; readonly sentence: string } | undefined): string {
  return reason === undefined ? "" : `: ${reason.sentence} [${reason.code}]`;
}

function localTime(iso: string): string {
  return new Date(iso).toLocaleString("sv-SE");
}

/** A peer chooses its identity: it must not move the cursor. */
function visible(line: string): string {
  return line.replace(/\p{Cc}/gu, "?");
}
