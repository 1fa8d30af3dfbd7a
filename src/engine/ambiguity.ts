/** Hosts behind one NAT that cannot be told apart (RFC 7296 2.23.1, RFC 3948 5.2). */

import type { Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import { selectorsOverlap } from "../negotiate/selector-overlap.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildDesired } from "../sa/desired.ts";

/**
 * In transport mode two hosts behind one NAT have the same address here, and GRE and VXLAN have nothing else by which a
 * packet for the one could be told from a packet for the other: the second gets none. The same identity is the same host,
 * which has come back.
 */
export function findAmbiguity(
  standing: Iterable<AnyIkeSa>,
  sa: AnyIkeSa,
  child: ChildDesired,
  selectors: readonly Selector[],
): Reason | undefined {
  if (child.mode !== "transport" || !sa.nat.remote) return undefined;
  const remote = sa.path.remote.address;
  for (const other of standing) {
    if (other === sa || other.isOver || other.path.remote.address !== remote) continue;
    if (other.remoteId?.text === sa.remoteId?.text) continue;
    for (const taken of other.children.values()) {
      if (taken.selectors.some((one) => selectors.some((wanted) => selectorsOverlap(one, wanted))))
        return { code: "nat-forbids-transport", child: child.name, remote };
    }
  }
  return undefined;
}
