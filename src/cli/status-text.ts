/** The status for people. */
import type {
  ChildReport,
  ChildSaReport,
  IkeSaReport,
  PeerReport,
  RefusalReport,
  StatusReport,
} from "../daemon/status-report.ts";

/** The lines of `underlock status`, from the daemon's answer. */
export function statusText(answer: unknown): string[] {
  // The daemon's answer has the daemon's type: both are one program.
  const report = answer as StatusReport;
  const { version, pid, uptimeSeconds, configuration } = report.daemon;
  return [
    `underlock ${version}, process ${pid}, up ${duration(uptimeSeconds)}, ${configuration}`,
    `listening on ${report.listening.length === 0 ? "nothing" : report.listening.join(" ")}`,
    ...report.warnings.map((warning) => `WARNING ${warning.sentence}`),
    ...report.locks.map(lockLine),
    ...report.peers.flatMap(peerLines),
    ...(report.refused.length === 0 ? [] : ["", ...report.refused.map(refusalLine)]),
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
  const head = `${peer.name}: ${peer.state} since ${localTime(peer.since)}${because(peer.reason)}`;
  const nobody = `  we are ${peer.localId}, it is ${peer.remoteId}; attempts so far: ${peer.attempts}`;
  const sas = peer.ikeSas.length === 0 ? [nobody] : peer.ikeSas.flatMap((sa) => ikeSaLines(peer, sa));
  const away = peer.redirectTo === undefined ? [] : [`  its callers are sent to ${peer.redirectTo}`];
  return ["", head, ...away, ...sas, ...peer.children.flatMap(childLines)];
}

function ikeSaLines(peer: PeerReport, sa: IkeSaReport): string[] {
  const nat = `${sa.natLocal ? ", NAT at our end" : ""}${sa.natRemote ? ", NAT at its end" : ""}`;
  return [
    `  IKE SA ${sa.initiatorSpi}/${sa.responderSpi}, ${sa.role}, ${sa.local} - ${sa.remote}${nat}`,
    `    ${peer.localId} - ${sa.remoteId}, ${sa.proposal}, since ${localTime(sa.since)}`,
  ];
}

function lockLine({ name, port, installed, reason }: StatusReport["locks"][number]): string {
  const what = `${name}${port === undefined ? "" : ` port ${port}`}`;
  return installed ? `locked towards everybody: ${what}` : `NOT LOCKED towards everybody: ${what}${because(reason)}`;
}

function refusalLine({ at, remote, reason }: RefusalReport): string {
  return `refused ${remote} at ${localTime(at)}${because(reason)}`;
}

function childLines(child: ChildReport): string[] {
  const head = `  ${child.name}: ${child.state} since ${localTime(child.since)}${because(child.reason)}`;
  const fault = child.policyFault === undefined ? [] : [`    POLICY NOT INSTALLED${because(child.policyFault)}`];
  return [head, ...fault, ...child.sas.flatMap((sa) => childSaLines(child, sa))];
}

function childSaLines({ protocol, mode }: ChildReport, sa: ChildSaReport): string[] {
  return [
    `    ${protocol} ${mode}, ${sa.proposal}, SPI in ${sa.spiIn} out ${sa.spiOut}, since ${localTime(sa.since)}`,
    ...sa.selectors.map((selector) => `      ${selector}`),
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
