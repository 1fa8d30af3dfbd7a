/** The table of authentication methods: which credential proves itself how. */
import type { CredentialDesired } from "../../sa/desired.ts";
import type { AuthMethod } from "./method.ts";
import { nullAuthentication } from "./null-authentication.ts";
import { preSharedKey } from "./pre-shared-key.ts";

type Kind = CredentialDesired["kind"];

const methods: { readonly [K in Kind]: AuthMethod<K> } = {
  psk: preSharedKey,
  null: nullAuthentication,
};

/** The method of a credential. */
export function methodOf<C extends CredentialDesired>(credential: C): AuthMethod<C["kind"]> {
  return methods[credential.kind as C["kind"]];
}
