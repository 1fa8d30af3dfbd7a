/** A new ISAKMP SA that we open. */
import type { PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";
import { beginAggressiveMode } from "./exchanges/aggressive-mode-initiator.ts";
import { beginMainMode } from "./exchanges/main-mode-initiator.ts";
import type { Host, Phase1Mode } from "./host.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";

/** Begins phase 1 with a peer, in the mode that its section names where none is given. */
export function beginPhase1(
  host: Host,
  peer: PeerDesired,
  path: Path,
  localSpi: bigint,
  mode: Phase1Mode = peer.ikev1 === "aggressive" ? "aggressive" : "main",
): IkeV1Sa {
  const begin = mode === "aggressive" ? beginAggressiveMode : beginMainMode;
  return begin(host, peer, path, localSpi);
}
