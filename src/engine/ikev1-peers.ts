/** Which configured peers speak IKEv1, and which of their SAs a new one follows. */
import type { Ikev1Peers, Phase1Mode } from "../ikev1/host.ts";
import { IkeV1Sa } from "../ikev1/ike-v1-sa.ts";
import { isakmpSuites } from "../negotiate/isakmp-proposals.ts";
import type { PeerDesired } from "../sa/desired.ts";
import { ikev1Methods } from "../sa/ikev1-methods.ts";
import type { Path } from "../sa/path.ts";
import type { Parts } from "./parts.ts";

export class KnownPeers implements Ikev1Peers {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  callers(path: Path, mode: Phase1Mode): readonly PeerDesired[] {
    return this.#parts.directory
      .at(path)
      .filter(
        (peer) =>
          mayCall(peer, mode) && ikev1Methods(peer, "responder").length > 0 && isakmpSuites(peer.ike).length > 0,
      );
  }

  /** Of two that were begun at once neither replaces the other. */
  predecessor(sa: IkeV1Sa): IkeV1Sa | undefined {
    const former = this.twins(sa).filter((other) => other.establishedAt < sa.createdAt);
    return former.find((other) => other.children.size > 0) ?? former[0];
  }

  twins(sa: IkeV1Sa): IkeV1Sa[] {
    return [...(this.#parts.running.peerOf(sa)?.sas ?? [])].filter(
      (other): other is IkeV1Sa =>
        other !== sa &&
        other instanceof IkeV1Sa &&
        other.state.kind === "Established" &&
        other.remoteId?.text === sa.remoteId?.text &&
        other.path.remote.address === sa.path.remote.address,
    );
  }
}

/** Aggressive mode gives a secret away to guessing: its section must ask for it (invariant 9). */
function mayCall({ ikev1 }: PeerDesired, mode: Phase1Mode): boolean {
  return mode === "aggressive" ? ikev1 === "aggressive" : ikev1 !== undefined;
}

/** Whether a peer is called with IKEv1. */
export function callsWithIkev1({ ikev1 }: PeerDesired): boolean {
  return ikev1 === "main" || ikev1 === "aggressive";
}
