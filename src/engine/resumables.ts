/** What is left of IKE SAs that were lost, one of each peer, to be resumed once (RFC 5723). */
import type { Resumable } from "../ikev2/resumption/resumable.ts";
import type { PeerDesired } from "../sa/desired.ts";

/** In memory alone: a restarted process calls its peers the whole way. */
export class Resumables {
  readonly #byPeer = new Map<string, Resumable>();

  keep(resumable: Resumable): void {
    const { name } = resumable.peer;
    this.#byPeer.get(name)?.skD.destroy();
    this.#byPeer.set(name, resumable);
  }

  /** What there is for a peer whose section is the same as it was; it is not there any more afterwards. */
  take(peer: PeerDesired, now: number): Resumable | undefined {
    const kept = this.#byPeer.get(peer.name);
    if (kept === undefined) return undefined;
    this.#byPeer.delete(peer.name);
    if (kept.peer === peer && kept.expiresAt > now) return kept;
    kept.skD.destroy();
    return undefined;
  }
}
