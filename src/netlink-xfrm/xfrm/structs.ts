import { AF_INET6, familyOf } from "../codec/address.ts";
import {
  address,
  choice,
  family,
  flag,
  s32,
  seconds,
  struct,
  u8,
  u16be,
  u32,
  u32be,
  u64,
  u64Limit,
  withDefault,
} from "../codec/struct.ts";
import {
  ACTION,
  type Action,
  DIRECTION,
  type Direction,
  IPSEC_PROTOCOL,
  type IpsecProtocol,
  MODE,
  type Mode,
  SHARE,
  type Share,
} from "./constants.ts";

/** Which packets: everything left out means any. For ICMP, `sourcePort` is the type and `destinationPort` the code. */
export interface Selector {
  /** 2 (IPv4), 10 (IPv6); found out from the addresses when left out. */
  family: number;
  source?: string;
  /** Bits; the whole address when an address is given without. */
  sourcePrefix: number;
  destination?: string;
  destinationPrefix: number;
  sourcePort: number;
  /** 0xffff when a port is given without. */
  sourcePortMask: number;
  destinationPort: number;
  destinationPortMask: number;
  /** IP protocol number; 0 is any. */
  protocol: number;
  /** 0 is any. */
  ifindex: number;
  /** A user id; 0 is any. */
  user: number;
}

const choiceOfProtocol = choice<IpsecProtocol>(u8, IPSEC_PROTOCOL);
const choiceOfMode = choice<Mode>(u8, MODE);
const choiceOfShare = choice<Share>(u8, SHARE);

/** `struct xfrm_selector`. */
export const selector = struct<Selector>("xfrm_selector", {
  size: 56,
  familyAt: 40,
  fields: {
    destination: [0, address],
    source: [16, address],
    destinationPort: [32, u16be],
    destinationPortMask: [34, u16be],
    sourcePort: [36, u16be],
    sourcePortMask: [38, u16be],
    family: [40, family],
    destinationPrefix: [42, u8],
    sourcePrefix: [43, u8],
    protocol: [44, u8],
    ifindex: [48, s32],
    user: [52, u32],
  },
  complete: completeSelector,
});

/** Named one by one: copying with `...` first costs 3 us on Node 20, half of a whole request. */
function completeSelector(given: Partial<Selector>): { [K in keyof Selector]?: Selector[K] | undefined } {
  const { family, source, destination, sourcePort, destinationPort, protocol, ifindex, user } = given;
  return {
    family,
    source,
    destination,
    sourcePrefix: given.sourcePrefix ?? wholeAddress(source),
    destinationPrefix: given.destinationPrefix ?? wholeAddress(destination),
    sourcePort,
    sourcePortMask: given.sourcePortMask ?? (sourcePort === undefined ? 0 : 0xffff),
    destinationPort,
    destinationPortMask: given.destinationPortMask ?? (destinationPort === undefined ? 0 : 0xffff),
    protocol,
    ifindex,
    user,
  };
}

function wholeAddress(text: string | undefined): number {
  if (text === undefined) return 0;
  return familyOf(text) === AF_INET6 ? 128 : 32;
}

/** The selector ports of an ICMP type and code (RFC 4301 4.4.1.1); without a code, any. */
export function icmpPorts(type: number, code?: number): Partial<Selector> {
  return code === undefined ? { sourcePort: type } : { sourcePort: type, destinationPort: code };
}

/** Limits of an SA or policy: octets, packets, and seconds since it was added or first used. Left out is no limit. */
export interface Lifetime {
  softBytes?: bigint;
  hardBytes?: bigint;
  softPackets?: bigint;
  hardPackets?: bigint;
  softAddSeconds?: number;
  hardAddSeconds?: number;
  softUseSeconds?: number;
  hardUseSeconds?: number;
}

/** `struct xfrm_lifetime_cfg`. */
export const lifetime = struct<Lifetime>("xfrm_lifetime_cfg", {
  size: 64,
  fields: {
    softBytes: [0, u64Limit],
    hardBytes: [8, u64Limit],
    softPackets: [16, u64Limit],
    hardPackets: [24, u64Limit],
    softAddSeconds: [32, seconds],
    hardAddSeconds: [40, seconds],
    softUseSeconds: [48, seconds],
    hardUseSeconds: [56, seconds],
  },
});

/** What an SA or policy has carried, and when (seconds since 1970) it was added and first used. */
export interface Usage {
  bytes: bigint;
  packets: bigint;
  addTime?: number;
  useTime?: number;
}

/** `struct xfrm_lifetime_cur`. */
export const usage = struct<Usage>("xfrm_lifetime_cur", {
  size: 32,
  fields: { bytes: [0, u64], packets: [8, u64], addTime: [16, seconds], useTime: [24, seconds] },
});

/** Packets dropped by an SA: outside the window, replayed, and with a wrong ICV. */
export interface SaStats {
  replayWindow: number;
  replay: number;
  integrityFailed: number;
}

/** `struct xfrm_stats`. */
export const saStats = struct<SaStats>("xfrm_stats", {
  size: 12,
  fields: { replayWindow: [0, u32], replay: [4, u32], integrityFailed: [8, u32] },
});

/** The fixed part of an SA. */
export interface SaInfo {
  /** Traffic the SA is for; packets outside it do not use the SA. */
  selector: Partial<Selector>;
  source?: string;
  destination?: string;
  spi: number;
  protocol: IpsecProtocol | number;
  lifetime: Lifetime;
  usage: Usage;
  stats: SaStats;
  /** The number of the ACQUIRE that this SA answers; 0 for none. */
  sequence: number;
  reqid: number;
  /** Of the outer addresses: 2 (IPv4) or 10 (IPv6); found out from them when left out. */
  family: number;
  mode: Mode | number;
  /** Packets, 32 at most; wider windows and ESN are in `replayEsn`. */
  replayWindow: number;
  /** Bits of SA_FLAG. */
  flags: number;
}

/** `struct xfrm_usersa_info`. */
export const saInfo = struct<SaInfo>("xfrm_usersa_info", {
  size: 224,
  familyAt: 212,
  fields: {
    selector: [0, selector],
    destination: [56, address],
    spi: [72, u32be],
    protocol: [76, choiceOfProtocol],
    source: [80, address],
    lifetime: [96, lifetime],
    usage: [160, usage],
    stats: [192, saStats],
    sequence: [204, u32],
    reqid: [208, u32],
    family: [212, family],
    mode: [214, choiceOfMode],
    replayWindow: [215, u8],
    flags: [216, u8],
  },
});

/** What names an SA: destination, SPI and protocol. */
export interface SaId {
  destination?: string;
  spi: number;
  family: number;
  protocol: IpsecProtocol | number;
}

/** `struct xfrm_usersa_id`. */
export const saId = struct<SaId>("xfrm_usersa_id", {
  size: 24,
  familyAt: 20,
  fields: {
    destination: [0, address],
    spi: [16, u32be],
    family: [20, family],
    protocol: [22, choiceOfProtocol],
  },
});

/** The fixed part of a policy. */
export interface PolicyInfo {
  selector: Partial<Selector>;
  lifetime: Lifetime;
  usage: Usage;
  /** Smaller goes first. */
  priority: number;
  /** Given by the kernel where 0; the low three bits are the direction. */
  index: number;
  direction: Direction | number;
  action: Action | number;
  /** Bits of POLICY_FLAG. */
  flags: number;
  share: Share | number;
}

const choiceOfDirection = choice<Direction>(u8, DIRECTION);

/** `struct xfrm_userpolicy_info`. */
export const policyInfo = struct<PolicyInfo>("xfrm_userpolicy_info", {
  size: 168,
  fields: {
    selector: [0, selector],
    lifetime: [56, lifetime],
    usage: [120, usage],
    priority: [152, u32],
    index: [156, u32],
    direction: [160, choiceOfDirection],
    action: [161, choice<Action>(u8, ACTION)],
    flags: [162, u8],
    share: [163, choiceOfShare],
  },
});

/** What names a policy: its direction, and its index or (where that is 0) its selector. */
export interface PolicyId {
  selector: Partial<Selector>;
  index: number;
  direction: Direction | number;
}

/** `struct xfrm_userpolicy_id`. */
export const policyId = struct<PolicyId>("xfrm_userpolicy_id", {
  size: 64,
  fields: { selector: [0, selector], index: [56, u32], direction: [60, choiceOfDirection] },
});

/** One transform that a policy asks for. */
export interface Template {
  source?: string;
  destination?: string;
  /** 0 is any. */
  spi: number;
  protocol: IpsecProtocol | number;
  /** The policy's family where it is 0 and no address tells. */
  family: number;
  reqid: number;
  mode: Mode | number;
  share: Share | number;
  /** Whether packets may go without it ("level use"). */
  optional: boolean;
  /** Bit masks of algorithm numbers of PF_KEY; all bits when left out. */
  authAlgorithms: number;
  encryptionAlgorithms: number;
  compressionAlgorithms: number;
}

const allBits = withDefault(u32, 0xffffffff);

/** `struct xfrm_user_tmpl`. */
export const template = struct<Template>("xfrm_user_tmpl", {
  size: 64,
  familyAt: 24,
  fields: {
    destination: [0, address],
    spi: [16, u32be],
    protocol: [20, choiceOfProtocol],
    family: [24, family],
    source: [28, address],
    reqid: [44, u32],
    mode: [48, choiceOfMode],
    share: [49, choiceOfShare],
    optional: [50, flag(u8)],
    authAlgorithms: [52, allBits],
    encryptionAlgorithms: [56, allBits],
    compressionAlgorithms: [60, allBits],
  },
});
