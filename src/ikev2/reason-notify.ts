/** The notify that tells a peer why a Child SA was refused. */
import type { Reason } from "../negotiate/reason.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";

export function notifyOf(reason: Reason): number {
  switch (reason.code) {
    case "selectors-do-not-fit":
    case "unauthenticated-overlap":
      return notifyType.TS_UNACCEPTABLE;
    case "invalid-syntax":
    case "protocol-violation":
    case "invalid-public-value":
      return notifyType.INVALID_SYNTAX;
    case "kernel-refused":
    case "operator":
    case "replaced":
      // RFC 7296 2.25: not for ever, and not the peer's fault.
      return notifyType.TEMPORARY_FAILURE;
    default:
      return notifyType.NO_PROPOSAL_CHOSEN;
  }
}
