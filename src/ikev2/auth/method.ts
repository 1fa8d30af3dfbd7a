/** What a way to prove an identity is (RFC 7296 2.15): a new one is a file beside this one and a row in `methods.ts`. */
import type { Identity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { OwnCredential, PeerCredential } from "../../sa/desired.ts";
import type { AuthPayload } from "../../wire/ikev2/payloads/identity.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import type { IkeSa } from "../ike-sa.ts";
import type { SignedOctets } from "../psk-auth.ts";
import type { Wishes } from "./wishes.ts";

/** The credentials by their kind. */
export type OwnCredentialOf<K extends OwnCredential["kind"]> = Extract<OwnCredential, { readonly kind: K }>;
export type PeerCredentialOf<K extends PeerCredential["kind"]> = Extract<PeerCredential, { readonly kind: K }>;

/** What the peer says it is, and its proof. */
export interface Claim {
  readonly identity: Identity;
  readonly auth: AuthPayload;
  /** What AUTH is made of at the peer's end. */
  readonly signed: SignedOctets;
  /** The message it came in, with whatever else belongs to the proof. */
  readonly payloads: readonly Payload[];
}

/** What we prove ourselves with in a message; or why we cannot. */
export type Proof = { readonly payloads: readonly Payload[] } | { readonly reason: Reason };

/**
 * How one kind of credential proves who we are, in both roles.
 *
 * `prove`, and `verify` below, may answer later, from a computation (`sa.host.compute`): the IKE SA waits meanwhile, and where
 * it is gone or being closed by then, `then` may be called and changes nothing.
 */
export interface ProvingMethod<K extends OwnCredential["kind"]> {
  /** The credential as a reason names it; never the secret itself. */
  describe(credential: OwnCredentialOf<K>): string;
  /** What of the peer's wishes, as far as they are known, speaks against the credential: one sentence each. */
  doubts?(credential: OwnCredentialOf<K>, wishes: Wishes): readonly string[];
  /** AUTH, and before it whatever belongs to the proof. */
  prove(
    sa: IkeSa,
    credential: OwnCredentialOf<K>,
    signed: SignedOctets,
    wishes: Wishes,
    then: (proof: Proof) => void,
  ): void;
}

/** How one kind of credential has the peer prove who it is, in both roles. */
export interface VerifyingMethod<K extends PeerCredential["kind"]> {
  /** As people call it: "pre-shared key". */
  readonly label: string;
  /** The Auth Methods of an AUTH payload that this kind of credential verifies (RFC 7296 3.8). */
  readonly numbers: readonly number[];
  /** Checks a claim whose Auth Method is one of `numbers`; `then` gets undefined where it holds. */
  verify(sa: IkeSa, credential: PeerCredentialOf<K>, claim: Claim, then: (reason: Reason | undefined) => void): void;
}
