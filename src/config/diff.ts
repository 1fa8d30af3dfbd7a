/** What differs between two desired states, peer by peer. Pure; an unchanged file gives an empty difference. */
import { equalData } from "../engine/equal.ts";
import type { ChildDesired, DesiredState, LockDesired, LockedPeerDesired, PeerDesired } from "../sa/desired.ts";

export interface DesiredDifference {
  readonly unchanged: readonly string[];
  readonly added: readonly PeerDesired[];
  readonly removed: readonly PeerDesired[];
  readonly changed: readonly ChangedPeer[];
  readonly locksAdded: readonly LockDesired[];
  readonly locksRemoved: readonly LockDesired[];
  /** Peers that cannot be spoken to; one whose lock changed is in both. */
  readonly lockedAdded: readonly LockedPeerDesired[];
  readonly lockedRemoved: readonly LockedPeerDesired[];
}

export interface ChangedPeer {
  readonly before: PeerDesired;
  readonly after: PeerDesired;
  /** Fields of PeerDesired that differ but for the children; never their values (invariant 8). */
  readonly fields: readonly ComparedField[];
  readonly children: {
    readonly added: readonly ChildDesired[];
    readonly removed: readonly ChildDesired[];
    readonly changed: readonly { readonly before: ChildDesired; readonly after: ChildDesired }[];
  };
}

/** What a peer has besides its name and its children. */
export type ComparedField = Exclude<keyof PeerDesired, "name" | "children">;

/** Peers and children are matched by name, locks by what they lock; their order does not count. */
export function desiredDifference(before: DesiredState, after: DesiredState): DesiredDifference {
  const earlier = new Map(before.peers.map((peer) => [peer.name, peer]));
  const later = new Set(after.peers.map(({ name }) => name));
  const unchanged: string[] = [];
  const added: PeerDesired[] = [];
  const changed: ChangedPeer[] = [];
  for (const peer of after.peers) {
    const old = earlier.get(peer.name);
    if (old === undefined) {
      added.push(peer);
      continue;
    }
    const change = peerDifference(old, peer);
    if (change === undefined) unchanged.push(peer.name);
    else changed.push(change);
  }
  return {
    unchanged,
    added,
    removed: before.peers.filter(({ name }) => !later.has(name)),
    changed,
    locksAdded: without(after.local.locks, before.local.locks),
    locksRemoved: without(before.local.locks, after.local.locks),
    lockedAdded: without(after.locked ?? [], before.locked ?? []),
    lockedRemoved: without(before.locked ?? [], after.locked ?? []),
  };
}

export function isEmptyDifference({ unchanged: _, ...lists }: DesiredDifference): boolean {
  return Object.values(lists).every(({ length }) => length === 0);
}

function peerDifference(before: PeerDesired, after: PeerDesired): ChangedPeer | undefined {
  const fields = comparedFields.filter((field) => !sameField(field, before, after));
  const earlier = new Map(before.children.map((child) => [child.name, child]));
  const later = new Map(after.children.map((child) => [child.name, child]));
  const children = {
    added: after.children.filter(({ name }) => !earlier.has(name)),
    removed: before.children.filter(({ name }) => !later.has(name)),
    changed: before.children.flatMap((child) => {
      const now = later.get(child.name);
      return now === undefined || equalData(child, now) ? [] : [{ before: child, after: now }];
    }),
  };
  const same = fields.length + children.added.length + children.removed.length + children.changed.length === 0;
  return same ? undefined : { before, after, fields, children };
}

function without<T>(these: readonly T[], those: readonly T[]): T[] {
  return these.filter((one) => !those.some((other) => equalData(one, other)));
}

function sameField(field: ComparedField, before: PeerDesired, after: PeerDesired): boolean {
  if (field !== "auth") return equalData(before[field], after[field]);
  const { secret: old, ...oldRest } = before.auth;
  const { secret: now, ...nowRest } = after.auth;
  return equalData(oldRest, nowRest) && old.name === now.name && sameSecret(old.octets, now.octets);
}

/** The time does not tell where two secrets differ (invariant 8). */
function sameSecret(a: Uint8Array, b: Uint8Array): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i += 1) difference |= (a[i] ?? 0) ^ (b[i] ?? 0);
  return difference === 0;
}

/** Every field of a peer but its name and its children: the compiler misses a new one here. */
const comparedFields = Object.keys({
  remote: true,
  local: true,
  port: true,
  localId: true,
  remoteId: true,
  auth: true,
  ike: true,
  initiate: true,
  timing: true,
} satisfies Record<ComparedField, true>) as ComparedField[];
