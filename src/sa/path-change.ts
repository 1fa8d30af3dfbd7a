/** The one place where an IKE SA's path changes; only what was authenticated gets here (RFC 7296 2.23, RFC 3947 4). */
import type { Endpoint } from "../negotiate/address.ts";
import type { AnyIkeSa } from "./any-ike-sa.ts";
import { isEncapsulated } from "./nat.ts";
import { formatEndpoint, type Path, samePath } from "./path.ts";

/** Authenticated ESP of the peer came from there: its NAT maps port 4500 of IKE and of ESP alike (RFC 3948 2.1). */
export function espHeardFrom(sa: AnyIkeSa, from: Endpoint): void {
  if (followsPeer(sa)) moveTo(sa, { local: sa.path.local, remote: from });
}

/** From now on everything of this IKE SA takes this way, its Child SAs too. */
export function moveTo(sa: AnyIkeSa, path: Path): void {
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
export function followsPeer(sa: AnyIkeSa): boolean {
  if (sa.state.kind !== "Established" || !isEncapsulated(sa.nat) || !sa.nat.remote) return false;
  return !sa.nat.local || sa.origin === "responder";
}
