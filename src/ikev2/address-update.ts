/** The way to the peer, as messages that were authenticated show it (RFC 7296 2.23). */
import type { Path } from "../sa/path.ts";
import { followsPeer, moveTo } from "../sa/path-change.ts";
import type { IkeSa } from "./ike-sa.ts";

/**
 * An authenticated message that is no repeat came over `path`. Where the peer sits behind a NAT, its mapping may have
 * changed: it is answered where it is seen now.
 */
export function heardOver(sa: IkeSa, path: Path): void {
  sa.lastHeard = sa.host.now();
  // RFC 4555 3.8: where MOBIKE is in use, only UPDATE_SA_ADDRESSES changes anything; other exchanges may test other ways.
  if (sa.mobike === undefined && followsPeer(sa)) moveTo(sa, { local: sa.path.local, remote: path.remote });
}
