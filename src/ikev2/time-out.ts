/** Waits of an IKE SA that are over without an answer. */
import type { IkeSa } from "./ike-sa.ts";

/** Whoever called has not gone on to IKE_AUTH. */
export function endHalfOpen(sa: IkeSa): void {
  const seconds = Math.round((sa.host.now() - sa.createdAt) / 1000);
  sa.end({ code: "no-answer", exchange: "IKE_AUTH", remote: sa.path.remote.address, attempts: 0, seconds });
}

/** The peer does not say that it has heard that the SA is being closed. */
export function endClosing(sa: IkeSa): void {
  const { state } = sa;
  if (state.kind === "ExpectDeleteResponse") sa.end(state.reason);
  else if (state.kind === "ExpectAuthResponse" && state.closing !== undefined) sa.end(state.closing);
}
