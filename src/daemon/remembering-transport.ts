import type { Address, Endpoint } from "../negotiate/address.ts";
import type { Path } from "../sa/path.ts";
import type { LocalAddresses, Transport, TransportListener } from "../transport/transport.ts";
import type { RecentDatagrams } from "./recent-datagrams.ts";

type OpenTransport = Transport & { readonly endpoints: readonly Endpoint[] };

/** A transport whose messages are remembered as they pass. */
export class RememberingTransport implements OpenTransport {
  readonly #transport: OpenTransport;
  readonly #recent: RecentDatagrams;

  constructor(transport: OpenTransport, recent: RecentDatagrams) {
    this.#transport = transport;
    this.#recent = recent;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#transport.endpoints;
  }

  async open(listener: TransportListener, addresses: LocalAddresses): Promise<void> {
    const remembering: TransportListener = {
      datagram: (octets, path) => {
        this.#recent.remember(false, octets, path);
        listener.datagram(octets, path);
      },
      sendFailed: (path, errno) => listener.sendFailed(path, errno),
      addressesChanged: () => listener.addressesChanged(),
      notice: (level, sentence) => listener.notice(level, sentence),
    };
    await this.#transport.open(remembering, addresses);
  }

  start(): Promise<void> {
    return this.#transport.start();
  }

  listenOn(addresses: LocalAddresses): Promise<void> {
    return this.#transport.listenOn(addresses);
  }

  send(octets: Uint8Array, path: Path): void {
    this.#recent.remember(true, octets, path);
    this.#transport.send(octets, path);
  }

  hasAddress(address: Address): boolean {
    return this.#transport.hasAddress(address);
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}
