/** What an ISAKMP SA asks of the engine around it, beyond what IKE SAs of both versions do. */

import type { AddressPools } from "../sa/address-pool.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { SaHost } from "../sa/host.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import type { Path } from "../sa/path.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import type { LoginLimiter } from "./login-limiter.ts";
import type { FragmentBudget } from "./reassembly.ts";

/** How phase 1 runs: in six messages or in three (RFC 2409 5). */
export type Phase1Mode = "main" | "aggressive";

export interface Host extends SaHost {
  /** Only where the operator asked that keys be exported. */
  readonly keyWitness: KeyWitness | undefined;
  /** What all ISAKMP SAs may keep of fragments. */
  readonly fragments: FragmentBudget;
  readonly ikev1Peers: Ikev1Peers;
  /** Addresses that callers are given. */
  readonly addressPools: AddressPools;
  readonly logins: LoginLimiter;
  /** The peer has shown that it knows nothing of this one any more. */
  forgotten(sa: IkeV1Sa): void;
}

/** What an ISAKMP SA cannot know of itself. */
export interface Ikev1Peers {
  /** The peers that may call over this path in this mode, most likely first. */
  callers(path: Path, mode: Phase1Mode): readonly PeerDesired[];
  /** The one that stood with the same peer when this one was begun: its IPsec SAs go on under the new one. */
  predecessor(sa: IkeV1Sa): IkeV1Sa | undefined;
  /** The others that stand with the same peer, oldest first. */
  twins(sa: IkeV1Sa): readonly IkeV1Sa[];
}
