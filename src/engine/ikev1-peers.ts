/** Which configured peers speak IKEv1, and which of their SAs a new one follows. */
import { secretOf } from "../ikev1/exchanges/proof.ts";
import type { Phase1Mode } from "../ikev1/host.ts";
import { IkeV1Sa } from "../ikev1/ike-v1-sa.ts";
import { isakmpSuites } from "../negotiate/isakmp-proposals.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";
import type { Parts } from "./parts.ts";

/** The peers that may call over a path in that mode, most likely first. */
export function ikev1Callers({ directory }: Parts, path: Path, mode: Phase1Mode): readonly PeerDesired[] {
  return directory
    .at(path)
    .filter((peer) => mayCall(peer, mode) && secretOf(peer) !== undefined && isakmpSuites(peer.ike).length > 0);
}

/** The one with the same peer that stood when this one was begun; of two that were begun at once neither replaces the other. */
export function predecessorOf({ running }: Parts, sa: IkeV1Sa): IkeV1Sa | undefined {
  for (const other of running.peerOf(sa)?.sas ?? []) {
    if (other === sa || !(other instanceof IkeV1Sa) || other.state.kind !== "Established") continue;
    const isSame = other.remoteId?.text === sa.remoteId?.text && other.path.remote.address === sa.path.remote.address;
    if (isSame && other.establishedAt < sa.createdAt) return other;
  }
  return undefined;
}

/** Aggressive mode gives a secret away to guessing: its section must ask for it (invariant 9). */
function mayCall({ ikev1 }: PeerDesired, mode: Phase1Mode): boolean {
  return mode === "aggressive" ? ikev1 === "aggressive" : ikev1 !== undefined;
}

/** Whether a peer is called with IKEv1. */
export function callsWithIkev1({ ikev1 }: PeerDesired): boolean {
  return ikev1 === "main" || ikev1 === "aggressive";
}
