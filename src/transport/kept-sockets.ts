/**
 * Sockets that outlive a crash: the kernel takes UDP-encapsulated ESP only while a socket with UDP_ENCAP is open, so the
 * tunnels behind a NAT would fall silent with the daemon (RFC 3948; Linux closes the sockets of a process that dies).
 */
import type { Endpoint } from "../negotiate/address.ts";
import { formatEndpoint } from "../sa/path.ts";

/** Somebody beside this process who has the same sockets open. */
export interface SocketKeeper {
  /** Descriptors of the sockets that a former run left open; each is for the caller to use or to close. */
  recover(): readonly number[];
  /** From now on these are the ones to keep, and no others. */
  keep(sockets: readonly KeptSocket[]): void;
}

/** An open socket and where it is bound. */
export interface KeptSocket {
  readonly local: Endpoint;
  readonly descriptor: number;
}

/** Which sockets are kept now; tells the keeper of changes, many at a time. */
export class KeptSockets {
  readonly #keeper: SocketKeeper;
  readonly #endpointOf: (descriptor: number) => Endpoint | undefined;
  /** What a former run left; looked for when the first socket is wanted, for only then is it sure that no daemon runs. */
  #recovered: Map<string, number> | undefined;
  readonly #kept = new Map<string, KeptSocket>();
  #telling = false;

  /** `endpointOf`: where a descriptor is bound; undefined where it is no socket of ours, and has been closed. */
  constructor(keeper: SocketKeeper, endpointOf: (descriptor: number) => Endpoint | undefined) {
    this.#keeper = keeper;
    this.#endpointOf = endpointOf;
  }

  /** The socket that a former run left at this endpoint; the caller owns it from now on. */
  take(local: Endpoint): number | undefined {
    this.#recovered ??= this.#recover();
    const key = formatEndpoint(local);
    const descriptor = this.#recovered.get(key);
    this.#recovered.delete(key);
    return descriptor;
  }

  keep(local: Endpoint, descriptor: number): void {
    this.#kept.set(formatEndpoint(local), { local, descriptor });
    this.#tellSoon();
  }

  forget(local: Endpoint): void {
    if (this.#kept.delete(formatEndpoint(local))) this.#tellSoon();
  }

  #recover(): Map<string, number> {
    const recovered = new Map<string, number>();
    for (const descriptor of this.#keeper.recover()) {
      const local = this.#endpointOf(descriptor);
      if (local !== undefined) recovered.set(formatEndpoint(local), descriptor);
    }
    return recovered;
  }

  #tellSoon(): void {
    if (this.#telling) return;
    this.#telling = true;
    setImmediate(() => {
      this.#telling = false;
      this.#keeper.keep([...this.#kept.values()]);
    });
  }
}
