import type { Reason } from "../../negotiate/reason.ts";
import type { PeerDesired } from "../../sa/desired.ts";
import { provingMethod } from "./methods.ts";

/** The peer answered AUTHENTICATION_FAILED: who we said that we are, what we proved it with, what may have been wrong. */
export function refusedAuthentication({ localId, auth }: PeerDesired, doubts: readonly string[]): Reason {
  const proofs = auth.local.map(({ credential }) => provingMethod(credential).describe(credential));
  return {
    code: "peer-refused-authentication",
    sentIdentity: localId.text,
    proof: proofs.join(", then "),
    ...(doubts.length === 0 ? {} : { doubts }),
  };
}
