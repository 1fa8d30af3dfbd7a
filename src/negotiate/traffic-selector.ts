/**
 * The algebra of traffic selectors (RFC 7296 3.13.1): boxes of addresses, one protocol or any, and ports, that can be
 * intersected, compared and, where Linux can express them, turned into kernel selectors.
 */
import {
  type Address,
  compareOctets,
  familyOf,
  formatAddress,
  hostPrefix,
  type Prefix,
  prefixRange,
  rangeAsPrefix,
} from "./address.ts";
import { ipProtocol, isIcmp, protocolName, type Selector } from "./selector.ts";

/** One address range of a TS payload: `tsType` 7 is IPv4, 8 is IPv6. */
export type TrafficSelector = AddressRange<7> | AddressRange<8>;

/** Bounds are inclusive; addresses have 4 or 16 octets. */
export interface AddressRange<T extends 7 | 8> {
  readonly tsType: T;
  readonly ipProtocol: number;
  readonly startPort: number;
  readonly endPort: number;
  readonly startAddress: Uint8Array;
  readonly endAddress: Uint8Array;
}

/** One end of what a child protects; `host` is the IKE SA's own address at that end. */
export interface EndSpec {
  readonly prefix: Prefix | "host";
  /** Further subnets of the same family and with the same protocol and port. */
  readonly more?: readonly Prefix[] | undefined;
  /** 0: any. */
  readonly protocol: number;
  /** Undefined: any. For ICMP type and code as one number, type in the high octet (RFC 7296 3.13.1). */
  readonly port?: number | undefined;
}

/** What a child protects, with both ends' addresses known: every pair of the two lists (RFC 7296 3.13). */
export interface ChildSelectors {
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
  /**
   * All of it or nothing: transport mode. Its policies stand for the whole overlay, so that an SA for a part would swallow
   * the rest; and two overlays on different ports always have a part in common, from the one port to the other.
   */
  readonly whole?: boolean;
}

/** The IKE SA's own addresses. */
export interface HostAddresses {
  readonly local: Address;
  readonly remote: Address;
}

/** A child's ends as traffic selectors; a protocol that only one end names holds for both, since a packet has but one. */
export function childSelectors(
  child: { readonly local: EndSpec; readonly remote: EndSpec; readonly mode?: "transport" | "tunnel" },
  hosts: HostAddresses,
): ChildSelectors {
  const protocol = child.local.protocol || child.remote.protocol;
  return {
    local: selectorsOfEnd({ ...child.local, protocol }, hosts.local),
    remote: selectorsOfEnd({ ...child.remote, protocol }, hosts.remote),
    whole: child.mode === "transport",
  };
}

/** The traffic selectors of a packet, as the kernel reports it in an ACQUIRE: source at the local end. */
export function packetSelectors(packet: Selector): ChildSelectors {
  const type = packet.sourcePort;
  const code = packet.destinationPort;
  const icmp = isIcmp(packet.protocol) && type !== undefined ? (type << 8) | (code ?? 0) : undefined;
  const local = isIcmp(packet.protocol) ? icmp : packet.sourcePort;
  const remote = isIcmp(packet.protocol) ? icmp : packet.destinationPort;
  return {
    local: selectorsOfEnd({ prefix: packet.source, protocol: packet.protocol, port: local }, ""),
    remote: selectorsOfEnd({ prefix: packet.destination, protocol: packet.protocol, port: remote }, ""),
  };
}

/** What both selectors match, or undefined where that is nothing; a selector whose bounds are crossed matches nothing. */
export function intersectSelectors(a: TrafficSelector, b: TrafficSelector): TrafficSelector | undefined {
  if (a.tsType !== b.tsType) return undefined;
  if (a.ipProtocol !== b.ipProtocol && a.ipProtocol !== ipProtocol.any && b.ipProtocol !== ipProtocol.any)
    return undefined;
  const ports = intersectPorts(a, b);
  if (ports === undefined) return undefined;
  const startAddress = compareOctets(a.startAddress, b.startAddress) >= 0 ? a.startAddress : b.startAddress;
  const endAddress = compareOctets(a.endAddress, b.endAddress) <= 0 ? a.endAddress : b.endAddress;
  if (compareOctets(startAddress, endAddress) > 0) return undefined;
  return { ...a, ipProtocol: a.ipProtocol || b.ipProtocol, ...ports, startAddress, endAddress };
}

/** Whether `outer` matches everything that `inner` matches. */
export function coversSelector(outer: TrafficSelector, inner: TrafficSelector): boolean {
  const common = intersectSelectors(outer, inner);
  return common !== undefined && sameBox(common, inner);
}

/** Joins overlapping and neighbouring address ranges, and drops what another entry covers; see `dropCovered` for the order. */
export function joinSelectors(list: readonly TrafficSelector[]): readonly TrafficSelector[] {
  const groups = new Map<string, Ranked[]>();
  for (const [rank, selector] of list.entries()) {
    if (intersectSelectors(selector, selector) === undefined) continue;
    const key = `${selector.tsType} ${selector.ipProtocol} ${selector.startPort} ${selector.endPort}`;
    const group = groups.get(key) ?? [];
    group.push({ rank, selector });
    groups.set(key, group);
  }
  return uncovered([...groups.values()].flatMap(joinNeighbours));
}

/** Drops what another entry covers; an entry stands where the first that it covers stood, so that first choices stay first. */
export function dropCovered(list: readonly TrafficSelector[]): readonly TrafficSelector[] {
  return uncovered(list.map((selector, rank) => ({ rank, selector })));
}

/** RFC 7296 3.13.1: start 65535 and end 0 stand for packets whose ports cannot be seen. */
export function hasOpaquePorts(selector: TrafficSelector): boolean {
  return selector.startPort === 0xffff && selector.endPort === 0;
}

export function hasAnyPorts(selector: TrafficSelector): boolean {
  return selector.startPort === 0 && selector.endPort === 0xffff;
}

/**
 * Why Linux cannot express the selector, in words; undefined where it can.
 *
 * A kernel selector has one prefix, and one port or any port.
 */
export function inexpressible(selector: TrafficSelector): string | undefined {
  if (rangeAsPrefix(selector.startAddress, selector.endAddress) === undefined) {
    const range = `${formatAddress(selector.startAddress)}-${formatAddress(selector.endAddress)}`;
    return `the address range ${range} is no prefix, and the kernel's policies take prefixes only`;
  }
  if (hasAnyPorts(selector)) return undefined;
  if (selector.ipProtocol === ipProtocol.any) return "ports without a protocol cannot be expressed in a policy";
  const opaque = hasOpaquePorts(selector);
  if (withoutPorts(selector.ipProtocol)) {
    // Linux would take them for a part of GRE's key, which no standard says.
    return opaque ? undefined : `${protocolName(selector.ipProtocol)} has no ports (RFC 7296 3.13.1: 0 to 65535)`;
  }
  if (opaque) return "the kernel's policies cannot ask for opaque ports";
  if (selector.startPort === selector.endPort) return undefined;
  if (isIcmp(selector.ipProtocol) && isWholeType(selector)) return undefined;
  return `the port range ${selector.startPort}-${selector.endPort} cannot be expressed: the kernel's policies take one port or any`;
}

/** The outbound kernel selector of two expressible selectors, or undefined where no packet matches both. */
export function kernelSelector(local: TrafficSelector, remote: TrafficSelector): Selector | undefined {
  const source = rangeAsPrefix(local.startAddress, local.endAddress);
  const destination = rangeAsPrefix(remote.startAddress, remote.endAddress);
  if (source === undefined || destination === undefined || local.tsType !== remote.tsType) return undefined;
  if (local.ipProtocol !== remote.ipProtocol && local.ipProtocol !== 0 && remote.ipProtocol !== 0) return undefined;
  const protocol = local.ipProtocol || remote.ipProtocol;
  if (!isIcmp(protocol)) {
    return { source, destination, protocol, sourcePort: onePort(local), destinationPort: onePort(remote) };
  }
  // RFC 4301 4.4.1.3: a message has one type and code, and both ends' selectors must allow it.
  const ports = intersectPorts(local, remote);
  if (ports === undefined) return undefined;
  if (ports.startPort === 0 && ports.endPort === 0xffff) return { source, destination, protocol };
  const sourcePort = ports.startPort >> 8;
  if (ports.startPort !== ports.endPort) return { source, destination, protocol, sourcePort };
  return { source, destination, protocol, sourcePort, destinationPort: ports.startPort & 0xff };
}

interface Ranked {
  rank: number;
  readonly selector: TrafficSelector;
}

function selectorsOfEnd(end: EndSpec, host: Address): readonly TrafficSelector[] {
  const first = end.prefix === "host" ? hostPrefix(host) : end.prefix;
  return [first, ...(end.more ?? [])].map((prefix) => selectorOf(prefix, end));
}

function selectorOf(prefix: Prefix, end: EndSpec): TrafficSelector {
  const { start, end: last } = prefixRange(prefix);
  const range = {
    ipProtocol: end.protocol,
    startPort: end.port ?? 0,
    endPort: end.port ?? 0xffff,
    startAddress: start,
    endAddress: last,
  };
  return familyOf(prefix.address) === 4 ? { tsType: 7, ...range } : { tsType: 8, ...range };
}

type Ports = Pick<TrafficSelector, "startPort" | "endPort">;

function intersectPorts(a: TrafficSelector, b: TrafficSelector): Ports | undefined {
  if (hasOpaquePorts(a) || hasOpaquePorts(b)) {
    // RFC 7296 3.13.1: ANY includes OPAQUE; a single port does not.
    const other = hasOpaquePorts(a) ? b : a;
    return hasOpaquePorts(other) || hasAnyPorts(other) ? { startPort: 0xffff, endPort: 0 } : undefined;
  }
  const startPort = Math.max(a.startPort, b.startPort);
  const endPort = Math.min(a.endPort, b.endPort);
  return startPort <= endPort ? { startPort, endPort } : undefined;
}

function sameBox(a: TrafficSelector, b: TrafficSelector): boolean {
  if (a.ipProtocol !== b.ipProtocol) return false;
  if (compareOctets(a.startAddress, b.startAddress) !== 0 || compareOctets(a.endAddress, b.endAddress) !== 0)
    return false;
  if (a.startPort === b.startPort && a.endPort === b.endPort) return true;
  // Where a protocol has no ports, OPAQUE (RFC 4301 4.4.1.3, case A) and ANY (RFC 7296 3.13.1) mean the same packets.
  return withoutPorts(a.ipProtocol) && hasOpaquePorts(a) && hasAnyPorts(b);
}

function uncovered(entries: readonly Ranked[]): readonly TrafficSelector[] {
  const kept: Ranked[] = [];
  for (const [i, entry] of entries.entries()) {
    if (!entries.some((other, j) => i !== j && covers(other, entry, j < i))) kept.push({ ...entry });
  }
  for (const entry of entries) {
    const cover = kept.find(({ selector }) => coversSelector(selector, entry.selector));
    if (cover !== undefined) cover.rank = Math.min(cover.rank, entry.rank);
  }
  return kept.sort((a, b) => a.rank - b.rank).map(({ selector }) => selector);
}

/** Of two entries that cover each other, the earlier one stays. */
function covers(outer: Ranked, inner: Ranked, earlier: boolean): boolean {
  return coversSelector(outer.selector, inner.selector) && (earlier || !coversSelector(inner.selector, outer.selector));
}

function joinNeighbours(group: readonly Ranked[]): Ranked[] {
  const joined: Ranked[] = [];
  const sorted = [...group].sort((a, b) => compareOctets(a.selector.startAddress, b.selector.startAddress));
  for (const { rank, selector } of sorted) {
    const last = joined.at(-1);
    if (last === undefined || !touches(last.selector.endAddress, selector.startAddress)) {
      joined.push({ rank, selector });
      continue;
    }
    const further = compareOctets(selector.endAddress, last.selector.endAddress) > 0;
    const endAddress = further ? selector.endAddress : last.selector.endAddress;
    joined[joined.length - 1] = { rank: Math.min(rank, last.rank), selector: { ...last.selector, endAddress } };
  }
  return joined;
}

/** Whether a range that begins at `start` overlaps or directly follows one that ends at `end`. */
function touches(end: Uint8Array, start: Uint8Array): boolean {
  if (compareOctets(start, end) <= 0) return true;
  const next = end.slice();
  for (let i = next.length - 1; i >= 0; i -= 1) {
    next[i] = ((next[i] ?? 0) + 1) & 0xff;
    if (next[i] !== 0) return compareOctets(start, next) === 0;
  }
  return false;
}

function onePort(selector: TrafficSelector): number | undefined {
  return selector.startPort === selector.endPort ? selector.startPort : undefined;
}

function isWholeType(selector: TrafficSelector): boolean {
  return (selector.startPort & 0xff) === 0 && selector.endPort === selector.startPort + 0xff;
}

function withoutPorts(protocol: number): boolean {
  return !protocolsWithPorts.has(protocol);
}

/** TCP, UDP, DCCP, SCTP, UDP-Lite, ICMP, ICMPv6 and the Mobility Header; any protocol may be one of them. */
const protocolsWithPorts: ReadonlySet<number> = new Set([0, 1, 6, 17, 33, 58, 132, 135, 136]);
