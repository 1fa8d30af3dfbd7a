/** A pre-shared key as credential (RFC 7296 2.15). */
import { constantTimeEqual } from "../../crypto/secret.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import { pskAuth } from "../psk-auth.ts";
import type { ProvingMethod, VerifyingMethod } from "./method.ts";

const number = authMethod.SHARED_KEY_MESSAGE_INTEGRITY_CODE;

/** Both ends hold the same octets. */
export const preSharedKey: ProvingMethod<"psk"> & VerifyingMethod<"psk"> = {
  label: "pre-shared key",
  numbers: [number],
  describe: ({ secret }) => `the secret "${secret.name}"`,
  prove: (sa, { secret }, signed, _wishes, then) => {
    const prf = sa.keying?.suite.prf;
    if (prf !== undefined)
      then({ payloads: [{ kind: "AUTH", method: number, data: pskAuth(prf, secret.octets, signed) }] });
  },
  verify: (sa, { secret }, { auth, identity, signed }, then) => {
    const prf = sa.keying?.suite.prf;
    if (prf === undefined) return;
    const holds = constantTimeEqual(auth.data, pskAuth(prf, secret.octets, signed));
    then(holds ? undefined : { code: "wrong-secret", identity: identity.text, secret: secret.name });
  },
};
