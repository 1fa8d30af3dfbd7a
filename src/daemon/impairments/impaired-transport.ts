/** A transport that loses, repeats, delays and mangles datagrams. */
import type { Address, Endpoint } from "../../negotiate/address.ts";
import type { Path } from "../../sa/path.ts";
import type { LocalAddresses, Transport, TransportListener } from "../../transport/transport.ts";
import { flag, headerLength } from "../../wire/ikev2/header.ts";
import type { DatagramImpairment } from "./impairment.ts";
import { isOfKind, type Occurrences } from "./occurrences.ts";

type OpenTransport = Transport & { readonly endpoints: readonly Endpoint[] };

export class ImpairedTransport implements OpenTransport {
  readonly #transport: OpenTransport;
  readonly #impairments: Occurrences<DatagramImpairment>;
  /** Those that wait to be passed on. */
  readonly #delayed = new Set<NodeJS.Timeout>();

  constructor(transport: OpenTransport, impairments: Occurrences<DatagramImpairment>) {
    this.#transport = transport;
    this.#impairments = impairments;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#transport.endpoints;
  }

  async open(listener: TransportListener, addresses: LocalAddresses): Promise<void> {
    const impaired: TransportListener = {
      datagram: (octets, path) =>
        this.#pass("received", octets, (passed) => {
          listener.datagram(passed, path);
        }),
      sendFailed: (path, errno) => listener.sendFailed(path, errno),
      addressesChanged: () => listener.addressesChanged(),
      notice: (level, sentence) => listener.notice(level, sentence),
    };
    await this.#transport.open(impaired, addresses);
  }

  async start(): Promise<void> {
    await this.#transport.start();
  }

  async listenOn(addresses: LocalAddresses): Promise<void> {
    await this.#transport.listenOn(addresses);
  }

  send(octets: Uint8Array, path: Path): void {
    this.#pass("sent", octets, (passed) => this.#transport.send(passed, path));
  }

  hasAddress(address: Address): boolean {
    return this.#transport.hasAddress(address);
  }

  async close(): Promise<void> {
    for (const timer of this.#delayed) clearTimeout(timer);
    await this.#transport.close();
  }

  /** Gives on what is left of a datagram: none, one or several, now or later. */
  #pass(direction: DatagramImpairment["direction"], octets: Uint8Array, on: (octets: Uint8Array) => void): void {
    const [type, flags] = [octets[18], octets[19]];
    if (octets.length < headerLength || type === undefined || flags === undefined) return on(octets);
    let [passed, copies, delay] = [octets, 1, 0];
    const hits = this.#impairments.hits(
      (one) => one.direction === direction && isOfKind(one.message, type, (flags & flag.response) !== 0),
    );
    for (const { action } of hits) {
      if (action.kind === "drop") copies = 0;
      else if (action.kind === "repeat") copies += 1;
      else if (action.kind === "delay") delay += action.milliseconds;
      else passed = action.kind === "mangle" ? mangled(passed) : withoutSpis(passed);
    }
    const pass = () => {
      // Who takes a datagram may keep its octets: each gets its own.
      for (let copy = 0; copy < copies; copy += 1) on(copy === 0 ? passed : Uint8Array.from(passed));
    };
    if (delay === 0) return pass();
    const timer = setTimeout(() => {
      this.#delayed.delete(timer);
      pass();
    }, delay);
    this.#delayed.add(timer);
  }
}

function mangled(octets: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(octets);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}

/** RFC 7296 3.1: the first sixteen octets. */
function withoutSpis(octets: Uint8Array): Uint8Array {
  return Uint8Array.from(octets).fill(0, 0, 16);
}
