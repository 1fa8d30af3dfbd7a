/** What is wrong between peers though each is right by itself. */
import { childSelectors } from "../engine/policies.ts";
import { formatSelector } from "../negotiate/selector.ts";
import type { PeerDesired } from "../sa/desired.ts";
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
  return conflicts;
}

/** Two peers with a key in common look the same to whoever answers their first messages. */
function identityKeys(peer: PeerDesired): string[] {
  const remotes = peer.remote === "any" ? ["any"] : peer.remote;
  const id = peer.remoteId === undefined ? "any" : `${peer.remoteId.idType} ${peer.remoteId.text.toLowerCase()}`;
  const { idType, text } = peer.localId;
  return remotes.map((remote) => `${remote} ${id} ${peer.local ?? "any"} ${idType} ${text.toLowerCase()}`);
}
