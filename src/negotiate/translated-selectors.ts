/** Transport mode's selectors behind a NAT: they hold addresses that the other end never sees (RFC 7296 2.23.1). */
import type { Selector as WireSelector } from "../wire/ikev2/payloads/selectors.ts";
import { type Address, addressOctets, compareOctets } from "./address.ts";

/** Which address stands for each end's own, where a NAT changes that end's; undefined: the selectors tell the truth. */
export interface SeenAs {
  readonly initiator: Address | undefined;
  readonly responder: Address | undefined;
}

/**
 * The selectors of the exchange's two ends with the addresses that the IKE messages themselves have here. What is not
 * exactly one address stays as it is, and will not fit.
 */
export function substituteAddresses(
  { tsi, tsr }: { readonly tsi: readonly WireSelector[]; readonly tsr: readonly WireSelector[] },
  { initiator, responder }: SeenAs,
): { readonly tsi: readonly WireSelector[]; readonly tsr: readonly WireSelector[] } {
  return {
    tsi: initiator === undefined ? tsi : tsi.map((selector) => withHost(selector, initiator)),
    tsr: responder === undefined ? tsr : tsr.map((selector) => withHost(selector, responder)),
  };
}

/** A selector of a single address, with that address replaced. */
function withHost(selector: WireSelector, host: Address): WireSelector {
  if ("raw" in selector || compareOctets(selector.startAddress, selector.endAddress) !== 0) return selector;
  const octets = addressOctets(host);
  return octets.length === selector.startAddress.length
    ? { ...selector, startAddress: octets, endAddress: octets }
    : selector;
}
