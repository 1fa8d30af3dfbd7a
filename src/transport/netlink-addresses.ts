/** The host's addresses from rtnetlink: told of every change at once. */

import { type Address, formatAddress, parseAddress } from "../negotiate/address.ts";
import {
  ADDRESS_FLAG,
  dumpAddresses,
  type InterfaceAddress,
  NetlinkSocket,
  ownAddress,
  watchRoutes,
} from "../netlink-xfrm/index.ts";
import { type HostAddresses, isLinkLocal } from "./host-addresses.ts";

/** Follows the addresses of this network namespace. Throws SystemCallError or NetlinkError where they cannot be listed. */
export function netlinkHostAddresses(): HostAddresses {
  const socket = NetlinkSocket.route();
  const listeners: (() => void)[] = [];
  let closed = false;
  let scheduled = false;
  let known = usable(socket.dump(dumpAddresses()));
  // Whatever the event says, the list is read anew: it is short, and an overrun needs no treatment of its own then.
  const events = watchRoutes({ groups: ["ipv4Address", "ipv6Address"] }, () => {
    if (scheduled) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (closed) return;
      known = usable(socket.dump(dumpAddresses()));
      for (const listener of listeners) listener();
    });
  });
  return {
    list: () => known,
    onChange: (listener) => listeners.push(listener),
    close() {
      closed = true;
      events.close();
      socket.close();
    },
  };
}

/** Addresses that can be bound: not while duplicate detection runs (RFC 4862 5.4), nor where it has found a duplicate. */
function usable(addresses: readonly InterfaceAddress[]): readonly Address[] {
  const found = new Set<Address>();
  for (const address of addresses) {
    const flags = address.flags ?? 0;
    const optimistic = (flags & ADDRESS_FLAG.optimistic) !== 0;
    if ((flags & ADDRESS_FLAG.dadFailed) !== 0) continue;
    if ((flags & ADDRESS_FLAG.tentative) !== 0 && !optimistic) continue;
    const octets = parseAddress(ownAddress(address) ?? "");
    if (octets !== undefined && !isLinkLocal(octets)) found.add(formatAddress(octets));
  }
  return [...found].sort();
}
