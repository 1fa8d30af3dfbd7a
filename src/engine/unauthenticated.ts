/** What peers that prove nothing must not have (RFC 7619 2.5, 3). */

import type { Reason } from "../negotiate/reason.ts";
import { formatSelector, type Selector } from "../negotiate/selector.ts";
import { selectorsOverlap } from "../negotiate/selector-overlap.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { authenticates, type ChildDesired, type PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";
import { childSelectors } from "./policies.ts";
import type { Running } from "./running.ts";

/**
 * IKE SAs with one peer that proves nothing: in all, and from one address. Whoever likes may open them, each costs about
 * 13 KiB, and one address has one host; a few more, because a host that comes back leaves its old one behind for a while.
 */
const limits = { peer: 1_024, address: 4 } as const;

/**
 * Why one more is too many. Who comes back cannot say so (RFC 7619 2.3): those that stand from the same address are asked
 * for a sign of life, so that what is stale makes room.
 */
export function admitUnauthenticated(standing: Iterable<AnyIkeSa>, peer: PeerDesired, path: Path): Reason | undefined {
  if (authenticates(peer)) return undefined;
  const remote = path.remote.address;
  let all = 0;
  let here = 0;
  for (const sa of standing) {
    all += 1;
    if (sa.path.remote.address !== remote) continue;
    here += 1;
    if (sa.state.kind === "Established" && !sa.isRequesting) sa.dialect.askForLife();
  }
  if (here >= limits.address) return { code: "unauthenticated-limit", remote, limit: limits.address, of: "address" };
  if (all >= limits.peer) return { code: "unauthenticated-limit", remote, limit: limits.peer, of: "peer" };
  return undefined;
}

/** The first line that would lose packets to this peer: of one that has to prove itself, or whose section is broken. */
export function findOverlap(
  { peers, locked }: Pick<Running, "peers" | "locked">,
  peer: PeerDesired,
  child: ChildDesired,
  selectors: readonly Selector[],
): Reason | undefined {
  if (authenticates(peer)) return undefined;
  const proven = [...peers].map(({ desired }) => desired).filter(authenticates);
  for (const owning of [...proven, ...locked]) {
    for (const other of owning.children) {
      const wanted = selectors.find((one) => childSelectors(owning, other).some((its) => selectorsOverlap(one, its)));
      if (wanted === undefined) continue;
      const owner = `${owning.name} / ${other.name}`;
      return { code: "unauthenticated-overlap", child: child.name, wanted: formatSelector(wanted), owner };
    }
  }
  return undefined;
}
