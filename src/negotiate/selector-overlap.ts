import { prefixCovers } from "./address.ts";
import { ipProtocol, type Selector } from "./selector.ts";

/** Whether there is a packet that both selectors match. */
export function selectorsOverlap(a: Selector, b: Selector): boolean {
  return (
    prefixesOverlap(a.source, b.source) &&
    prefixesOverlap(a.destination, b.destination) &&
    (a.protocol === ipProtocol.any || b.protocol === ipProtocol.any || a.protocol === b.protocol) &&
    portsOverlap(a.sourcePort, b.sourcePort) &&
    portsOverlap(a.destinationPort, b.destinationPort)
  );
}

/** Of two prefixes that meet, the longer lies in the other. */
function prefixesOverlap(a: Selector["source"], b: Selector["source"]): boolean {
  return a.length <= b.length ? prefixCovers(a, b.address) : prefixCovers(b, a.address);
}

function portsOverlap(a: number | undefined, b: number | undefined): boolean {
  return a === undefined || b === undefined || a === b;
}
