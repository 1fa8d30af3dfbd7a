/** NULL authentication (RFC 7619): proves nothing but that the other messages come from whoever sent IKE_SA_INIT. */
import { constantTimeEqual } from "../../crypto/secret.ts";
import { authMethod } from "../../wire/ikev2/registry/identity.ts";
import { pskAuth } from "../psk-auth.ts";
import type { ProvingMethod, VerifyingMethod } from "./method.ts";

const number = authMethod.NULL_AUTHENTICATION;

/** RFC 7619 2.1: as a pre-shared key, which is the sender's own SK_p; so each end's is another. */
export const nullAuthentication: ProvingMethod<"null"> & VerifyingMethod<"null"> = {
  label: "NULL authentication",
  numbers: [number],
  describe: () => "NULL authentication",
  prove: (sa, _credential, signed, _wishes, then) => {
    const prf = sa.keying?.suite.prf;
    if (prf !== undefined)
      then({ payloads: [{ kind: "AUTH", method: number, data: pskAuth(prf, signed.skP, signed) }] });
  },
  verify: (sa, _credential, { auth, signed }, then) => {
    const prf = sa.keying?.suite.prf;
    if (prf === undefined) return;
    const holds = constantTimeEqual(auth.data, pskAuth(prf, signed.skP, signed));
    // Only who tampered with IKE_SA_INIT, or cannot count, gets here.
    then(holds ? undefined : { code: "protocol-violation", exchange: "IKE_AUTH", fault: "AUTH does not verify" });
  },
};
