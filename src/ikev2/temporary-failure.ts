/** TEMPORARY_FAILURE (RFC 7296 2.25): what the peer cannot do just now is asked for again later, but not for ever. */
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType } from "../wire/ikev2/registry/message.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { notifyType } from "../wire/ikev2/registry/notify.ts";
import { temporaryFailureLimit } from "./constants.ts";
import type { IkeSa } from "./ike-sa.ts";
import { findNotify } from "./payloads.ts";

/**
 * Takes note of a response to CREATE_CHILD_SA. RFC 7296 2.25: a peer that goes on like that for several minutes is out of
 * step, and the IKE SA is closed.
 */
export function noteTemporaryFailure(sa: IkeSa, payloads: readonly Payload[]): void {
  const error = findNotify(payloads, notifyType.TEMPORARY_FAILURE);
  if (error === undefined) {
    sa.refusedSince = undefined;
    return;
  }
  const now = sa.host.now();
  sa.refusedSince ??= now;
  if (sa.state.kind !== "Established" || now - sa.refusedSince < temporaryFailureLimit) return;
  const exchange = nameOf.exchange(exchangeType.CREATE_CHILD_SA);
  sa.close({ code: "peer-error", exchange, notify: nameOf.notify(error.type) });
}
