/** What IKEv1 adds between phase 1 and quick mode for callers from anywhere: a name and a password, and an address inside. */
import type { Address, Prefix } from "../negotiate/address.ts";
import type { CandidateRejection } from "../negotiate/reason.ts";
import type { PeerDesired, SecretDesired } from "./desired.ts";

/** Which end logs in (draft-beaulieu-ike-xauth-02): we with the peer, or the peer with us. */
export type XauthDesired =
  | { readonly kind: "client"; readonly user: string; readonly password: SecretDesired }
  | { readonly kind: "server"; readonly users: readonly UserDesired[] };

/** Who may log in. */
export interface UserDesired {
  readonly name: string;
  readonly password: SecretDesired;
}

/** How an address is given (draft-dukes-ike-mode-cfg-02 2): asked for by who gets it, or sent by who gives it. */
export type AddressDelivery = "pull" | "push";

/** Which end has an address inside the tunnels that the other gives: we, or the peer. */
export type InnerAddressDesired =
  | { readonly kind: "client"; readonly by: AddressDelivery }
  | { readonly kind: "server"; readonly by: AddressDelivery; readonly pool: Prefix };

/** An address inside that one end of an ISAKMP SA has. */
export interface InnerAddress {
  /** The end that has it. */
  readonly of: "us" | "peer";
  readonly address: Address;
}

/** Why a caller that speaks IKEv2 is not taken: it would get around what the section asks for beside phase 1 of IKEv1. */
export function needsIkev1({ name, xauth, innerAddress }: PeerDesired): CandidateRejection | undefined {
  if (xauth === undefined && innerAddress === undefined) return undefined;
  const wanted = xauth === undefined ? "IKEv1 with mode config" : "IKEv1 with XAuth";
  return { peer: name, field: "IKE version", wanted, seen: "IKEv2" };
}
