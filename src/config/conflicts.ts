/** What is wrong between peers though each is right by itself. */
import { childSelectors } from "../engine/policies.ts";
import { formatSelector, type Selector } from "../negotiate/selector.ts";
import { selectorsOverlap } from "../negotiate/selector-overlap.ts";
import { authenticates, type PeerDesired } from "../sa/desired.ts";
import { ambiguousSecret, sharesAddressOfAnother } from "./ikev1.ts";
import type { BuiltPeer } from "./peer.ts";
import { errorAt, type Finding, type KeyPath } from "./problem.ts";

export interface Conflict {
  readonly built: BuiltPeer;
  readonly finding: Finding;
  /** The child whose selector is taken; undefined where the peers as such cannot be told apart. */
  readonly child: string | undefined;
}

/** `placeOf` names where a peer's key stands: `gw-a.yaml:12`. The first in the order of the files keeps its right. */
export function findConflicts(
  peers: readonly BuiltPeer[],
  placeOf: (built: BuiltPeer, path: KeyPath) => string,
): Conflict[] {
  const conflicts: Conflict[] = [];
  const identities = new Map<string, BuiltPeer>();
  const selectors = new Map<string, { readonly built: BuiltPeer; readonly path: KeyPath }>();
  for (const built of peers) {
    const { peer, name } = built;
    if (peer === undefined) continue;
    const keys = identityKeys(peer);
    const twin = keys.map((key) => identities.get(key)).find((other) => other !== undefined);
    if (twin !== undefined) {
      const sentence = `cannot be told from peers.${twin.name} (${placeOf(twin, ["peers", twin.name])}): both have the same remote and the same id. Give each the id that it sends`;
      conflicts.push({ built, finding: errorAt(["peers", name], sentence, { atKey: true }), child: undefined });
    }
    for (const key of keys) if (!identities.has(key)) identities.set(key, built);
    const rival = peers.find((other) => other.peer !== undefined && sharesAddressOfAnother(other.peer, peer));
    if (twin === undefined && rival !== undefined && peers.indexOf(rival) < peers.indexOf(built))
      conflicts.push({ built, finding: ambiguousSecret(built, rival.name), child: undefined });
    for (const [i, child] of peer.children.entries()) {
      // Whoever calls brings its own address: until then such lines share one lock, which is no conflict.
      if (peer.remote === "any" && child.remote.prefix === "host") continue;
      const path = ["peers", name, "protect", built.lines[i] ?? 0];
      for (const selector of childSelectors(peer, child)) {
        const key = formatSelector(selector);
        const owner = selectors.get(key);
        if (owner === undefined) selectors.set(key, { built, path });
        else if (owner.path !== path) {
          const sentence = `protects ${key}, which ${placeOf(owner.built, owner.path)} (peers.${owner.built.name}) protects already: the kernel has one policy for one selector. Take one of the two out, or make one narrower`;
          conflicts.push({ built, finding: errorAt(path, sentence), child: child.name });
          break;
        }
      }
    }
  }
  for (const built of peers) conflicts.push(...claimsOfOthers(built, peers, placeOf));
  return conflicts;
}

/**
 * RFC 7619 3: lines of a peer that proves nothing, where they meet those of one that must. A caller's own address shows
 * only when it calls: where other peers' lines are narrower, that is decided then.
 */
function claimsOfOthers(
  built: BuiltPeer,
  peers: readonly BuiltPeer[],
  placeOf: (built: BuiltPeer, path: KeyPath) => string,
): Conflict[] {
  const { peer, name } = built;
  if (peer === undefined || authenticates(peer)) return [];
  const owners = peers.filter((other) => other.peer === undefined || authenticates(other.peer));
  return peer.children.flatMap((child, i): Conflict[] => {
    const calls = peer.remote === "any" && child.remote.prefix === "host";
    const mine = childSelectors(peer, child);
    const claims = (theirs: Selector): boolean =>
      mine.some(
        (one) => selectorsOverlap(one, theirs) && !(calls && theirs.destination.length > one.destination.length),
      );
    for (const owner of owners) {
      const index = owner.locked.children.findIndex((other) => childSelectors(owner.locked, other).some(claims));
      if (index < 0) continue;
      const place = placeOf(owner, ["peers", owner.name, "protect", owner.lines[index] ?? 0]);
      const sentence = `meets what ${place} (peers.${owner.name}) protects for a peer that proves who it is, and this one proves nothing`;
      const finding = errorAt(["peers", name, "protect", built.lines[i] ?? 0], sentence);
      return [{ built, finding, child: child.name }];
    }
    return [];
  });
}

/** Two peers with a key in common look the same to whoever answers their first messages. */
function identityKeys(peer: PeerDesired): string[] {
  const remotes = peer.remote === "any" ? ["any"] : peer.remote;
  const id = peer.remoteId === undefined ? "any" : `${peer.remoteId.idType} ${peer.remoteId.text.toLowerCase()}`;
  const { idType, text } = peer.localId;
  return remotes.map((remote) => `${remote} ${id} ${peer.local ?? "any"} ${idType} ${text.toLowerCase()}`);
}
