/** The control method `exchanges`: what was lately said with a peer. */
import type { PeerDesired } from "../sa/desired.ts";
import { ControlError, errorCodes } from "./control-protocol.ts";
import type { RecentDatagrams } from "./recent-datagrams.ts";

/** What the method needs of the daemon. */
export interface ExchangesHost {
  peers(): readonly Pick<PeerDesired, "name" | "remote">[];
  readonly recent: RecentDatagrams;
}

/** One message, as the control socket gives it. */
export interface ExchangeReport {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly octets: string;
}

/** Of a peer's addresses, or of all of them where it may call from anywhere. Throws ControlError for an unknown peer. */
export function recentExchanges(host: ExchangesHost, params: Readonly<Record<string, unknown>>): ExchangeReport[] {
  const peer = host.peers().find(({ name }) => name === params.peer);
  if (peer === undefined) throw new ControlError(errorCodes.unknownPeer, `no peer is called "${String(params.peer)}"`);
  const addresses = peer.remote === "any" ? host.recent.addresses : peer.remote;
  return host.recent.of(addresses).map(({ at, sent, path, octets }) => {
    const [from, to] = sent ? [path.local, path.remote] : [path.remote, path.local];
    return {
      at,
      source: from.address,
      sourcePort: from.port,
      destination: to.address,
      destinationPort: to.port,
      octets: Buffer.from(octets).toString("hex"),
    };
  });
}
