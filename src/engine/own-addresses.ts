/** Which addresses of this host may be used towards a peer, as far as the host has them now. */
import { type Address, familyOf } from "../negotiate/address.ts";
import type { PeerDesired } from "../sa/desired.ts";

/** What is known of the host's addresses. */
export class OwnAddresses {
  #missing: ReadonlySet<Address> = new Set();

  /** The host lacks these, and has all others that are configured. */
  miss(addresses: readonly Address[]): void {
    this.#missing = new Set(addresses);
  }

  /** Those that the peer's section allows, best first; `inUse` where it names none. */
  towards(peer: Pick<PeerDesired, "local" | "otherLocals"> | undefined, inUse: Address | undefined): Address[] {
    const [first] = [peer?.local, inUse].filter((address) => address !== undefined);
    const allowed = new Set([...(first === undefined ? [] : [first]), ...(peer?.otherLocals ?? [])]);
    if (inUse !== undefined && peer?.local === undefined) allowed.add(inUse);
    return [...allowed].filter((address) => !this.#missing.has(address));
  }

  /** The address to call a peer from: the first that is there; where none is, what the file says, for it may come. */
  callingFrom(peer: Pick<PeerDesired, "local" | "otherLocals" | "remote">): Address | undefined {
    const { local, remote } = peer;
    if (local === undefined || remote === "any") return local;
    return this.towards(peer, undefined).find((address) => familyOf(address) === familyOf(local)) ?? local;
  }
}
