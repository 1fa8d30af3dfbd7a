/**
 * IKE over UDP: one socket for each local address and port, because dgram does not tell a datagram's destination address.
 *
 * Sockets follow the host's addresses. A datagram on the NAT traversal port carries the non-ESP marker (RFC 3948 2.2).
 */

import type { Address, Endpoint } from "../negotiate/address.ts";
import { familyOf } from "../negotiate/address.ts";
import type { Path } from "../sa/path.ts";
import { TransportError } from "./errors.ts";
import type { HostAddresses } from "./host-addresses.ts";
import { classifyNatTraversal, forNatTraversal } from "./marker.ts";
import { sourceAddressTowards } from "./source-address.ts";
import type { LocalAddresses, Transport, TransportListener } from "./transport.ts";
import type { OpenUdpSocket, UdpSocket } from "./udp-socket.ts";

export interface UdpTransportOptions {
  readonly ports: IkePorts;
  readonly openSocket: OpenUdpSocket;
  /** Called when the transport is opened. */
  followAddresses(): HostAddresses;
}

/** RFC 7296 2 and 2.23: IKE starts on `ike`, and moves to `natTraversal` where a NAT is met. */
export interface IkePorts {
  readonly ike: number;
  readonly natTraversal: number;
}

/** The ports IANA gave to IKE. */
export const standardPorts: IkePorts = { ike: 500, natTraversal: 4500 };

export class UdpTransport implements Transport {
  readonly #options: UdpTransportOptions;
  /** By `address port`. */
  readonly #sockets = new Map<string, UdpSocket>();
  /** Endpoints whose fault has been told, so that it is told once. */
  readonly #faults = new Map<string, string>();
  readonly #waiting: { readonly octets: Uint8Array; readonly path: Path }[] = [];
  #listener: TransportListener | undefined;
  #hostAddresses: HostAddresses | undefined;
  #addresses: LocalAddresses = [];
  #state: "shut" | "open" | "reading" = "shut";
  /** Changes of the socket set happen one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: UdpTransportOptions) {
    this.#options = options;
  }

  async open(listener: TransportListener, addresses: LocalAddresses): Promise<void> {
    this.#listener = listener;
    this.#addresses = addresses;
    this.#state = "open";
    this.#hostAddresses = this.#options.followAddresses();
    try {
      for (const endpoint of this.#wanted()) await this.#openOne(endpoint);
    } catch (error) {
      await this.close();
      throw error;
    }
    this.#hostAddresses.onChange(() => {
      this.#followAddresses();
      void this.#turn.then(() => {
        if (this.#state !== "shut") listener.addressesChanged();
      });
    });
  }

  async start(): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      for (const socket of this.#sockets.values()) await this.#read(socket);
      if (this.#state === "open") this.#state = "reading";
    });
    await this.#turn;
    for (const { octets, path } of this.#waiting.splice(0)) this.send(octets, path);
  }

  async listenOn(addresses: LocalAddresses): Promise<void> {
    this.#addresses = addresses;
    this.#followAddresses();
    await this.#turn;
  }

  send(octets: Uint8Array, path: Path): void {
    if (this.#state === "reading") {
      this.#sendNow(octets, path);
    } else if (this.#state === "open" && this.#waiting.length < maxWaiting) {
      this.#waiting.push({ octets, path });
    } else {
      this.#listener?.sendFailed(path, "EAGAIN");
    }
  }

  async close(): Promise<void> {
    this.#state = "shut";
    this.#hostAddresses?.close();
    await this.#turn;
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
    this.#waiting.length = 0;
  }

  hasAddress(address: Address): boolean {
    return this.#hostAddresses?.list().includes(address) === true;
  }

  /** Where IKE is spoken now, as `address port` of each socket. */
  get endpoints(): readonly Endpoint[] {
    return [...this.#sockets.values()].map((socket) => socket.local);
  }

  #followAddresses(): void {
    this.#turn = this.#turn.then(() => this.#reconcile());
  }

  async #reconcile(): Promise<void> {
    if (this.#state === "shut") return;
    const wanted = this.#wanted();
    const keys = new Set(wanted.map(keyOf));
    for (const [key, socket] of this.#sockets) {
      if (keys.has(key)) continue;
      socket.close();
      this.#sockets.delete(key);
      this.#listener?.notice("info", `no longer listening on ${socket.local.address} port ${socket.local.port}`);
    }
    for (const key of this.#faults.keys()) if (!keys.has(key)) this.#faults.delete(key);
    for (const endpoint of wanted) await this.#openLater(endpoint);
  }

  #wanted(): Endpoint[] {
    const present = this.#hostAddresses?.list() ?? [];
    const addresses =
      this.#addresses === "all" ? present : this.#addresses.filter((address) => present.includes(address));
    const { ike, natTraversal } = this.#options.ports;
    return addresses.flatMap((address) => [
      { address, port: ike },
      { address, port: natTraversal },
    ]);
  }

  async #openOne(endpoint: Endpoint): Promise<UdpSocket | undefined> {
    const encapsulation = endpoint.port === this.#options.ports.natTraversal;
    try {
      const socket = await this.#options.openSocket(endpoint, { encapsulation });
      this.#sockets.set(keyOf(endpoint), socket);
      this.#faults.delete(keyOf(endpoint));
      return socket;
    } catch (error) {
      // An IPv6 address cannot be bound while duplicate detection runs (RFC 4862 5.4): it is tried again when it has become usable.
      if (!(error instanceof TransportError) || error.code !== "address-missing") throw error;
      this.#retrySoon();
      return undefined;
    }
  }

  async #openLater(endpoint: Endpoint): Promise<void> {
    if (this.#sockets.has(keyOf(endpoint))) return;
    try {
      const socket = await this.#openOne(endpoint);
      if (socket === undefined) return;
      if (this.#state === "reading") await this.#read(socket);
      this.#listener?.notice("info", `listening on ${endpoint.address} port ${endpoint.port}`);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#retrySoon();
      if (this.#faults.get(keyOf(endpoint)) === error.message) return;
      this.#faults.set(keyOf(endpoint), error.message);
      this.#listener?.notice("error", error.message);
    }
  }

  #retrySoon(): void {
    setTimeout(() => {
      if (this.#state !== "shut") this.#followAddresses();
    }, retryMilliseconds).unref();
  }

  async #read(socket: UdpSocket): Promise<void> {
    const natTraversal = socket.local.port === this.#options.ports.natTraversal;
    await socket.start({
      message: (octets, remote) => {
        const path = { local: socket.local, remote };
        if (!natTraversal) return this.#listener?.datagram(octets, path);
        const datagram = classifyNatTraversal(octets);
        // Keepalives are for the NAT alone, and ESP without an SA has nothing to say to IKE.
        if (datagram.kind === "ike") this.#listener?.datagram(datagram.octets, path);
      },
      failed: (errno) => {
        this.#listener?.notice(
          "error",
          `the socket on ${socket.local.address} port ${socket.local.port} broke: ${errno}`,
        );
        socket.close();
        this.#sockets.delete(keyOf(socket.local));
        this.#retrySoon();
      },
    });
  }

  #sendNow(octets: Uint8Array, path: Path): void {
    if (!isUnspecified(path.local.address)) return this.#sendFrom(path.local, octets, path);
    void this.#sourceFor(path).then((local) => {
      if (typeof local === "string") this.#listener?.sendFailed(path, local);
      else this.#sendFrom(local, octets, path);
    });
  }

  #sendFrom(local: Endpoint, octets: Uint8Array, path: Path): void {
    const socket = this.#sockets.get(keyOf(local));
    if (socket === undefined) return this.#listener?.sendFailed(path, "EADDRNOTAVAIL");
    const marked = local.port === this.#options.ports.natTraversal ? forNatTraversal(octets) : octets;
    socket.send(marked, path.remote, (errno) => {
      if (errno !== undefined && this.#state !== "shut") this.#listener?.sendFailed(path, errno);
    });
  }

  async #sourceFor(path: Path): Promise<Endpoint | string> {
    const source = await sourceAddressTowards(path.remote.address);
    return source.kind === "found" ? { address: source.address, port: path.local.port } : source.errno;
  }
}

/** Whether an address stands for "whichever routing takes". */
export function isUnspecified(address: Address): boolean {
  return familyOf(address) === 4 ? address === "0.0.0.0" : address === "::";
}

function keyOf(endpoint: Endpoint): string {
  return `${endpoint.address} ${endpoint.port}`;
}

/** Datagrams kept between `open` and `start`. */
const maxWaiting = 4096;
/** How long until an address that could not be bound is tried again. */
const retryMilliseconds = 1000;
