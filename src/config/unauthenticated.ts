/** What the section of a peer that proves nothing may hold (RFC 7619). */
import type { Identity } from "../negotiate/identity.ts";
import { type AuthDesired, authenticates, type ChildDesired, type PeerDesired } from "../sa/desired.ts";
import type { XauthDesired } from "../sa/remote-access.ts";
import { errorAt, type Finding, type KeyPath } from "./problem.ts";

/** Findings of a section whose peer is not authenticated; none of any other. `path` is the section's. */
export function checkUnauthenticated(
  peer: {
    readonly auth: AuthDesired | undefined;
    readonly xauth?: XauthDesired | undefined;
    readonly id: Identity | undefined;
    readonly remote: PeerDesired["remote"] | undefined;
  },
  built: { readonly children: readonly ChildDesired[]; readonly lines: readonly number[] },
  path: KeyPath,
): Finding[] {
  const { auth, xauth, id, remote } = peer;
  if (auth === undefined || authenticates({ auth, ...(xauth === undefined ? {} : { xauth }) })) return [];
  const findings: Finding[] = [];
  // RFC 7619 2.2: it must not be used for any decision.
  if (id !== undefined) findings.push(errorAt([...path, "id"], "is proved by nobody in this section: take it out"));
  if (remote !== "any") return findings;
  // RFC 7619 2.5: of two callers each could name the other's network, or ours.
  for (const [i, child] of built.children.entries()) {
    if (child.remote.prefix === "host" && child.local.prefix === "host") continue;
    findings.push(errorAt([...path, "protect", built.lines[i] ?? 0], networks));
  }
  return findings;
}

const networks =
  "is a network, and whoever calls this peer proves nothing: give lines between the two hosts, or the peer's address";
