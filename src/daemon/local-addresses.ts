/** Our address towards each peer whose section names none: what the host's routes give. */
import type { Address } from "../negotiate/address.ts";
import type { DesiredState, LockedPeerDesired, PeerDesired } from "../sa/desired.ts";
import type { SourceAddress } from "../transport/source-address.ts";

/** What the host says of its addresses and routes. */
export interface HostRoutes {
  sourceTowards(destination: Address): Promise<SourceAddress>;
  hasAddress(address: Address): boolean;
}

export class LocalAddresses {
  readonly #host: HostRoutes;
  /** By peer. An address once found is kept as long as the host has it: another route must not tear SAs down. */
  readonly #found = new Map<string, Address>();

  constructor(host: HostRoutes) {
    this.#host = host;
  }

  /**
   * Fills in what is missing; `missing` are the peers towards which there is no route (yet). From our other addresses the
   * peer stays locked as the file has it, so that what `underlock lock` installed is never taken back.
   */
  async fill(desired: DesiredState): Promise<{ readonly desired: DesiredState; readonly missing: readonly string[] }> {
    const missing: string[] = [];
    const peers: PeerDesired[] = [];
    const locked: LockedPeerDesired[] = [...(desired.locked ?? [])];
    for (const peer of desired.peers) {
      const local = peer.local ?? (peer.remote === "any" ? undefined : await this.#find(peer.name, peer.remote));
      // An address that is gone is as good as none: the next may come with a route, which nobody tells of.
      const usable = local !== undefined && (peer.local !== undefined || this.#host.hasAddress(local));
      if (!usable && peer.remote !== "any") missing.push(peer.name);
      peers.push(local === peer.local ? peer : { ...peer, local });
      if (local !== peer.local) locked.push(peer);
    }
    return { desired: { ...desired, peers, locked }, missing };
  }

  async #find(name: string, remotes: readonly Address[]): Promise<Address | undefined> {
    const known = this.#found.get(name);
    if (known !== undefined && this.#host.hasAddress(known)) return known;
    for (const remote of remotes) {
      const source = await this.#host.sourceTowards(remote);
      if (source.kind !== "found") continue;
      this.#found.set(name, source.address);
      return source.address;
    }
    // While the way is lost the old address stands: nothing is won by forgetting it.
    return known;
  }
}
