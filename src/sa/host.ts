/** What an IKE SA of either version asks of the engine around it. No I/O behind it: the engine turns calls into effects. */
import type { PeerTrust } from "../credentials/peer-trust.ts";
import type { KernelAnswer, KernelRequest, SaId } from "../kernel/port.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { CandidateRejection, Reason } from "../negotiate/reason.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { AnyIkeSa } from "./any-ike-sa.ts";
import type { ChildEnds, ChildSa } from "./child-sa.ts";
import type { ChildSas } from "./child-sas.ts";
import type { ComputeJob, ComputeResult } from "./compute.ts";
import type { ChildDesired, PeerDesired } from "./desired.ts";
import type { Traffic } from "./liveness.ts";
import type { LogRecord } from "./log-record.ts";
import type { Path } from "./path.ts";

export interface SaHost {
  /** Milliseconds of the engine's clock. */
  now(): number;
  random(length: number): Uint8Array;
  send(message: Uint8Array | readonly Uint8Array[], path: Path): void;
  /** Once the SA is gone, `tooLate` is called in place of `then`, and the result thrown away. */
  compute(sa: AnyIkeSa, job: ComputeJob, then: (result: ComputeResult) => void, tooLate?: () => void): void;
  /** In order, up to the first refusal. `then` is called even where the SA is gone: what was installed must be undone. */
  kernel(requests: readonly KernelRequest[], then: (answers: readonly KernelAnswer[]) => void): void;
  /** Removes an SA, now or, where the kernel refuses, in the end; "it is gone already" is success. */
  removeSa(id: SaId): void;
  arm(owner: Timed, name: string, at: number): void;
  disarm(owner: Timed, name: string): void;
  log(record: LogRecord): void;
  /** A message was not taken. `tell` is called only where the log has room for it: anybody can send such messages. */
  dropped(tell: () => Pick<LogRecord, "peer" | "facts">): void;
  /**
   * Asks the kernel how the SA's children stand: those that do not are dropped, those that have come to a soft limit are
   * rekeyed. `then` gets what they have carried since they were last asked about.
   */
  inspect(sa: AnyIkeSa, then: (traffic: Traffic) => void): void;

  /** The peer that the claimed identities and the path belong to, or why there is none. */
  selectPeer(claim: PeerClaim): { readonly peer: PeerDesired } | { readonly reason: Reason };
  /** Why a peer that has proved this identity is turned away all the same. */
  unwelcome(peer: PeerDesired, identity: Identity, path: Path): Reason | undefined;
  /** Why a Child SA of this peer must not carry that; undefined where it may. `selectors` are seen outbound. */
  overlap(peer: PeerDesired, child: ChildDesired, selectors: readonly Selector[]): Reason | undefined;
  /** A responder's answer to "which of your children may this be": those of the peer, not yet up first. */
  childCandidates(peer: PeerDesired): readonly ChildDesired[];
  /** Whether to tell the peer to delete every other IKE SA with us (RFC 7296 2.4, RFC 2407 4.6.3.3). */
  isInitialContact(sa: AnyIkeSa, peer: PeerDesired): boolean;
  reqid(peer: PeerDesired, child: ChildDesired): number;
  /** The packet that asked for the child, where one did. */
  askingPacket(peer: PeerDesired, child: ChildDesired): Selector | undefined;
  /** What Child SAs need in the kernel on top of the SAs. */
  readonly policies: ChildPolicies;
  /** Whether other SAs carry what this Child SA is for, between the same ends or others. */
  isCarried(child: ChildSa): boolean;
  /** Moves a Child SA, and what else of its child travels between the same ends, to others; where that fails, they go. */
  moveChild(sa: AnyIkeSa, child: ChildSa, ends: ChildEnds): void;
  /** Why these selectors are another host's behind the same NAT, which cannot be told from this one. */
  ambiguity(sa: AnyIkeSa, child: ChildDesired, selectors: readonly Selector[]): Reason | undefined;
  /** Whether the kernel keeps NAT mappings alive by itself; not before it has been asked. */
  kernelKeepsAlive(): boolean;
  /** Asks the kernel what it can do, once. */
  learnAbilities(): void;

  /** An SPI of ours for an IKE SA. */
  freshSpi(): bigint;
  /** Messages that name this IKE SA are for it from now on. */
  opened(sa: AnyIkeSa): void;
  /** `heir` has inherited the Child SAs of `sa`, and does its work from now on. */
  rekeyed(sa: AnyIkeSa, heir: AnyIkeSa): void;
  /** An IKE SA could not be rekeyed; it stands as before. */
  rekeyFailed(sa: AnyIkeSa, reason: Reason): void;

  established(sa: AnyIkeSa, initialContact: boolean): void;
  childUp(sa: AnyIkeSa, child: ChildSa): void;
  /** Whether outbound halves among these Child SAs wait for a sign that the peer can receive. */
  outboundWaits(children: ChildSas, waits: boolean): void;
  /** A Child SA's outbound half stands too, later than the rest. */
  outboundUp(sa: AnyIkeSa, child: ChildSa): void;
  /** A Child SA could not be had. */
  childFailed(sa: AnyIkeSa, child: string, reason: Reason): void;
  /**
   * A Child SA that stood is to go from the kernel. `outbound`: its outbound half does not stand, or what the peer put in its
   * place is sent on, or nobody knows of anything that is.
   */
  childGone(sa: AnyIkeSa, child: ChildSa, reason: Reason, outbound: "none" | "succeeded" | "last"): void;
  /** A first message of one of these peers was refused without an SA having come to be. */
  refused(peers: readonly PeerDesired[], reason: Reason): void;
  /** Something that explains why it takes so long, while it goes on. */
  noted(sa: AnyIkeSa, reason: Reason): void;
  /** The SA ended; its Child SAs have been reported gone before. `established` says whether it ever stood. */
  ended(sa: AnyIkeSa, reason: Reason): void;
  /** The SA is forgotten: its SPI is free. */
  forget(sa: AnyIkeSa): void;
}

/** The policies of Child SAs, in the state "protected" as long as one needs them. */
export interface ChildPolicies {
  /** What puts a Child SA's policies there; packets leave on it if it `sends`, else where they left before. */
  protect(child: ChildSa, sends: boolean): KernelRequest[];
  /** What has packets leave on it, besides its outbound half. */
  send(child: ChildSa): KernelRequest[];
  /** Has packets leave on others: its outbound half is about to go. */
  sendNoMore(child: ChildSa): void;
  /** The Child SA needs them no more: locked where no other does. */
  release(child: ChildSa): void;
}

/** What timers are armed for. */
export interface Timed {
  onTimer(name: string, now: number): void;
}

/** Who somebody says it is, and how it proves that. */
export interface PeerClaim {
  readonly path: Path;
  /** IDi as the initiator sent it. */
  readonly remoteId: Identity;
  /** IDr, where the initiator asked for one. */
  readonly localId?: Identity | undefined;
  /** The Auth Method of its proof; undefined where there is none (EAP). */
  readonly method: number | undefined;
  /** Whether its certificates may lead to what a peer's section trusts; left out: that is not known. */
  leadsTo?(trust: PeerTrust): boolean;
  /** Which peers may be meant; left out: all. */
  admits?(peer: PeerDesired): boolean;
  /** Why a peer that fits otherwise is not meant. */
  rejects?(peer: PeerDesired): CandidateRejection | undefined;
}
