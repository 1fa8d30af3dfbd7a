import { type Address, anyPrefix, familyOf } from "../../negotiate/address.ts";
import { ipProtocol, type Selector } from "../../negotiate/selector.ts";
import type { Selector as XfrmSelector } from "../../netlink-xfrm/index.ts";

/** A selector as the kernel wants it. */
export function selectorToXfrm(selector: Selector): Partial<XfrmSelector> {
  const { source, destination, protocol, sourcePort, destinationPort } = selector;
  return {
    family: familyOf(source.address) === 4 ? afInet : afInet6,
    source: source.address,
    sourcePrefix: source.length,
    destination: destination.address,
    destinationPrefix: destination.length,
    protocol,
    ...(sourcePort === undefined ? {} : { sourcePort, sourcePortMask: 0xffff }),
    ...(destinationPort === undefined ? {} : { destinationPort, destinationPortMask: 0xffff }),
  };
}

/** The kernel's selector in our words. Ports that a protocol does not have, as in the selector of a GRE packet, are left out. */
export function selectorFromXfrm(selector: Partial<XfrmSelector>): Selector {
  const any = anyPrefix(selector.family === afInet6 ? 6 : 4);
  const prefix = (address: Address | undefined, length: number | undefined) =>
    address === undefined ? any : { address, length: length ?? 0 };
  const protocol = selector.protocol ?? ipProtocol.any;
  return {
    source: prefix(selector.source, selector.sourcePrefix),
    destination: prefix(selector.destination, selector.destinationPrefix),
    protocol,
    ...port("sourcePort", protocol, selector.sourcePort, selector.sourcePortMask),
    ...port("destinationPort", protocol, selector.destinationPort, selector.destinationPortMask),
  };
}

function port(
  key: "sourcePort" | "destinationPort",
  protocol: number,
  value: number | undefined,
  mask: number | undefined,
): Partial<Record<typeof key, number>> {
  if (!protocolsWithPorts.has(protocol) || (mask ?? 0) === 0) return {};
  return { [key]: value ?? 0 };
}

const afInet = 2;
const afInet6 = 10;

/** ICMP, TCP, UDP, DCCP, ICMPv6, SCTP, MH, UDP-Lite. */
const protocolsWithPorts: ReadonlySet<number> = new Set([1, 6, 17, 33, 58, 132, 135, 136]);
