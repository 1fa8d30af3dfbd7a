/** What a way to prove an identity is (RFC 7296 2.15): a new one is a file beside this one and a row in `methods.ts`. */
import type { Identity } from "../../negotiate/identity.ts";
import type { Reason } from "../../negotiate/reason.ts";
import type { CredentialDesired } from "../../sa/desired.ts";
import type { AuthPayload } from "../../wire/ikev2/payloads/identity.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import type { IkeSa } from "../ike-sa.ts";
import type { SignedOctets } from "../psk-auth.ts";

/** The credentials by their kind. */
export type CredentialOf<K extends CredentialDesired["kind"]> = Extract<CredentialDesired, { readonly kind: K }>;

/** What the peer says it is, and its proof. */
export interface Claim {
  readonly identity: Identity;
  readonly auth: AuthPayload;
  /** What AUTH is made of at the peer's end. */
  readonly signed: SignedOctets;
  /** The message it came in, with whatever else belongs to the proof. */
  readonly payloads: readonly Payload[];
}

/**
 * One method for one kind of credential, both roles.
 *
 * `prove` and `verify` may answer later, from a computation (`sa.host.compute`): the IKE SA waits meanwhile, and where it is
 * gone or being closed by then, `then` may be called and changes nothing.
 */
export interface AuthMethod<K extends CredentialDesired["kind"]> {
  /** As people call it: "pre-shared key". */
  readonly label: string;
  /** The Auth Methods of an AUTH payload that this kind of credential verifies (RFC 7296 3.8). */
  readonly numbers: readonly number[];
  /** The credential as a reason names it; never the secret itself. */
  describe(credential: CredentialOf<K>): string;
  /** AUTH, and before it whatever belongs to the proof. */
  prove(
    sa: IkeSa,
    credential: CredentialOf<K>,
    signed: SignedOctets,
    then: (payloads: readonly Payload[]) => void,
  ): void;
  /** Checks a claim whose Auth Method is one of `numbers`; `then` gets undefined where it holds. */
  verify(sa: IkeSa, credential: CredentialOf<K>, claim: Claim, then: (reason: Reason | undefined) => void): void;
}
