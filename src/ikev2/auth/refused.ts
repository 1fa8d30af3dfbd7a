import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { methodOf } from "./methods.ts";

/** The peer answered AUTHENTICATION_FAILED: who we said that we are, and what we proved it with. */
export function refusedAuthentication({ localId, auth }: PeerDesired): Reason {
  const proofs = auth.local.map(({ credential }) => methodOf(credential).describe(credential));
  return { code: "peer-refused-authentication", sentIdentity: localId.text, proof: proofs.join(", then ") };
}
