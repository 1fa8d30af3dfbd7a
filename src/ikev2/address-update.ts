/** The way to the peer, as packets that were authenticated show it (RFC 7296 2.23). */
import type { Endpoint } from "../negotiate/address.ts";
import { formatEndpoint, type Path, samePath } from "../sa/path.ts";
import type { IkeSa } from "./ike-sa.ts";
import { isEncapsulated } from "./nat-detection.ts";

/**
 * An authenticated message that is no repeat came over `path`. Where the peer sits behind a NAT, its mapping may have
 * changed: it is answered where it is seen now.
 */
export function heardOver(sa: IkeSa, path: Path): void {
  sa.lastHeard = sa.host.now();
  // RFC 4555 3.8: where MOBIKE is in use, only UPDATE_SA_ADDRESSES changes anything; other exchanges may test other ways.
  if (sa.mobike === undefined && followsPeer(sa)) moveTo(sa, { local: sa.path.local, remote: path.remote });
}

/** Authenticated ESP of the peer came from there: its NAT maps port 4500 of IKE and of ESP alike (RFC 3948 2.1). */
export function espHeardFrom(sa: IkeSa, from: Endpoint): void {
  if (followsPeer(sa)) moveTo(sa, { local: sa.path.local, remote: from });
}

/** From now on everything of this IKE SA takes this way, its Child SAs too. */
export function moveTo(sa: IkeSa, path: Path): void {
  const { host, peer } = sa;
  if (samePath(sa.path, path)) return sa.children.follow();
  host.log({
    level: "info",
    event: "path-changed",
    ...(peer === undefined ? {} : { peer: peer.name }),
    facts: { from: formatEndpoint(sa.path.remote), to: formatEndpoint(path.remote), local: formatEndpoint(path.local) },
  });
  sa.path = path;
  sa.children.follow();
}

/**
 * RFC 7296 2.23: a host that is not behind a NAT itself follows a peer that is. One behind a NAT should not, because a
 * single forwarded packet would then cut it off; but a responder there is reached through a static mapping, and were it
 * not to follow, a peer whose own mapping changed would be cut off for good.
 */
function followsPeer(sa: IkeSa): boolean {
  if (sa.state.kind !== "Established" || !isEncapsulated(sa.nat) || !sa.nat.remote) return false;
  return !sa.nat.local || sa.origin === "responder";
}
