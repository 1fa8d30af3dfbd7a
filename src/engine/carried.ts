/** Whether a Child SA would be the only one that carries its packets. */
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import type { ChildSa } from "../sa/child-sa.ts";
import type { Parts } from "./parts.ts";

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
