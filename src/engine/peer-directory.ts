/** Finding the configured peer that a path or a claimed identity belongs to. */

import { verifyingMethod } from "../ikev2/auth/methods.ts";
import type { Address } from "../negotiate/address.ts";
import { type Identity, sameIdentity } from "../negotiate/identity.ts";
import type { CandidateRejection, Reason } from "../negotiate/reason.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { PeerClaim } from "../sa/host.ts";
import type { Path } from "../sa/path.ts";

/** How many rejected candidates a reason names. */
const namedRejections = 16;

/** Sections whose trust is compared with the certificates of a caller that has proved nothing. */
const comparedTrusts = 64;

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

  /** Whether a peer has this very address. */
  names(address: Address): boolean {
    return this.#byAddress.has(address);
  }

  /** Peers that may be at the other end of the path: those with that very address first. */
  at(path: Path): PeerDesired[] {
    const exact = this.#byAddress.get(path.remote.address) ?? [];
    return [...exact, ...this.#anywhere].filter((peer) => localDiffers(peer, path) === undefined);
  }

  /**
   * The peer with these identities, or the reason with every candidate's cause. Of several, one whose first proof is of the
   * kind that came: who proves nothing is never taken for one that has to, nor the other way round; and of several such, one
   * whose authorities are those of the certificates that came.
   */
  select(claim: PeerClaim): { readonly peer: PeerDesired } | { readonly reason: Reason } {
    const { path, remoteId, localId, method } = claim;
    const candidates = this.at(path).filter(
      (peer) =>
        claim.admits?.(peer) !== false &&
        rejection(peer, remoteId, localId) === undefined &&
        claim.rejects?.(peer) === undefined,
    );
    const proving = candidates.filter((one) => proves(one, method));
    const peer = vouchedFor(proving, claim) ?? proving[0] ?? candidates.find(asksForProof);
    return peer === undefined
      ? { reason: this.unknown(path, remoteId, localId, (one) => claim.rejects?.(one)) }
      : { peer };
  }

  /** Why nobody fits: each peer's first difference. */
  unknown(
    path: Path,
    remoteId?: Identity,
    localId?: Identity,
    rejects?: (peer: PeerDesired) => CandidateRejection | undefined,
  ): Reason {
    const rejected: CandidateRejection[] = [];
    for (const peer of this.#all) {
      if (rejected.length >= namedRejections) break;
      const cause =
        remoteDiffers(peer, path) ??
        localDiffers(peer, path) ??
        (remoteId === undefined ? undefined : rejection(peer, remoteId, localId)) ??
        rejects?.(peer);
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
  if (peer.local === undefined) return undefined;
  // Whoever was told of our other addresses (RFC 4555) may call there too: it may have lost all that it knew but its own section.
  const ours = [peer.local, ...(peer.otherLocals ?? [])];
  return ours.includes(seen) ? undefined : { peer: peer.name, field: "local address", wanted: ours.join(", "), seen };
}

function asksForProof({ auth }: PeerDesired): boolean {
  return auth.remote[0]?.credential.kind !== "null";
}

function proves({ auth }: PeerDesired, method: number | undefined): boolean {
  const credential = auth.remote[0]?.credential;
  return method !== undefined && credential !== undefined && verifyingMethod(credential).numbers.includes(method);
}

/** Nothing is proved yet: whoever is chosen, the proof must hold with its section alone. */
function vouchedFor(candidates: readonly PeerDesired[], { leadsTo }: PeerClaim): PeerDesired | undefined {
  if (leadsTo === undefined || candidates.length < 2) return undefined;
  return candidates.slice(0, comparedTrusts).find(({ auth }) => {
    const credential = auth.remote[0]?.credential;
    return credential?.kind === "trust" && leadsTo(credential.trust);
  });
}

function rejection(
  peer: PeerDesired,
  remoteId: Identity,
  localId: Identity | undefined,
): CandidateRejection | undefined {
  // RFC 7619 2.2: an identity that nobody proves decides nothing.
  if (peer.remoteId !== undefined && asksForProof(peer) && !sameIdentity(peer.remoteId, remoteId)) {
    return { peer: peer.name, field: "remote identity", wanted: peer.remoteId.text, seen: remoteId.text };
  }
  if (localId !== undefined && !sameIdentity(peer.localId, localId)) {
    return { peer: peer.name, field: "local identity", wanted: peer.localId.text, seen: localId.text };
  }
  return undefined;
}
