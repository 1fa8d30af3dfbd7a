/**
 * The states of an IKE SA, one type each, named after what it waits for; each owns what only it needs.
 * A discriminated union: combinations that make no sense cannot be written.
 */

import type { KePair } from "../crypto/key-exchange.ts";
import { wipe } from "../crypto/secret.ts";
import type { KeTransform } from "../crypto/transforms/ke.ts";
import type { Address } from "../negotiate/address.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { Role } from "../sa/any-ike-sa.ts";
import type { PeerDesired, ProposalDesired } from "../sa/desired.ts";
import type { NatFinding } from "../sa/nat.ts";
import type { Path } from "../sa/path.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import type { Rounds } from "./auth/rounds.ts";
import type { Wishes } from "./auth/wishes.ts";
import type { Host } from "./host.ts";
import type { Resumable } from "./resumption/resumable.ts";

/** What an initiator's IKE_SA_INIT carries from try to try. */
export interface InitOffer {
  readonly nonce: Uint8Array;
  readonly proposals: readonly ProposalDesired[];
  readonly method: KeTransform;
  readonly cookie?: Uint8Array | undefined;
  /** How often the responder asked for a cookie or another method; bounded. */
  readonly restarts: number;
  /** The gateway that sent us to this one (RFC 5685 3). */
  readonly redirectedFrom?: Address | undefined;
}

/** What both ends remember of IKE_SA_INIT until IKE_AUTH is over. */
export interface Handshake {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  /** The IKE_SA_INIT messages as they were on the wire. */
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly skPi: Uint8Array;
  readonly skPr: Uint8Array;
  readonly nat: NatFinding;
  /** The responder takes an IKE_AUTH without a Child SA (RFC 6023). */
  readonly childless: boolean;
  /** The responder takes several rounds of authentication (RFC 4739). */
  readonly multipleAuth: boolean;
  /** The initiator may be redirected (RFC 5685). */
  readonly redirectable: boolean;
  /** Responder: what a ticket holds, where one may be asked for (RFC 5723); wiped with the others. */
  readonly skD?: Uint8Array | undefined;
  /** What the peer has said in clear of the proofs that it takes. */
  readonly wishes?: Wishes | undefined;
  /** The IKE SA is resumed: whose it was, and at the responder by which ticket. */
  readonly resumed?: { readonly peer: PeerDesired; readonly remoteId: Identity; readonly ticket?: Uint8Array };
}

/** What an initiator's IKE_SESSION_RESUME carries from try to try. */
export interface ResumeOffer {
  readonly from: Resumable;
  readonly nonce: Uint8Array;
  readonly cookie?: Uint8Array | undefined;
  /** How often the responder asked for a cookie; bounded. */
  readonly restarts: number;
}

/** A responder's IKE_AUTH from its first request on, over all its rounds. */
export interface AuthAttempt {
  readonly peer: PeerDesired;
  readonly rounds: Rounds;
  /** The first request: what it asks for is answered when the last round is over. */
  readonly request: readonly Payload[];
}

export type State =
  /** Initiator: a key pair is being made. */
  | { readonly kind: "ExpectKeyPair"; readonly offer: InitOffer }
  /** Initiator: IKE_SA_INIT is out. */
  | { readonly kind: "ExpectInitResponse"; readonly offer: InitOffer; readonly pair: KePair; readonly request: Buffer }
  /** Initiator: IKE_SESSION_RESUME is out (RFC 5723). */
  | { readonly kind: "ExpectResumeResponse"; readonly offer: ResumeOffer; readonly request: Buffer }
  /** Initiator: the shared secret is being computed. */
  | { readonly kind: "ExpectSharedSecret" }
  /** Initiator: the kernel is asked for the SPI of the first Child SA. */
  | { readonly kind: "ExpectFirstSpi"; readonly handshake: Handshake }
  /** Initiator: IKE_AUTH is out. */
  | {
      readonly kind: "ExpectAuthResponse";
      readonly handshake: Handshake;
      /** It is to be closed as soon as the response is in hand. */
      readonly closing?: Reason | undefined;
    }
  /** Responder: key pair and shared secret are being computed. */
  | { readonly kind: "ExpectInitKeys" }
  /** Responder: IKE_SA_INIT is answered; half open. */
  | {
      readonly kind: "ExpectAuthRequest";
      readonly handshake: Handshake;
      /** Undefined before the first request. */
      readonly attempt?: AuthAttempt;
    }
  | { readonly kind: "Established" }
  /** The peer has replaced it and is to delete it; its Child SAs are its successor's (RFC 7296 2.8). */
  | { readonly kind: "Rekeyed" }
  /** We asked the peer to end it. */
  | { readonly kind: "ExpectDeleteResponse"; readonly reason: Reason }
  /** It is over; only repeats of the last request are still answered. */
  | { readonly kind: "Lingering" }
  /** It is gone. Answers that still come in are thrown away. */
  | { readonly kind: "Gone" };

export type StateKind = State["kind"];

/** Its secrets are not needed any more. */
export function wipeHandshake({ skPi, skPr, skD }: Handshake): void {
  wipe(skPi, skPr);
  if (skD !== undefined) wipe(skD);
}

/** What an IKE SA is made with. */
export interface IkeSaOptions {
  readonly role: Role;
  readonly host: Host;
  readonly localSpi: bigint;
  readonly remoteSpi: bigint;
  readonly path: Path;
  readonly peer?: PeerDesired;
  readonly state: State;
}
