/** The states of an ISAKMP SA, one type each, named after what it waits for; each owns what only it needs. */
import type { KePair } from "../crypto/key-exchange.ts";
import type { KeyedPrf } from "../crypto/prf.ts";
import type { IsakmpPolicy, IsakmpTerms } from "../negotiate/isakmp-proposals.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { PeerDesired } from "../sa/desired.ts";
import type { IdPayload } from "../wire/ikev1/payloads/identity.ts";

/** What an initiator has offered. */
export interface Offer {
  readonly policy: IsakmpPolicy;
  /** SAi_b: the body of our SA payload. */
  readonly saBody: Uint8Array;
}

/** Both ends have agreed on a suite. */
export interface Agreed {
  readonly terms: IsakmpTerms;
  readonly saBody: Uint8Array;
}

/** What the proofs of both ends are made of (RFC 2409 5). */
export interface Handshake extends Agreed {
  readonly gxi: Uint8Array;
  readonly gxr: Uint8Array;
  readonly skeyid: KeyedPrf;
  /** Who the peer says it is, where that came before its proof (RFC 2409 5.2). */
  readonly claimed?: IdPayload | undefined;
}

/** Phase 1 is over, and quick mode not possible yet. */
export type SetupState =
  /** Waits for the peer to ask for our name and password, or to say that they are right. */
  | { readonly kind: "ExpectLoginRequest" }
  /** The peer is asked for a name and a password. */
  | { readonly kind: "ExpectLogin" }
  /** The peer is told whether they are right. */
  | { readonly kind: "ExpectLoginAck"; readonly refusal: Reason | undefined }
  /** The peer is asked for an address of ours inside, or is to send one. */
  | { readonly kind: "ExpectAddress" }
  /** The peer is sent an address of its own inside. */
  | { readonly kind: "ExpectAddressAck" };

/** Whether a state is one between phase 1 and quick mode. */
export function isSetup({ kind }: State): boolean {
  return (
    kind === "ExpectLoginRequest" ||
    kind === "ExpectLogin" ||
    kind === "ExpectLoginAck" ||
    kind === "ExpectAddress" ||
    kind === "ExpectAddressAck"
  );
}

export type State =
  /** Main mode, initiator: the SA payload is out. */
  | { readonly kind: "ExpectSaAnswer"; readonly offer: Offer }
  /** Initiator: a key pair is being made. */
  | { readonly kind: "ExpectKeyPair" }
  /** Main mode, initiator: KE and nonce are out. */
  | { readonly kind: "ExpectKeyAnswer"; readonly agreed: Agreed; readonly pair: KePair; readonly ni: Uint8Array }
  /** Either role: the shared secret is being computed. */
  | { readonly kind: "ExpectSharedSecret" }
  /** Either role: what the peer has encrypted for us is being opened; where it is no good, what was before goes on. */
  | { readonly kind: "ExpectPlaintext"; readonly before: State }
  /** Either role: our own proof is being made. */
  | { readonly kind: "ExpectOwnProof"; readonly handshake: Handshake }
  /** Either role: the peer's proof is being examined; where it is none, what was before goes on. */
  | { readonly kind: "ExpectVerdict"; readonly handshake: Handshake }
  /** Main mode, initiator: our identity and proof are out. */
  | { readonly kind: "ExpectIdentityAnswer"; readonly handshake: Handshake }
  /** Main mode, responder: the SA payload is answered; half open. */
  | { readonly kind: "ExpectKeyRequest"; readonly agreed: Agreed; readonly callers: readonly PeerDesired[] }
  /** Main mode, responder: KE and nonce are answered; half open. */
  | {
      readonly kind: "ExpectIdentityRequest";
      readonly handshake: Handshake;
      /** Whose secret the keys were made with. */
      readonly callers: readonly PeerDesired[];
    }
  /** Aggressive mode, initiator: the first message is out. */
  | {
      readonly kind: "ExpectAggressiveAnswer";
      readonly offer: Offer;
      readonly pair: KePair;
      readonly ni: Uint8Array;
    }
  /** Aggressive mode, responder: the first message is answered; half open. */
  | { readonly kind: "ExpectAggressiveProof"; readonly handshake: Handshake; readonly id: IdPayload }
  | SetupState
  | { readonly kind: "Established" }
  /** Another has its IPsec SAs; it goes in a moment. */
  | { readonly kind: "Replaced"; readonly reason: Reason }
  /** It is over. Answers that still come in are thrown away. */
  | { readonly kind: "Gone" };

export type StateKind = State["kind"];
