/** A new IKE SA that we open: what makes it, and sets its IKE_SA_INIT going (RFC 7296 1.2). */
import type { Address } from "../negotiate/address.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { Path } from "../sa/path.ts";
import { beginInit, firstOffer } from "./exchanges/ike-sa-init-initiator.ts";
import type { Host } from "./host.ts";
import { IkeSa } from "./ike-sa.ts";

/**
 * Opens an IKE SA with a peer: the first key pair is asked for, the rest follows from its coming. `redirectedFrom`: the
 * gateway that sent us there.
 */
export function initiate(host: Host, peer: PeerDesired, path: Path, localSpi: bigint, redirectedFrom?: Address): IkeSa {
  const offer = firstOffer(host, peer, redirectedFrom);
  const sa = new IkeSa({
    role: "initiator",
    host,
    localSpi,
    remoteSpi: 0n,
    path,
    peer,
    state: { kind: "ExpectKeyPair", offer },
  });
  beginInit(sa, offer);
  return sa;
}
