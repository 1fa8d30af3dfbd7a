import { addressBits, familyOf } from "../negotiate/address.ts";
import { ipProtocol, type Selector } from "../negotiate/selector.ts";

/** The priority of what must pass whatever else stands: neighbour discovery. */
export const exemptPriority = 1;

const widest = 200_000;

/**
 * A policy's priority (lower wins) from its selector's narrowness alone (invariant 2): a narrow policy that is down
 * outranks a wide one that is up.
 *
 * Addresses weigh most, then the protocol, then the destination port, then the source port. The two ports must differ
 * in weight: a packet from port 4789 to port 4789 matches both policies of a VXLAN line, and both ends have to take
 * the same one.
 */
export function policyPriority(selector: Selector): number {
  const bits = addressBits(familyOf(selector.source.address));
  const prefixes = Math.round(((selector.source.length + selector.destination.length) * 128) / bits);
  const narrowness =
    prefixes * 8 +
    (selector.protocol === ipProtocol.any ? 0 : 4) +
    (selector.destinationPort === undefined ? 0 : 2) +
    (selector.sourcePort === undefined ? 0 : 1);
  return widest - narrowness;
}
