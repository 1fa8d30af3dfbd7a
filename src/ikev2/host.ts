/** What an IKEv2 SA asks of the engine around it, beyond what IKE SAs of both versions do. */
import type { Address } from "../negotiate/address.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { ChildDesired, Gateway, PeerDesired } from "../sa/desired.ts";
import type { SaHost, Timed } from "../sa/host.ts";
import type { KeyWitness } from "../sa/key-witness.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { CrashTokens } from "./crash-token.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { Resumable } from "./resumption/resumable.ts";
import type { Tickets } from "./resumption/tickets.ts";

export interface Host extends SaHost {
  /** Only tests of what our messages do to a peer have one. */
  readonly rewrite: PayloadRewrite | undefined;
  /** Only tests of what a peer's messages do to us have one. */
  readonly rewriteReceived: PayloadRewrite | undefined;
  /** Only where the operator asked that keys be exported. */
  readonly keyWitness: KeyWitness | undefined;
  /** Whether so many octets more of messages that are not whole yet may be kept. */
  mayKeep(sa: IkeSa, octets: number): boolean;
  /** So many octets that might be kept are not any more. */
  keepsNoMore(sa: IkeSa, octets: number): void;
  arm(owner: Timed, name: TimerName, at: number): void;
  disarm(owner: Timed, name: TimerName): void;
  /** The host's addresses on which this IKE SA may be spoken, as they are now, best first. */
  ownAddresses(sa: IkeSa): readonly Address[];
  /** The first child that IKE_AUTH asks for. */
  firstChild(sa: IkeSa): ChildDesired | undefined;
  /** What seals and opens our tickets of RFC 5723. */
  readonly tickets: Tickets;
  /** Something is left of an IKE SA, from which another with that peer may be resumed. */
  keep(resumable: Resumable): void;
  /** What makes our tokens of RFC 6290, where we make any. */
  readonly crashTokens: CrashTokens | undefined;
  /** Whether a token that came in clear may be looked at: anybody can send them. */
  mayVerifyToken(): boolean;
  /** The peer has shown that it knows nothing of the IKE SA any more. */
  forgotten(sa: IkeSa): void;
  /**
   * The peer has not answered, though its kernel may go on with the Child SAs: it restarted, say. Whether another IKE SA is
   * to take the place of this one, which carries them meanwhile.
   */
  unanswered(sa: IkeSa, reason: Reason): boolean;
  /** Opens another IKE SA with the same peer, in which both ends prove anew who they are, and which takes the place of this one. */
  renew(sa: IkeSa): void;
  /** The peer sends us to another gateway, which is called in place of this IKE SA; or why we do not go there. */
  redirected(sa: IkeSa, to: Gateway): Reason | undefined;
  /** Where the caller of an IKE SA that has just been established is sent; undefined: it may stay. */
  elsewhere(sa: IkeSa, peer: PeerDesired): Gateway | undefined;
  /** Where whoever calls as this peer is sent, before it has proved anything. */
  redirectTo(peer: PeerDesired): Gateway | undefined;
}

/** What is sent in place of a message's payloads, before they are encrypted; or read in their place, once they are decrypted. */
export type PayloadRewrite = (
  exchangeType: number,
  isResponse: boolean,
  payloads: readonly Payload[],
) => readonly Payload[];

export type TimerName =
  | "retransmit"
  | "half-open"
  | "liveness"
  | "keepalive"
  | "reauthenticate"
  | "linger"
  | "close"
  | "next-request"
  | "reassembly"
  | "rekey"
  | "lifetime"
  | "replaced";
