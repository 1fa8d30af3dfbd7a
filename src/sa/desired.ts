/** The desired state: what the configuration file comes to once it is loaded and every name in it is resolved. */
import type { OwnKey } from "../credentials/own-key.ts";
import type { PeerTrust } from "../credentials/peer-trust.ts";
import type { SignatureScheme } from "../crypto/signature/scheme.ts";
import type { Transform } from "../crypto/transforms.ts";
import type { SaLimits, SaMode, SaProtocol } from "../kernel/port.ts";
import type { Address, Family, Prefix } from "../negotiate/address.ts";
import type { Identity } from "../negotiate/identity.ts";
import type { EncryptionMethod } from "../negotiate/isakmp-methods.ts";
import type { InnerAddressDesired, XauthDesired } from "./remote-access.ts";

export interface DesiredState {
  readonly local: LocalDesired;
  /** In the order of the file. Names are unique. */
  readonly peers: readonly PeerDesired[];
  /** Peers that cannot be spoken to, because their section is broken: their traffic is locked all the same (invariant 2). */
  readonly locked?: readonly LockedPeerDesired[];
}

/** What policies that drop a peer's traffic need to know of it. */
export type LockedPeerDesired = Pick<PeerDesired, "name" | "remote" | "local" | "children"> &
  Partial<Pick<PeerDesired, "otherLocals">>;

export interface LocalDesired {
  /** Kinds of overlay that are locked towards everybody. */
  readonly locks: readonly LockDesired[];
  /** Undefined: the defaults. */
  readonly flood?: FloodLimits;
  /** The kernel is to hold packets that wait for an SA; left out: whatever the host says. */
  readonly holdPackets?: true;
}

/** Bounds on what callers may cost that have proved nothing yet. */
export interface FloodLimits {
  /** Half-open IKE SAs in all. */
  readonly halfOpen: number;
  /** Half-open IKE SAs in all, and from one network, from which on a cookie is asked for before any state is made. */
  readonly cookiesAbove: number;
  readonly cookiesAboveByNetwork: number;
  /** Key exchanges a second, in those of X25519, that one network may cost while cookies are asked for. */
  readonly keyExchangesByNetwork: number;
}

/** What they are where the file says nothing. */
export const floodDefaults: FloodLimits = {
  halfOpen: 8_192,
  cookiesAbove: 256,
  cookiesAboveByNetwork: 32,
  keyExchangesByNetwork: 200,
};

/** A kind that never leaves or enters in clear, whoever the other end is. */
export interface LockDesired {
  /** How the file names it: `gre`, `vxlan`, … */
  readonly name: string;
  readonly protocol: number;
  /** Destination port, for overlays over UDP. */
  readonly port?: number;
}

/** One proposal: every transform in it may be chosen, one of each type (RFC 7296 3.3). */
export interface ProposalDesired {
  readonly transforms: readonly Transform[];
}

/** Whether IKEv1 is spoken with a peer: in which mode we call it, or only where it calls us (in main mode); left out: not at all. */
export type Ikev1Policy = "main" | "aggressive" | "accept";

export interface PeerDesired {
  readonly name: string;
  /** Addresses the peer may have, tried in order; `any`: it calls us, from anywhere. */
  readonly remote: readonly Address[] | "any";
  /** Our address towards this peer. Undefined: whatever the host's routing gives, learned from the packet. */
  readonly local: Address | undefined;
  readonly port: number;
  readonly localId: Identity;
  /** Undefined: any identity that proves itself with this peer's secret. */
  readonly remoteId: Identity | undefined;
  readonly auth: AuthDesired;
  readonly ike: readonly ProposalDesired[];
  readonly ikev1?: Ikev1Policy;
  /** IKEv1: both ends prove by what they can decrypt that they have their RSA keys; left out: they sign. */
  readonly proveBy?: EncryptionMethod;
  /** IKEv1: who logs in with a name and a password after phase 1; left out: nobody. */
  readonly xauth?: XauthDesired;
  /** IKEv1: who has an address inside the tunnels that the other end gives; left out: nobody. */
  readonly innerAddress?: InnerAddressDesired;
  readonly children: readonly ChildDesired[];
  /** Whether we open the IKE SA by ourselves, and again after every loss. */
  readonly initiate: boolean;
  readonly unique: UniquePolicy;
  readonly childless: ChildlessPolicy;
  readonly redirect: RedirectDesired;
  /** How long a proof of identity holds before both ends repeat it in a new IKE SA, in ms; 0: for ever. */
  readonly reauth: number;
  readonly timing: PeerTiming;
  readonly messages: PeerMessages;
  /** Whether tickets are asked for and granted (RFC 5723). */
  readonly resumption: boolean;
  readonly nat: NatDesired;
  /** Whether addresses may change while the IKE SA stands (RFC 4555). */
  readonly mobike: boolean;
  /** Addresses of ours beside `local` that may be used where it is gone. */
  readonly otherLocals?: readonly Address[];
}

/** What is done about NATs on the way. */
export interface NatDesired {
  /** Silence after which the end behind a NAT keeps its mapping alive, in ms; 0: never. */
  readonly keepalive: number;
  /** ESP goes over UDP though no NAT is on the way. */
  readonly force: boolean;
}

/**
 * Whether one identity has one IKE SA: `replace`: the newest takes the place of the others; `keep`: from another address it
 * is turned away while the first stands; `never`: as many as come.
 */
export type UniquePolicy = "replace" | "keep" | "never";
/** Being sent to another gateway, and sending callers there (RFC 5685). */
export interface RedirectDesired {
  /** Whether the peer may send us to another of its addresses. */
  readonly follow: boolean;
  /** The names that stand for addresses of the peer. */
  readonly names: readonly { readonly name: string; readonly addresses: readonly Address[] }[];
  /** Where callers are sent; undefined: nowhere. */
  readonly to: Gateway | undefined;
  /** How long they have before what is left of them here is closed, in ms. */
  readonly grace: number;
}

/** A gateway as REDIRECT names it. */
export type Gateway =
  | { readonly kind: "address"; readonly address: Address }
  | { readonly kind: "name"; readonly name: string };

/** How the two ends prove who they are: each in one round or, with RFC 4739, in several, all of which must succeed. */
export interface AuthDesired {
  /** What we prove ourselves with; the first round is that of `localId`. At least one. */
  readonly local: readonly RoundDesired<OwnCredential>[];
  /** What the peer must prove itself with; the first round is that of `remoteId`. At least one. */
  readonly remote: readonly RoundDesired<PeerCredential>[];
}

export interface RoundDesired<C extends CredentialDesired = SecretCredential | NullCredential> {
  /** Who proves itself in this round, from the second on. Undefined: `localId`; any peer that has the credential. */
  readonly id?: Identity | undefined;
  readonly credential: C;
}

/** Both ends hold the same octets. */
export interface SecretCredential {
  readonly kind: "psk";
  readonly secret: SecretDesired;
}

/** Nothing is proved: whoever is on the path can stand in the middle (RFC 7619). */
export interface NullCredential {
  readonly kind: "null";
}

/** We sign. */
export interface KeyCredential {
  readonly kind: "key";
  /** Best first; which one is used is decided by the authorities that the peer names (RFC 7296 3.7). At least one. */
  readonly keys: readonly OwnKey[];
  /** What is signed with, best first; undefined: what suits the key and the peer. */
  readonly schemes?: readonly SignatureScheme[];
  /** SHA-1 may be signed with, where the peer verifies nothing better. */
  readonly sha1: boolean;
}

/** The peer signs. */
export interface TrustCredential {
  readonly kind: "trust";
  readonly trust: PeerTrust;
}

/** What we prove an identity with; `ikev2/auth/` has a method for each. */
export type OwnCredential = SecretCredential | NullCredential | KeyCredential;

/** What the peer must prove its identity with. */
export type PeerCredential = SecretCredential | NullCredential | TrustCredential;

export type CredentialDesired = OwnCredential | PeerCredential;

/** Whether a peer of this section has to prove who it is, in one round at least. */
export function authenticates(peer: Pick<PeerDesired, "auth" | "xauth">): boolean {
  if (peer.xauth?.kind === "server") return true;
  return peer.auth.remote.some(({ credential }) => credential.kind !== "null");
}

/** A secret and the name people know it by. `octets` never appear in a log, a status or an error (invariant 8). */
export interface SecretDesired {
  readonly name: string;
  readonly octets: Uint8Array;
}

/** How IKE messages travel. */
export interface PeerMessages {
  /** Requests that the peer may have unanswered: as many responses are kept (RFC 7296 2.3). */
  readonly window: number;
  /** Octets of an IP datagram beyond which a message is fragmented (RFC 7383 2.5.1). */
  readonly fragmentSize: number;
}
/**
 * IKE_AUTH without a Child SA (RFC 6023). `allow`: taken, and sent where there is no child to ask for; `prefer`: sent to every
 * peer that takes it; `never`: neither.
 */
export type ChildlessPolicy = "allow" | "prefer" | "never";

/** All in milliseconds. */
export interface PeerTiming {
  /** Wait before the first retransmission; grows by `retransmitFactor` each time. */
  readonly retransmitFirst: number;
  readonly retransmitFactor: number;
  readonly retransmitTries: number;
  /** Silence after which liveness is asked for; 0: never. */
  readonly liveness: number;
  /** First and longest wait before a lost peer is called again. */
  readonly retryFirst: number;
  readonly retryLongest: number;
  /** Age at which an IKE SA is replaced, before jitter (0: never), and at which one that could not be is closed (0: never). */
  readonly ikeRekey: number;
  readonly ikeLifetime: number;
  /** How long an inbound SA receives after its Child SA has been replaced. */
  readonly linger: number;
}

/** One Child SA to have: one line of `protect`, or one of the two that a VXLAN line comes to. */
export interface ChildDesired {
  /** Unique within the peer: `gre`, `vxlan-4789/out`, `tunnel 10.1.0.0/16 <-> 10.2.0.0/16`. */
  readonly name: string;
  /** The line of the file it came from, for status: several children may share one. */
  readonly line: string;
  readonly protocol: SaProtocol;
  readonly mode: SaMode;
  readonly local: SelectorEnd;
  readonly remote: SelectorEnd;
  readonly proposals: readonly ProposalDesired[];
  /** With `esp`, and IKEv1 alone: the proposals of AH around it. */
  readonly ah?: readonly ProposalDesired[];
  readonly hard: SaLimits;
  /** When its SAs are replaced, before jitter; `seconds` 0: not by time. Undefined: never by themselves. */
  readonly soft?: SaLimits | undefined;
  readonly replayWindow: number;
  /** Tunnel mode: install a route to the remote subnet. */
  readonly route: boolean;
  /** Compress packets before they are protected, where the peer does too (RFC 7296 2.22). */
  readonly compress?: true;
  /** Negotiated when a packet asks for it; left out: at the start, and again after every loss. */
  readonly onDemand?: OnDemand;
}

/** How a child that is negotiated on demand ends. */
export interface OnDemand {
  /** Milliseconds without a packet after which it is taken down; 0: never. */
  readonly idle: number;
}

/** One end of what a child protects. */
export interface SelectorEnd {
  /** `host`: the IKE SA's own address at that end (transport mode). */
  readonly prefix: Prefix | "host";
  /** Tunnel mode: further subnets; every pair of a local and a remote one is protected, in one Child SA. */
  readonly more?: readonly Prefix[] | undefined;
  readonly protocol: number;
  readonly port?: number | undefined;
}

/** The families in which a lock towards everybody is installed. */
export const lockFamilies: readonly Family[] = [4, 6];
