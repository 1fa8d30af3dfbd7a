/** Finding the configured peer that a path or a claimed identity belongs to. */
import type { Address } from "../negotiate/address.ts";
import { type Identity, sameIdentity } from "../negotiate/identity.ts";
import type { CandidateRejection, Reason } from "../negotiate/reason.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";

/** How many rejected candidates a reason names. */
const namedRejections = 16;

export class PeerDirectory {
  #byAddress = new Map<Address, PeerDesired[]>();
  #anywhere: PeerDesired[] = [];
  #all: readonly PeerDesired[] = [];

  configure(peers: readonly PeerDesired[]): void {
    this.#all = peers;
    this.#byAddress = new Map();
    this.#anywhere = [];
    for (const peer of peers) {
      if (peer.remote === "any") {
        this.#anywhere.push(peer);
        continue;
      }
      for (const address of peer.remote) {
        const there = this.#byAddress.get(address);
        if (there === undefined) this.#byAddress.set(address, [peer]);
        else there.push(peer);
      }
    }
  }

  /** Peers that may be at the other end of the path: those with that very address first. */
  at(path: Path): PeerDesired[] {
    const exact = this.#byAddress.get(path.remote.address) ?? [];
    return [...exact, ...this.#anywhere].filter((peer) => localDiffers(peer, path) === undefined);
  }

  /** The peer with these identities, or the reason with every candidate's cause. */
  select(
    path: Path,
    remoteId: Identity,
    localId: Identity | undefined,
  ): { readonly peer: PeerDesired } | { readonly reason: Reason } {
    const candidates = this.at(path);
    for (const peer of candidates) {
      if (rejection(peer, remoteId, localId) === undefined) return { peer };
    }
    return { reason: this.unknown(path, remoteId, localId) };
  }

  /** Why nobody fits: each peer's first difference. */
  unknown(path: Path, remoteId?: Identity, localId?: Identity): Reason {
    const rejected: CandidateRejection[] = [];
    for (const peer of this.#all) {
      if (rejected.length >= namedRejections) break;
      const cause =
        remoteDiffers(peer, path) ??
        localDiffers(peer, path) ??
        (remoteId === undefined ? undefined : rejection(peer, remoteId, localId));
      if (cause !== undefined) rejected.push(cause);
    }
    return {
      code: "unknown-peer",
      remote: path.remote.address,
      local: path.local.address,
      ...(remoteId === undefined ? {} : { identity: remoteId.text }),
      rejected,
    };
  }
}

function remoteDiffers(peer: PeerDesired, path: Path): CandidateRejection | undefined {
  const seen = path.remote.address;
  if (peer.remote === "any" || peer.remote.includes(seen)) return undefined;
  return { peer: peer.name, field: "remote address", wanted: peer.remote.join(", "), seen };
}

function localDiffers(peer: PeerDesired, path: Path): CandidateRejection | undefined {
  const seen = path.local.address;
  if (peer.local === undefined || peer.local === seen) return undefined;
  return { peer: peer.name, field: "local address", wanted: peer.local, seen };
}

function rejection(
  peer: PeerDesired,
  remoteId: Identity,
  localId: Identity | undefined,
): CandidateRejection | undefined {
  if (peer.remoteId !== undefined && !sameIdentity(peer.remoteId, remoteId)) {
    return { peer: peer.name, field: "remote identity", wanted: peer.remoteId.text, seen: remoteId.text };
  }
  if (localId !== undefined && !sameIdentity(peer.localId, localId)) {
    return { peer: peer.name, field: "local identity", wanted: peer.localId.text, seen: localId.text };
  }
  return undefined;
}
