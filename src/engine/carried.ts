/** Which Child SAs carry what another is for, or was. */
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { ChildSas } from "../sa/child-sas.ts";
import type { Parts } from "./parts.ts";
import type { PolicyKeeper } from "./policy-keeper.ts";

/**
 * Whether other SAs carry what a Child SA is for: those of a former run, another pair between its ends, or one whose tunnel
 * leads elsewhere. The last only as long as the peer has not said that it lost it: then it is reached where it is now alone.
 */
export function isCarried({ policies, running, standing }: Parts, child: ChildSa): boolean {
  if (standing.has(child.reqid)) return true;
  const peer = running.peerByReqid(child.reqid);
  if (peer?.children.get(child.desired.name)?.isCarried(child) === true) return true;
  const elsewhere = policies.sharing(child);
  if (elsewhere.length === 0) return false;
  const carries = (sa: AnyIkeSa): boolean => elsewhere.some((other) => sa.children.has(other));
  return [...(peer?.sas ?? [])].some((sa) => carries(sa) && peer?.redundancy.isForgotten(sa) === false);
}

/**
 * A Child SA that is sent on goes. Unless others are sent on, what waits is: of several the first, which the peer has had the
 * longest time to learn of. Whoever ends what went before has something in its place, but not all that was asked for since.
 */
export function sendInItsPlace(gone: ChildSa, waiting: Iterable<ChildSas>, policies: PolicyKeeper): void {
  if (policies.isSentBeside(gone)) return;
  let first: { readonly owner: ChildSas; readonly child: ChildSa } | undefined;
  for (const owner of waiting) {
    const child = owner.outbound.first(gone);
    if (child !== undefined && (first === undefined || child.since < first.child.since)) first = { owner, child };
  }
  first?.owner.sendNow(first.child);
}
