/** What runs: the configured peers, and every IKE SA that is not forgotten. */

import type { SaId } from "../kernel/port.ts";
import type { AnyIkeSa } from "../sa/any-ike-sa.ts";
import { type ChildSa, inboundId, outboundId } from "../sa/child-sa.ts";
import type { LockedPeerDesired, PeerDesired } from "../sa/desired.ts";
import type { Peer } from "./peer.ts";
import { childKey } from "./reqid.ts";
import { saKey } from "./sa-key.ts";

/** The tables by which a peer is found by name or reqid, an IKE SA by our SPI, and a Child SA by one of its halves. */
export class Running {
  readonly #peers = new Map<string, Peer>();
  readonly #byReqid = new Map<number, Peer>();
  /** By a section that a peer ran with before: callers may be proving themselves with it. */
  readonly #earlier = new WeakMap<PeerDesired, Peer>();
  /** Peers that cannot be spoken to; what they protect is theirs all the same. */
  locked: readonly LockedPeerDesired[] = [];
  /** By our own SPI. */
  readonly #sas = new Map<bigint, AnyIkeSa>();

  /** The configured peers. */
  get peers(): Iterable<Peer> {
    return this.#peers.values();
  }

  /** All of them; a copy, so that they may go while it is gone through. */
  get sas(): AnyIkeSa[] {
    return [...this.#sas.values()];
  }

  addPeer(peer: Peer): void {
    this.#peers.set(peer.desired.name, peer);
    for (const record of peer.children.values()) this.#byReqid.set(record.reqid, peer);
  }

  removePeer(peer: Peer): void {
    this.#peers.delete(peer.desired.name);
    for (const record of peer.children.values()) this.#byReqid.delete(record.reqid);
  }

  peer(name: string): Peer | undefined {
    return this.#peers.get(name);
  }

  peerByReqid(reqid: number): Peer | undefined {
    return this.#byReqid.get(reqid);
  }

  /** The peer that an IKE SA belongs to; a peer that was removed or replaced meanwhile is not asked any more. */
  peerOf(sa: AnyIkeSa): Peer | undefined {
    return sa.peer === undefined ? undefined : this.peerWith(sa.peer);
  }

  /** The peer that runs with this section; of one that was taken out of the file, or changed, there is none. */
  peerWith(desired: PeerDesired): Peer | undefined {
    const peer = this.#peers.get(desired.name);
    return peer !== undefined && (peer.desired === desired || this.#earlier.get(desired) === peer) ? peer : undefined;
  }

  /** It runs with another section, and what callers prove with the one that it had is still believed. */
  renewPeer(peer: Peer, desired: PeerDesired): void {
    this.#earlier.set(peer.desired, peer);
    peer.renew(desired);
  }

  /** The reqids of the peers' children, by `childKey`. */
  reqids(): Map<string, number> {
    const reqids = new Map<string, number>();
    for (const peer of this.#peers.values()) {
      for (const [name, record] of peer.children) reqids.set(childKey(peer.desired.name, name), record.reqid);
    }
    return reqids;
  }

  addSa(sa: AnyIkeSa): void {
    this.#sas.set(sa.localSpi, sa);
  }

  removeSa(sa: AnyIkeSa): void {
    this.#sas.delete(sa.localSpi);
  }

  /** An SPI for an IKE SA that none has. */
  freshSpi(random: (length: number) => Uint8Array): bigint {
    for (;;) {
      const octets = random(8);
      const spi = Buffer.from(octets.buffer, octets.byteOffset, 8).readBigUInt64BE(0);
      if (spi !== 0n && !this.#sas.has(spi)) return spi;
    }
  }

  /** The IKE SA with this SPI of ours. */
  sa(localSpi: bigint): AnyIkeSa | undefined {
    return this.#sas.get(localSpi);
  }

  /** The Child SA of that reqid whose inbound or outbound half `id` names, and the IKE SA it is on. */
  findChild(reqid: number, id: SaId): { readonly sa: AnyIkeSa; readonly child: ChildSa } | undefined {
    const key = saKey(id);
    for (const sa of this.#byReqid.get(reqid)?.sas ?? []) {
      for (const child of sa.children.values()) {
        if (child.reqid !== reqid) continue;
        if (names(inboundId(child), key) || names(outboundId(child), key)) return { sa, child };
      }
    }
    return undefined;
  }
}

/** Whether the key is that of an SA, or of the AH around it. */
function names(id: SaId, key: string): boolean {
  if (saKey(id) === key) return true;
  return id.ahSpi !== undefined && saKey({ protocol: "ah", spi: id.ahSpi, destination: id.destination }) === key;
}
