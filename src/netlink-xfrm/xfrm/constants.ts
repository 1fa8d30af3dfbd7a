/** Message types, from `XFRM_MSG_NEWSA` on. */
export const XFRM_MSG = {
  newSa: 0x10,
  delSa: 0x11,
  getSa: 0x12,
  newPolicy: 0x13,
  delPolicy: 0x14,
  getPolicy: 0x15,
  allocSpi: 0x16,
  acquire: 0x17,
  expire: 0x18,
  updPolicy: 0x19,
  updSa: 0x1a,
  polExpire: 0x1b,
  flushSa: 0x1c,
  flushPolicy: 0x1d,
  newAe: 0x1e,
  getAe: 0x1f,
  report: 0x20,
  migrate: 0x21,
  newSadInfo: 0x22,
  getSadInfo: 0x23,
  newSpdInfo: 0x24,
  getSpdInfo: 0x25,
  mapping: 0x26,
  setDefault: 0x27,
  getDefault: 0x28,
} as const;

/** Attribute types; those above 32 are known to kernels from 6.10 (saDirection), 6.11 (natKeepaliveInterval) and 6.13 (saCpu) on. */
export const XFRMA = {
  algAuth: 1,
  algCrypt: 2,
  algComp: 3,
  encap: 4,
  template: 5,
  sa: 6,
  policy: 7,
  securityContext: 8,
  lifetimeValue: 9,
  replayValue: 10,
  replayThreshold: 11,
  eventTimerThreshold: 12,
  sourceAddress: 13,
  coAddress: 14,
  lastUsed: 15,
  policyType: 16,
  migrate: 17,
  algAead: 18,
  kmAddress: 19,
  algAuthTrunc: 20,
  mark: 21,
  tfcPad: 22,
  replayEsnValue: 23,
  saExtraFlags: 24,
  protocol: 25,
  addressFilter: 26,
  padding: 27,
  offloadDevice: 28,
  setMark: 29,
  setMarkMask: 30,
  ifId: 31,
  mappingTimerThreshold: 32,
  saDirection: 33,
  natKeepaliveInterval: 34,
  saCpu: 35,
} as const;

/** Multicast groups of NETLINK_XFRM. `aevents` tells of replay counters and lifetimes. */
export const XFRM_GROUP = {
  acquire: 1,
  expire: 2,
  sa: 3,
  policy: 4,
  aevents: 5,
  report: 6,
  migrate: 7,
  mapping: 8,
} as const;

/** IP protocol numbers that an SA can have. */
export const IPSEC_PROTOCOL = { esp: 50, ah: 51, comp: 108, route2: 43, hao: 60 } as const;
export type IpsecProtocol = keyof typeof IPSEC_PROTOCOL;

/** How an SA changes the packet. */
export const MODE = { transport: 0, tunnel: 1, routeOptimization: 2, inTrigger: 3, beet: 4, iptfs: 5 } as const;
export type Mode = keyof typeof MODE;

/** Where a policy stands: packets in, out, or forwarded. */
export const DIRECTION = { in: 0, out: 1, fwd: 2 } as const;
export type Direction = keyof typeof DIRECTION;

/** What a policy does with a packet: lets it pass (through its templates), or drops it. */
export const ACTION = { allow: 0, block: 1 } as const;
export type Action = keyof typeof ACTION;

/** Who may share an SA. */
export const SHARE = { any: 0, session: 1, user: 2, unique: 3 } as const;
export type Share = keyof typeof SHARE;

/** The direction an SA is for (kernels from 6.10 on). */
export const SA_DIRECTION = { in: 1, out: 2 } as const;
export type SaDirection = keyof typeof SA_DIRECTION;

/** Main policies, and the sub policies of mobile IPv6. */
export const POLICY_TYPE = { main: 0, sub: 1, any: 255 } as const;
export type PolicyType = keyof typeof POLICY_TYPE;

/** What happens to packets that match no policy. */
export const DEFAULT_ACTION = { unspecified: 0, block: 1, accept: 2 } as const;
export type DefaultAction = keyof typeof DEFAULT_ACTION;

/** Bits of an SA's `flags` (XFRM_STATE_*). */
export const SA_FLAG = {
  noEcn: 1,
  decapDscp: 2,
  noPmtuDiscovery: 4,
  wildReceive: 8,
  icmp: 16,
  afUnspec: 32,
  align4: 64,
  esn: 128,
} as const;

/** Bits of an SA's `extraFlags` (XFRM_SA_XFLAG_*). */
export const SA_EXTRA_FLAG = { dontEncapDscp: 1, outboundSequenceMayWrap: 2 } as const;

/** Bits of a policy's `flags`: a socket policy may override it; ICMP errors about matching packets match too. */
export const POLICY_FLAG = { localOk: 1, icmp: 2 } as const;

/** Bits of an offload's `flags`. */
export const OFFLOAD_FLAG = { ipv6: 1, inbound: 2, packet: 4 } as const;

/** UDP encapsulation types of an SA's `encapsulation` and of the socket option. */
export const ENCAPSULATION = { espInUdpNonIke: 1, espInUdp: 2, espInTcp: 7 } as const;
export type Encapsulation = keyof typeof ENCAPSULATION;

/** The largest number of templates in one policy that the kernel takes (XFRM_MAX_DEPTH). */
export const MAX_TEMPLATES = 6;
