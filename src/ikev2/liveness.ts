/** Signs of life: after silence the peer is asked for one (RFC 7296 2.4), and the kernel whether the Child SAs still stand. */
import { askForLife } from "./exchanges/informational.ts";
import type { IkeSa } from "./ike-sa.ts";

/** Begins to watch an IKE SA that has just been established; not where the configuration does not want it. */
export function watchLiveness(sa: IkeSa): void {
  const liveness = sa.peer?.timing.liveness ?? 0;
  if (liveness > 0) sa.host.arm(sa, "liveness", sa.host.now() + liveness);
}

/** The timer has come: asks the peer where it has been silent for so long, unless a request is under way anyway. */
export function checkLiveness(sa: IkeSa): void {
  const liveness = sa.peer?.timing.liveness ?? 0;
  if (sa.state.kind !== "Established" || liveness === 0) return;
  const now = sa.host.now();
  sa.host.inspect(sa);
  if (sa.lastHeard + liveness > now) return sa.host.arm(sa, "liveness", sa.lastHeard + liveness);
  sa.host.arm(sa, "liveness", now + liveness);
  if (!sa.isRequesting) sa.request(askForLife);
}
