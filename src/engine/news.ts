/** What is told of what happens to IKE SAs and Child SAs: one log record for each kind of news. */

import { gatewayText } from "../ikev2/redirect.ts";
import type { Reason } from "../negotiate/reason.ts";
import { formatSelector } from "../negotiate/selector.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import { authenticates, type Gateway, type PeerDesired } from "../sa/desired.ts";
import type { LogRecord } from "../sa/log-record.ts";
import { formatEndpoint, type Path } from "../sa/path.ts";
import type { Peer } from "./peer.ts";

/** A message that was not taken; `unsaid`: how many more there were of which nothing was told. */
export function messageDropped({ peer, facts }: Pick<LogRecord, "peer" | "facts">, unsaid: number): LogRecord {
  return {
    level: "debug",
    event: "message-dropped",
    ...(peer === undefined ? {} : { peer }),
    facts: { ...facts, ...(unsaid === 0 ? {} : { unsaid }) },
  };
}

/** A peer is called. */
export function peerConnecting(peer: Peer, path: Path): LogRecord {
  const facts = { remote: formatEndpoint(path.remote), attempt: peer.attempts };
  return { level: "info", event: "peer-connecting", peer: peer.desired.name, facts };
}

/** Both ends have proved who they are. */
export function ikeSaUp(sa: AnyIkeSa): LogRecord {
  const { name: version } = sa.dialect;
  // Invariant 9: weak is explicit, and said.
  const isWeak = (sa.peer !== undefined && !authenticates(sa.peer)) || version === "IKEv1 aggressive mode";
  const facts = { role: sa.role, remote: formatEndpoint(sa.path.remote), identity: sa.remoteId?.text ?? "" };
  return {
    level: isWeak ? "warn" : "info",
    event: "ike-sa-up",
    ...nameOf(sa),
    facts: version === "IKEv2" ? facts : { ...facts, version },
  };
}

/** An IKE SA took the place of another. */
export function ikeSaRekeyed(heir: AnyIkeSa): LogRecord {
  const facts = { role: heir.role, remote: formatEndpoint(heir.path.remote) };
  return { level: "info", event: "ike-sa-rekeyed", ...nameOf(heir), facts };
}

/** An IKE SA is over, or never came to stand. */
export function ikeSaEnded(sa: AnyIkeSa, reason: Reason): LogRecord {
  const facts = { remote: formatEndpoint(sa.path.remote) };
  // A call of ours that the peer's own made needless has not failed.
  if (sa.establishedAt === 0 && reason.code !== "replaced") return { ...failed("ike-sa-failed", sa, reason), facts };
  return { level: "info", event: "ike-sa-down", ...nameOf(sa), reason, facts };
}

/** Something about an IKE SA came to nothing. */
export function failed(
  event: "ike-sa-failed" | "child-sa-failed" | "rekey-failed",
  sa: AnyIkeSa,
  reason: Reason,
): LogRecord {
  return { level: "warn", event, ...nameOf(sa), reason };
}

/** A pair of Child SAs stands. */
export function childSaUp(sa: AnyIkeSa, child: ChildSa): LogRecord {
  const facts = { role: child.role, ...spis(child), ...pairsOf(child) };
  return { level: "info", event: "child-sa-up", ...nameOf(sa), child: child.desired.name, facts };
}

/** A pair of Child SAs is gone. */
export function childSaDown(sa: AnyIkeSa, child: ChildSa, reason: Reason): LogRecord {
  return {
    level: "info",
    event: "child-sa-down",
    ...nameOf(sa),
    child: child.desired.name,
    reason,
    facts: spis(child),
  };
}

/** One end sent the other to another gateway. */
export function redirected(peer: PeerDesired | undefined, to: Gateway, path: Path): LogRecord {
  const name = peer === undefined ? {} : { peer: peer.name };
  const facts = { to: gatewayText(to), remote: formatEndpoint(path.remote) };
  return { level: "info", event: "redirect", ...name, facts };
}

function nameOf(sa: AnyIkeSa): { peer?: string } {
  return sa.peer === undefined ? {} : { peer: sa.peer.name };
}

/** How many of its selector pairs a peer agreed to, where that is not all of them; the others stay locked. */
function pairsOf({ desired, selectors }: ChildSa): Record<string, string> {
  const all = (1 + (desired.local.more?.length ?? 0)) * (1 + (desired.remote.more?.length ?? 0));
  return selectors.length < all
    ? { pairs: `${selectors.length} of ${all}: ${selectors.map(formatSelector).join(", ")}` }
    : {};
}

function spis(child: ChildSa): Record<string, string> {
  return { spiIn: child.spiIn.toString(16).padStart(8, "0"), spiOut: child.spiOut.toString(16).padStart(8, "0") };
}
