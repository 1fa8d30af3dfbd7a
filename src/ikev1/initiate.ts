/** A new ISAKMP SA that we open, in the mode that the peer's section names. */
import type { PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";
import { beginAggressiveMode } from "./exchanges/aggressive-mode-initiator.ts";
import { beginMainMode } from "./exchanges/main-mode-initiator.ts";
import type { Host } from "./host.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

/** Begins phase 1 with a peer. */
export function beginPhase1(host: Host, peer: PeerDesired, path: Path, localSpi: bigint): IkeV1Sa {
  const begin = peer.ikev1 === "aggressive" ? beginAggressiveMode : beginMainMode;
  return begin(host, peer, path, localSpi);
}
