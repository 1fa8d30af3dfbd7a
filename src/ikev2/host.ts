/** What an IKE SA asks of the engine around it. No I/O behind it either: the engine turns calls into effects. */
import type { KernelAnswer, KernelRequest, SaId } from "../kernel/port.ts";
import type { Address } from "../negotiate/address.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { ChildEnds, ChildSa } from "../sa/child-sa.ts";
import type { ComputeJob, ComputeResult } from "../sa/compute.ts";
import type { ChildDesired, Gateway, PeerDesired } from "../sa/desired.ts";
import type { LogRecord } from "../sa/log-record.ts";
import type { Path } from "../sa/path.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { ChildSas } from "./child-sas.ts";
import type { CrashTokens } from "./crash-token.ts";
import type { Datagrams } from "./datagrams.ts";
import type { IkeSa } from "./ike-sa.ts";
import type { Traffic } from "./liveness.ts";
import type { Resumable } from "./resumption/resumable.ts";
import type { Tickets } from "./resumption/tickets.ts";

export interface Host {
  /** Only tests of what our messages do to a peer have one. */
  readonly rewrite: PayloadRewrite | undefined;
  /** Milliseconds of the engine's clock. */
  now(): number;
  random(length: number): Uint8Array;
  send(message: Datagrams, path: Path): void;
  /** Whether so many octets more of messages that are not whole yet may be kept. */
  mayKeep(sa: IkeSa, octets: number): boolean;
  /** So many octets that might be kept are not any more. */
  keepsNoMore(sa: IkeSa, octets: number): void;
  /** Once the SA is gone, `tooLate` is called in place of `then`, and the result thrown away. */
  compute(sa: IkeSa, job: ComputeJob, then: (result: ComputeResult) => void, tooLate?: () => void): void;
  /** In order, up to the first refusal. `then` is called even where the SA is gone: what was installed must be undone. */
  kernel(requests: readonly KernelRequest[], then: (answers: readonly KernelAnswer[]) => void): void;
  /** Removes an SA, now or, where the kernel refuses, in the end; "it is gone already" is success. */
  removeSa(id: SaId): void;
  arm(owner: Timed, name: TimerName, at: number): void;
  disarm(owner: Timed, name: TimerName): void;
  log(record: LogRecord): void;
  /** A message was not taken. `tell` is called only where the log has room for it: anybody can send such messages. */
  dropped(tell: () => Pick<LogRecord, "peer" | "facts">): void;
  /**
   * Asks the kernel how the SA's children stand: those that do not are dropped, those that have come to a soft limit are
   * rekeyed. `then` gets what they have carried since they were last asked about.
   */
  inspect(sa: IkeSa, then: (traffic: Traffic) => void): void;

  /** The peer that the claimed identities and the path belong to, or why there is none. */
  selectPeer(claim: PeerClaim): { readonly peer: PeerDesired } | { readonly reason: Reason };
  /** Why a peer that has proved this identity is turned away all the same. */
  unwelcome(peer: PeerDesired, identity: Identity, path: Path): Reason | undefined;
  /** Why a Child SA of this peer must not carry that; undefined where it may. `selectors` are seen outbound. */
  overlap(peer: PeerDesired, child: ChildDesired, selectors: readonly Selector[]): Reason | undefined;
  /** A responder's answer to "which of your children may this be": those of the peer, not yet up first. */
  childCandidates(peer: PeerDesired): readonly ChildDesired[];
  /** Whether to tell the peer to delete every other IKE SA with us (RFC 7296 2.4). */
  isInitialContact(sa: IkeSa, peer: PeerDesired): boolean;
  reqid(peer: PeerDesired, child: ChildDesired): number;
  /** The packet that asked for the child, where one did. */
  askingPacket(peer: PeerDesired, child: ChildDesired): Selector | undefined;
  /** Policies and routes that the Child SA needs on top of the SAs, in the state "protected". */
  protectRequests(child: ChildSa): KernelRequest[];
  /** Takes them back: locked again where no other Child SA needs them. */
  unprotect(child: ChildSa): void;
  /** Whether other SAs carry what this Child SA is for. */
  isCarried(child: ChildSa): boolean;
  /** Moves a Child SA, and what else of its child travels between the same ends, to others; where that fails, they go. */
  moveChild(sa: IkeSa, child: ChildSa, ends: ChildEnds): void;
  /** Why these selectors are another host's behind the same NAT, which cannot be told from this one. */
  ambiguity(sa: IkeSa, child: ChildDesired, selectors: readonly Selector[]): Reason | undefined;
  /** Whether the kernel keeps NAT mappings alive by itself; not before it has been asked. */
  kernelKeepsAlive(): boolean;
  /** Asks the kernel what it can do, once. */
  learnAbilities(): void;
  /** The host's addresses on which this IKE SA may be spoken, as they are now, best first. */
  ownAddresses(sa: IkeSa): readonly Address[];
  /** The first child that IKE_AUTH asks for. */
  firstChild(sa: IkeSa): ChildDesired | undefined;

  /** An SPI of ours for an IKE SA. */
  freshSpi(): bigint;
  /** A rekey made an IKE SA: messages that name it are for it. */
  opened(sa: IkeSa): void;
  /** `heir` has inherited the Child SAs of `sa`, and does its work from now on. */
  rekeyed(sa: IkeSa, heir: IkeSa): void;
  /** An IKE SA could not be rekeyed; it stands as before. */
  rekeyFailed(sa: IkeSa, reason: Reason): void;

  established(sa: IkeSa, initialContact: boolean): void;
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
  /** Opens another IKE SA with the same peer, in which both ends prove anew who they are, and which takes the place of this one. */
  renew(sa: IkeSa): void;
  /** The peer sends us to another gateway, which is called in place of this IKE SA; or why we do not go there. */
  redirected(sa: IkeSa, to: Gateway): Reason | undefined;
  /** Where the caller of an IKE SA that has just been established is sent; undefined: it may stay. */
  elsewhere(sa: IkeSa, peer: PeerDesired): Gateway | undefined;
  /** Where whoever calls as this peer is sent, before it has proved anything. */
  redirectTo(peer: PeerDesired): Gateway | undefined;
  childUp(sa: IkeSa, child: ChildSa): void;
  /** Whether outbound halves among these Child SAs wait for a sign that the peer can receive. */
  outboundWaits(children: ChildSas, waits: boolean): void;
  /** A Child SA's outbound half stands too, later than the rest. */
  outboundUp(sa: IkeSa, child: ChildSa): void;
  /** A Child SA could not be had. */
  childFailed(sa: IkeSa, child: string, reason: Reason): void;
  /** A Child SA that stood is to go from the kernel; `outbound`: its outbound half stands too. */
  childGone(sa: IkeSa, child: ChildSa, reason: Reason, outbound: boolean): void;
  /** An IKE_SA_INIT of one of these peers was refused without an SA having come to be. */
  refused(peers: readonly PeerDesired[], reason: Reason): void;
  /** Something that explains why it takes so long, while it goes on. */
  noted(sa: IkeSa, reason: Reason): void;
  /** The SA ended; its Child SAs have been reported gone before. `established` says whether it ever stood. */
  ended(sa: IkeSa, reason: Reason): void;
  /** The SA is forgotten: its SPI is free. */
  forget(sa: IkeSa): void;
}

/** What is sent in place of a message's payloads, before they are encrypted. */
export type PayloadRewrite = (
  exchangeType: number,
  isResponse: boolean,
  payloads: readonly Payload[],
) => readonly Payload[];

/** What timers are armed for. */
export interface Timed {
  onTimer(name: string, now: number): void;
}

export interface PeerClaim {
  readonly path: Path;
  /** IDi as the initiator sent it. */
  readonly remoteId: Identity;
  /** IDr, where the initiator asked for one. */
  readonly localId?: Identity | undefined;
  /** The Auth Method of its proof; undefined where there is none (EAP). */
  readonly method: number | undefined;
}

export type TimerName =
  | "retransmit"
  | "half-open"
  | "liveness"
  | "keepalive"
  | "reauthenticate"
  | "linger"
  | "close"
  | "outbound"
  | "next-request"
  | "reassembly"
  | `hard-limit ${number}`
  | `rekey ${number}`
  | "rekey"
  | "lifetime"
  | "replaced";
