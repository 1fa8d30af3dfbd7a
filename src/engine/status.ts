/** A snapshot of what is configured and how it stands: what `status --json` prints, bit for bit. */
import type { Reason } from "../negotiate/reason.ts";

export interface Status {
  readonly peers: readonly PeerStatus[];
  readonly locks: readonly LockStatus[];
}

/** A kind of overlay that is locked towards everybody. */
export interface LockStatus {
  readonly name: string;
  readonly port?: number | undefined;
  /** Whether its policies stand in the kernel; where not, such packets may pass in clear. */
  readonly installed: boolean;
  /** What the kernel said where it refused them. */
  readonly reason?: Reason;
}

/** `since` values are milliseconds of the engine's clock; the daemon turns them into dates. */
export interface PeerStatus {
  readonly name: string;
  /** `waiting`: the peer is to call us, or a packet is to ask for a child. `connecting`: we call. `down`: the operator took it down. */
  readonly state: "waiting" | "connecting" | "up" | "down";
  readonly since: number;
  /** Why it is not up, or why the last attempt failed; while it is up, why a request of the peer was refused. */
  readonly reason?: Reason;
  readonly attempts: number;
  /** The gateway that its callers are sent to. */
  readonly redirectTo?: string;
  readonly localId: string;
  readonly remoteId: string;
  /** Usually one; two for a moment after both ends called at once, many where the peer is `any`. */
  readonly ikeSas: readonly IkeSaStatus[];
  readonly children: readonly ChildStatus[];
}

export interface IkeSaStatus {
  /** SPIs as 16 hexadecimal digits. */
  readonly initiatorSpi: string;
  readonly responderSpi: string;
  readonly role: "initiator" | "responder";
  readonly local: string;
  readonly remote: string;
  readonly remoteId: string;
  /** Keywords of the chosen proposal. */
  readonly proposal: string;
  readonly natLocal: boolean;
  readonly natRemote: boolean;
  readonly since: number;
}

export interface ChildStatus {
  readonly name: string;
  readonly line: string;
  /** `waiting`: on demand, and no packet has asked for it. `locked`: to be had, and not asked for now. */
  readonly state: "waiting" | "locked" | "connecting" | "up";
  readonly since: number;
  readonly reason?: Reason;
  /** The kernel refuses a policy of this child: what its state says of the packets does not hold. The request is repeated. */
  readonly policyFault?: Reason;
  readonly mode: "transport" | "tunnel";
  readonly protocol: "esp" | "ah";
  readonly reqid: number;
  /** What stands in the kernel; the last one is what is sent on. */
  readonly sas: readonly ChildSaStatus[];
}

export interface ChildSaStatus {
  readonly proposal: string;
  /** SPIs as 8 hexadecimal digits. */
  readonly spiIn: string;
  readonly spiOut: string;
  readonly selectors: readonly string[];
  readonly since: number;
}
