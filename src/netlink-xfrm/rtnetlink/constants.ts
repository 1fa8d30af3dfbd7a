/** Message types of rtnetlink. */
export const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  delNeighbour: 29,
  getNeighbour: 30,
} as const;

/** Multicast groups of NETLINK_ROUTE. Forwarding entries of bridges and VXLAN come under `neighbour`. */
export const ROUTE_GROUP = {
  link: 1,
  neighbour: 3,
  ipv4Address: 5,
  ipv4Route: 7,
  ipv6Address: 9,
  ipv6Route: 11,
} as const;

/** Bits of a link's `flags` (IFF_*). */
export const LINK_FLAG = {
  up: 0x1,
  broadcast: 0x2,
  loopback: 0x8,
  pointToPoint: 0x10,
  running: 0x40,
  noArp: 0x80,
  multicast: 0x1000,
  lowerUp: 0x10000,
} as const;

/** Bits of an address's `flags` (IFA_F_*). */
export const ADDRESS_FLAG = {
  secondary: 0x1,
  noDad: 0x2,
  optimistic: 0x4,
  dadFailed: 0x8,
  deprecated: 0x20,
  tentative: 0x40,
  permanent: 0x80,
  noPrefixRoute: 0x200,
} as const;

/** Who made a route (RTPROT_*); other numbers are the administrator's and daemons' own. */
export const ROUTE_PROTOCOL = { unspecified: 0, redirect: 1, kernel: 2, boot: 3, static: 4, ra: 9, dhcp: 16 } as const;
export type RouteProtocol = keyof typeof ROUTE_PROTOCOL;

/** How far a route's destination is (RT_SCOPE_*). */
export const ROUTE_SCOPE = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const;
export type RouteScope = keyof typeof ROUTE_SCOPE;

/** What a route does (RTN_*). */
export const ROUTE_TYPE = {
  unspecified: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
} as const;
export type RouteType = keyof typeof ROUTE_TYPE;

/** Routing tables with a name. */
export const ROUTE_TABLE = { default: 253, main: 254, local: 255 } as const;

/** Bits of a neighbour's `state` (NUD_*). */
export const NEIGHBOUR_STATE = {
  incomplete: 0x1,
  reachable: 0x2,
  stale: 0x4,
  delay: 0x8,
  probe: 0x10,
  failed: 0x20,
  noArp: 0x40,
  permanent: 0x80,
} as const;

/** Bits of a neighbour's `flags` (NTF_*): `self` is a forwarding entry of the device itself, `master` of its bridge. */
export const NEIGHBOUR_FLAG = {
  use: 0x1,
  self: 0x2,
  master: 0x4,
  proxy: 0x8,
  externallyLearned: 0x10,
  router: 0x80,
} as const;

/** Bits of a GRE tunnel's `inputFlags` and `outputFlags`: which optional fields are used (RFC 2890). */
export const GRE_FLAG = { sequence: 0x1000, key: 0x2000, checksum: 0x8000 } as const;
