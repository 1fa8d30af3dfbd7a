/** The tables of authentication methods: which credential proves itself how, and how it is verified. */
import type { OwnCredential, PeerCredential } from "../../sa/desired.ts";
import type { ProvingMethod, VerifyingMethod } from "./method.ts";
import { nullAuthentication } from "./null-authentication.ts";
import { ownSignature } from "./own-signature.ts";
import { peerSignature } from "./peer-signature.ts";
import { preSharedKey } from "./pre-shared-key.ts";

const proving: { readonly [K in OwnCredential["kind"]]: ProvingMethod<K> } = {
  psk: preSharedKey,
  null: nullAuthentication,
  key: ownSignature,
};

const verifying: { readonly [K in PeerCredential["kind"]]: VerifyingMethod<K> } = {
  psk: preSharedKey,
  null: nullAuthentication,
  trust: peerSignature,
};

/** How a credential of ours proves who we are. */
export function provingMethod<C extends OwnCredential>(credential: C): ProvingMethod<C["kind"]> {
  return proving[credential.kind as C["kind"]];
}

/** How a peer proves itself with a credential. */
export function verifyingMethod<C extends PeerCredential>(credential: C): VerifyingMethod<C["kind"]> {
  return verifying[credential.kind as C["kind"]];
}
