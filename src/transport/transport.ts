/** Carries IKE messages between the engine and the network. */

import type { Address } from "../negotiate/address.ts";
import type { Path } from "../sa/path.ts";

/** What hears a transport. */
export interface TransportListener {
  /** An IKE message, non-ESP marker taken off; the octets are the listener's to keep. */
  datagram(octets: Uint8Array, path: Path): void;
  sendFailed(path: Path, errno: string): void;
  /** The host has other addresses than before; the sockets are open where they are wanted. */
  addressesChanged(): void;
  /** Something the operator should read: a sentence. */
  notice(level: "info" | "warn" | "error", sentence: string): void;
}

/** On which addresses of the host IKE is spoken: all, or these alone. */
export type LocalAddresses = "all" | readonly Address[];

export interface Transport {
  /** Takes the ports without reading from them. Rejects with TransportError where one cannot be had. */
  open(listener: TransportListener, addresses: LocalAddresses): Promise<void>;
  /** Begins to read, and sends what was given meanwhile. */
  start(): Promise<void>;
  /** Other addresses from now on; ports that cannot be had are reported by a notice. */
  listenOn(addresses: LocalAddresses): Promise<void>;
  /** Sends from `path.local`; where that is the unspecified address (`0.0.0.0`, `::`), from the one routing takes. */
  send(octets: Uint8Array, path: Path): void;
  /** Whether this is an address of the host now. */
  hasAddress(address: Address): boolean;
  close(): Promise<void>;
}
