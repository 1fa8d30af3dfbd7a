/** VXLAN destinations that no policy of a peer covers. */

import { type Address, addressOctets } from "../../negotiate/address.ts";
import { dumpForwardingEntries, dumpLinks, type Link, type NetlinkSocket } from "../../netlink-xfrm/index.ts";
import { sameAddress } from "../request-check.ts";
import type { Hazard, HazardQuery } from "./hazards.ts";

/** Groups, remotes and forwarding entries of the protected ports' devices that are no peer's address. */
export function findVxlanHazards(
  socket: NetlinkSocket,
  query: Pick<HazardQuery, "peers" | "vxlan">,
): readonly Hazard[] {
  if (query.vxlan.length === 0) return [];
  const links = socket.dump(dumpLinks());
  return links.flatMap((link) => {
    const { name, info } = link;
    const port = info?.vxlan?.port;
    const protection = query.vxlan.find((candidate) => candidate.port === port);
    if (name === undefined || protection === undefined) return [];
    const strangers = destinationsOf(socket, link).filter(
      ({ address }) => !query.peers.some((peer) => sameAddress(peer, address)),
    );
    return strangers.map(({ address, mac }) => vxlanHazard(name, address, mac, protection));
  });
}

interface Destination {
  readonly address: Address;
  /** The hardware address of its forwarding entry; undefined for the device's own remote. */
  readonly mac: string | undefined;
}

/** Each address once. */
function destinationsOf(socket: NetlinkSocket, link: Link): readonly Destination[] {
  const found = new Map<Address, Destination>();
  const add = (address: Address | undefined, mac: string | undefined): void => {
    if (address !== undefined && !isAny(address) && !found.has(address)) found.set(address, { address, mac });
  };
  add(link.info?.vxlan?.remote, undefined);
  for (const entry of socket.dump(dumpForwardingEntries({ index: link.index })))
    add(entry.destination, entry.linkLayer);
  return [...found.values()];
}

function vxlanHazard(
  device: string,
  address: Address,
  mac: string | undefined,
  { port, locked }: HazardQuery["vxlan"][number],
): Hazard {
  const group = isMulticast(address);
  const what = group ? `to the multicast group ${address}` : `to ${address}, which is no peer's address`;
  const effect = locked ? "which the lock on this port drops" : "which leaves in clear";
  return {
    kind: group ? "vxlan-group" : "vxlan-vtep",
    device,
    detail: mac === undefined ? `${device} remote ${address}` : `${device} ${mac} dst ${address}`,
    sentence: `VXLAN device ${device} (port ${port}) sends ${what}, ${effect}`,
    remedy: remedyFor(device, address, mac, group),
  };
}

function remedyFor(device: string, address: Address, mac: string | undefined, group: boolean): string {
  if (group)
    return `list the VTEPs one by one instead of the group: bridge fdb append 00:00:00:00:00:00 dev ${device} dst ADDRESS`;
  const remove =
    mac === undefined ? `take the remote away from ${device}` : `bridge fdb del ${mac} dev ${device} dst ${address}`;
  return `add ${address} as a peer, or ${remove}`;
}

function isAny(address: Address): boolean {
  return addressOctets(address).every((octet) => octet === 0);
}

/** 224.0.0.0/4 (RFC 5771) and ff00::/8 (RFC 4291 2.7). */
function isMulticast(address: Address): boolean {
  const octets = addressOctets(address);
  const [first = 0] = octets;
  return octets.length === 4 ? first >> 4 === 0xe : first === 0xff;
}
