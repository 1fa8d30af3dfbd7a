import { type Family, familyOf, formatPrefix, type Prefix } from "./address.ts";

/**
 * What one policy matches, seen in the direction of the packet.
 *
 * This is what Linux can express (one prefix, one protocol, one port or any), hence narrower than a traffic selector
 * of RFC 7296 3.13.1, which has ranges. `protocol` 0 means any, `port` undefined means any. For ICMP the "ports" are
 * type (source) and code (destination).
 */
export interface Selector {
  readonly source: Prefix;
  readonly destination: Prefix;
  readonly protocol: number;
  readonly sourcePort?: number | undefined;
  readonly destinationPort?: number | undefined;
}

/** IP protocol numbers that Underlock names. */
export const ipProtocol = {
  any: 0,
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  ipv6: 41,
  gre: 47,
  esp: 50,
  ah: 51,
  icmpv6: 58,
  comp: 108,
} as const;

export function selectorFamily(selector: Selector): Family {
  return familyOf(selector.source.address);
}

/** The same traffic in the other direction. ICMP's type and code stay in their places: they are not the ends' own. */
export function reverseSelector(selector: Selector): Selector {
  const icmp = isIcmp(selector.protocol);
  return {
    source: selector.destination,
    destination: selector.source,
    protocol: selector.protocol,
    sourcePort: icmp ? selector.sourcePort : selector.destinationPort,
    destinationPort: icmp ? selector.destinationPort : selector.sourcePort,
  };
}

export function isIcmp(protocol: number): boolean {
  return protocol === ipProtocol.icmp || protocol === ipProtocol.icmpv6;
}

/** A text that is equal for equal selectors; also what people read: `192.0.2.1/32 -> 192.0.2.2/32 udp :* -> :4789`. */
export function formatSelector(selector: Selector): string {
  const addresses = `${formatPrefix(selector.source)} -> ${formatPrefix(selector.destination)}`;
  if (selector.protocol === ipProtocol.any) return addresses;
  const protocol = protocolName(selector.protocol);
  if (selector.sourcePort === undefined && selector.destinationPort === undefined) return `${addresses} ${protocol}`;
  if (isIcmp(selector.protocol)) {
    return `${addresses} ${protocol} type ${selector.sourcePort ?? "*"} code ${selector.destinationPort ?? "*"}`;
  }
  return `${addresses} ${protocol} :${selector.sourcePort ?? "*"} -> :${selector.destinationPort ?? "*"}`;
}

export function protocolName(protocol: number): string {
  for (const [name, value] of Object.entries(ipProtocol)) if (value === protocol) return name;
  return String(protocol);
}
