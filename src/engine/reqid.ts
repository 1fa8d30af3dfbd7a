import { reqidRange } from "../kernel/port.ts";
import type { DesiredState } from "../sa/desired.ts";

/** What a child is known by in the reqid table. */
export function childKey(peer: string, child: string): string {
  return `${peer}\u0000${child}`;
}

/**
 * A reqid for every child, the same over restarts and whatever else the file holds (invariant 7: standing SAs stop
 * working when a template's reqid changes). `standing` are those that stand in the kernel or in the running state,
 * which win over the hash.
 */
export function assignReqids(desired: DesiredState, standing: ReadonlyMap<string, number>): Map<string, number> {
  const keys = desired.peers.flatMap((peer) => peer.children.map((child) => childKey(peer.name, child.name)));
  const assigned = new Map<string, number>();
  const taken = new Set<number>();
  for (const key of keys) {
    const reqid = standing.get(key);
    if (reqid === undefined || taken.has(reqid)) continue;
    assigned.set(key, reqid);
    taken.add(reqid);
  }
  for (const key of [...keys].sort()) {
    if (assigned.has(key)) continue;
    let reqid = reqidRange.start + (fnv1a(key) % (reqidRange.end - reqidRange.start));
    while (taken.has(reqid)) reqid = reqid + 1 < reqidRange.end ? reqid + 1 : reqidRange.start;
    assigned.set(key, reqid);
    taken.add(reqid);
  }
  return assigned;
}

/** FNV-1a, 32 bits: a spread over the range, not a secret. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) {
    hash ^= text.charCodeAt(i);
    hash = Math.imul(hash, 0x01000193) >>> 0;
  }
  return hash;
}
