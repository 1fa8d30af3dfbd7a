/** IDci and IDcr: what an IPsec SA carries, as quick mode says it (RFC 2409 5.5, RFC 2407 4.6.2). */
import type { IdPayload } from "../wire/ikev1/payloads/identity.ts";
import { idType } from "../wire/ikev1/registry/identity.ts";
import { type Address, addressOctets, familyOf, hostPrefix, prefixRange, rangeAsPrefix } from "./address.ts";
import type { TrafficSelector } from "./traffic-selector.ts";

/** A selector as an ID payload; undefined where none can say it. */
export function selectorIdentity(selector: TrafficSelector): IdPayload | undefined {
  const { ipProtocol, startPort, endPort, startAddress, endAddress } = selector;
  const anyPort = startPort === 0 && endPort === 0xffff;
  // RFC 2407 4.6.2: port 0 means any, and there are no ranges.
  if (!anyPort && (startPort !== endPort || startPort === 0)) return undefined;
  const is4 = selector.tsType === 7;
  const isHost = Buffer.compare(startAddress, endAddress) === 0;
  const prefix = rangeAsPrefix(startAddress, endAddress);
  const port = anyPort ? 0 : startPort;
  const common = { isakmp: "ID", ipProtocol, port } as const;
  if (isHost) return { ...common, idType: is4 ? idType.ID_IPV4_ADDR : idType.ID_IPV6_ADDR, data: startAddress };
  if (prefix !== undefined) {
    const data = Buffer.concat([startAddress, maskOf(prefix.length, startAddress.length)]);
    return { ...common, idType: is4 ? idType.ID_IPV4_ADDR_SUBNET : idType.ID_IPV6_ADDR_SUBNET, data };
  }
  const data = Buffer.concat([startAddress, endAddress]);
  return { ...common, idType: is4 ? idType.ID_IPV4_ADDR_RANGE : idType.ID_IPV6_ADDR_RANGE, data };
}

/** The selector that an ID payload says, copied out of the message; undefined where it names no addresses. */
export function identitySelector({ idType: type, ipProtocol, port, data }: IdPayload): TrafficSelector | undefined {
  const range = rangeOf(type, data);
  if (range === undefined) return undefined;
  const [startAddress, endAddress] = range;
  const [startPort, endPort] = port === 0 ? [0, 0xffff] : [port, port];
  const rest = { ipProtocol, startPort, endPort, startAddress, endAddress };
  return startAddress.length === 4 ? { tsType: 7, ...rest } : { tsType: 8, ...rest };
}

/** RFC 2409 5.5: where no identities are sent, the SA is for the two ends' own addresses, whatever they carry. */
export function hostSelector(address: Address): TrafficSelector {
  const { start, end } = prefixRange(hostPrefix(address));
  const rest = { ipProtocol: 0, startPort: 0, endPort: 0xffff, startAddress: start, endAddress: end };
  return familyOf(address) === 4 ? { tsType: 7, ...rest } : { tsType: 8, ...rest };
}

/** Whether two selectors say the same. */
export function sameSelector(a: TrafficSelector, b: TrafficSelector): boolean {
  return (
    a.tsType === b.tsType &&
    a.ipProtocol === b.ipProtocol &&
    a.startPort === b.startPort &&
    a.endPort === b.endPort &&
    Buffer.compare(a.startAddress, b.startAddress) === 0 &&
    Buffer.compare(a.endAddress, b.endAddress) === 0
  );
}

/** The octets of an address in an ID payload of its type. */
export function addressIdentity(address: Address): { readonly idType: number; readonly data: Uint8Array } {
  const data = addressOctets(address);
  return { idType: data.length === 4 ? idType.ID_IPV4_ADDR : idType.ID_IPV6_ADDR, data };
}

function rangeOf(type: number, data: Uint8Array): readonly [Uint8Array, Uint8Array] | undefined {
  const half = data.length / 2;
  switch (type) {
    case idType.ID_IPV4_ADDR:
    case idType.ID_IPV6_ADDR:
      return [data.slice(), data.slice()];
    case idType.ID_IPV4_ADDR_RANGE:
    case idType.ID_IPV6_ADDR_RANGE:
      return Buffer.compare(data.slice(0, half), data.slice(half)) > 0
        ? undefined
        : [data.slice(0, half), data.slice(half)];
    case idType.ID_IPV4_ADDR_SUBNET:
    case idType.ID_IPV6_ADDR_SUBNET: {
      const [first, mask] = [data.slice(0, half), data.slice(half)];
      if (!isMask(mask)) return undefined;
      return [
        first.map((octet, i) => octet & (mask[i] ?? 0)),
        first.map((octet, i) => octet | (~(mask[i] ?? 0) & 0xff)),
      ];
    }
    default:
      return undefined;
  }
}

function maskOf(bits: number, octets: number): Uint8Array {
  return Uint8Array.from({ length: octets }, (_, i) => (0xff00 >> Math.min(8, Math.max(0, bits - i * 8))) & 0xff);
}

function isMask(mask: Uint8Array): boolean {
  let bits = 0;
  while (bits < mask.length * 8 && ((mask[bits >> 3] ?? 0) & (0x80 >> (bits & 7))) !== 0) bits += 1;
  return Buffer.compare(mask, maskOf(bits, mask.length)) === 0;
}
