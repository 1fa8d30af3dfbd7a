/** What the engine, and whatever keeps Child SAs, knows of an IKE SA; either version of IKE has its own. */
import type { Identity } from "../negotiate/identity.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { IkeSuite } from "../negotiate/suite.ts";
import type { ChildSa } from "./child-sa.ts";
import type { ChildSas } from "./child-sas.ts";
import type { OwnRekey } from "./child-state.ts";
import type { ChildDesired, Gateway, PeerDesired } from "./desired.ts";
import type { SaHost, Timed } from "./host.ts";
import type { Outgoing } from "./keepalive.ts";
import type { NatFinding } from "./nat.ts";
import type { Path } from "./path.ts";

/** Which end began an exchange. */
export type Role = "initiator" | "responder";

/** An IKE SA of IKEv2, or an ISAKMP SA of IKEv1. Times in ms of the engine's clock. */
export interface AnyIkeSa extends Timed {
  readonly host: SaHost;
  readonly dialect: Dialect;
  readonly role: Role;
  /** Our role in the exchange that it descends from; a rekey may change `role`. */
  readonly origin: Role;
  /** Our SPI, or cookie. */
  readonly localSpi: bigint;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  path: Path;
  peer: PeerDesired | undefined;
  readonly remoteId: Identity | undefined;
  /** `Established`: it stands. */
  readonly state: { readonly kind: string; readonly reason?: Reason };
  readonly keying: { readonly suite: IkeSuite } | undefined;
  readonly nat: NatFinding;
  readonly authentication: { readonly role: Role; readonly redirectable: boolean } | undefined;
  readonly children: ChildSas;
  /** Who has the Child SAs now: this one, or who inherited them. */
  readonly holder: AnyIkeSa;
  readonly createdAt: number;
  readonly establishedAt: number;
  /** The lesser of its nonces' first 8 octets: of two that crossed, the one with the least goes. */
  readonly lowestNonce: bigint;
  lastHeard: number;
  lastLooked: number;
  lastReceived: number;
  readonly lastSent: number;
  readonly lastAnswered: number;
  outgoing: Outgoing | undefined;
  readonly isOver: boolean;
  /** Whether a request of ours is being prepared, or unanswered. */
  readonly isRequesting: boolean;
  /** Ends it politely: the peer is told. */
  close(reason: Reason): void;
  /** Ends it now, without a word. */
  end(reason: Reason): void;
  /** Something that explains why it takes so long. */
  note(reason: Reason): void;
}

/** What is asked of the peer, in the words of the IKE version that is spoken with it. */
export interface Dialect {
  /** As people call it: `IKEv2`, `IKEv1 main mode`. */
  readonly name: string;
  askForChild(child: ChildDesired): void;
  /** Asks whether the peer lives; `then` runs when it has answered, or will not. */
  askForLife(then?: () => void): void;
  /** Asks for a pair in the place of this one; `begun` is called before anything follows from it. */
  rekeyChild(child: ChildSa, begun: (rekey: OwnRekey) => void): void;
  /** Has the peer drop the pair; `then` runs when it has, as far as can be known. */
  deleteChild(child: ChildSa, then?: () => void): void;
  /** Asks for an IKE SA in the place of this one. */
  rekey(): void;
  /** Addresses of ours came or went. */
  addressesChanged(): void;
  /** Tells the peer to go to another gateway. */
  redirect(to: Gateway): void;
  /** Whether it can go to other addresses while it stands. */
  readonly canMove: boolean;
  /**
   * Whether who called may take it for the successor of one that we have lost with all its Child SAs, and ask for none: what a
   * former run left is then ours to replace.
   */
  readonly mayCarryOn: boolean;
  /** Whether its Child SAs go on under another one where it is closed. */
  readonly bequeaths: boolean;
  /** We opened it, and the peer may have it by now. */
  readonly mayStandAtPeer: boolean;
}
