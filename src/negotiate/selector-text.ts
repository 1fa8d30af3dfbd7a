/** Traffic selectors in words, and the first thing on which two ends' selectors differ. */
import { formatAddress, formatPrefix, rangeAsPrefix } from "./address.ts";
import { ipProtocol, isIcmp, protocolName } from "./selector.ts";
import {
  type ChildSelectors,
  coversSelector,
  hasAnyPorts,
  hasOpaquePorts,
  inexpressible,
  intersectSelectors,
  type TrafficSelector,
} from "./traffic-selector.ts";

/** Lists of traffic selectors, sorted by whose end they speak of. */
export interface SelectorLists {
  readonly local: readonly TrafficSelector[];
  readonly remote: readonly TrafficSelector[];
}

/** `10.1.0.0/16`, `192.0.2.1/32 udp :4789`, `10.0.0.5-10.0.0.20 tcp :80-90`, `192.0.2.1/32 icmp type 8 code 0`. */
export function formatTrafficSelector(selector: TrafficSelector): string {
  const words = [formatAddresses(selector)];
  if (selector.ipProtocol !== ipProtocol.any) words.push(protocolName(selector.ipProtocol));
  const ports = formatPorts(selector);
  if (ports !== "") words.push(ports);
  return words.join(" ");
}

/** Both ends in one text, ours first: `10.1.0.0/16 <-> 10.2.0.0/16`. */
export function formatSelectorLists({ local, remote }: SelectorLists): string {
  return `${formatList(local)} <-> ${formatList(remote)}`;
}

/** A child's ends in one text: `192.0.2.1/32 udp <-> 192.0.2.2/32 udp :4789`. */
export function formatChildSelectors(child: ChildSelectors): string {
  return formatSelectorLists(child);
}

/** How far two ends' selectors agree, and the first thing on which they do not. */
export interface SelectorDifference {
  /** Things that agree; the pair with the most is the nearest. */
  readonly agreed: number;
  /** Whether addresses are what does not meet. */
  readonly inAddresses: boolean;
  readonly text: string;
}

/** The first difference between what we have and what the peer offers; undefined where everything meets. */
export function selectorDifference(ours: ChildSelectors, theirs: SelectorLists): SelectorDifference | undefined {
  const whole = ours.whole ?? false;
  const atRemote = nearestOfEnd("the peer's end", ours.remote, theirs.remote, whole);
  const atLocal = nearestOfEnd("our end", ours.local, theirs.local, whole);
  const agreed = atRemote.agreed + atLocal.agreed;
  // Addresses, then protocol, then ports: the coarser difference is the cause, whichever end it is at.
  const coarser = atLocal.agreed < atRemote.agreed ? atLocal : atRemote;
  if (coarser.text === undefined) return undefined;
  return { agreed, inAddresses: coarser.agreed < agreement.addresses, text: coarser.text };
}

/** What agrees where comparing stops; each includes those before it. */
const agreement = { nothing: 0, family: 1, addresses: 2, protocol: 3, ports: 4, all: 5, exactly: 6 } as const;

/** Of several subnets the one that agrees most. */
function nearestOfEnd(
  end: string,
  ours: readonly TrafficSelector[],
  theirs: readonly TrafficSelector[],
  whole: boolean,
): EndComparison {
  const [nearest] = ours.map((mine) => compareEnd(end, mine, theirs, whole)).sort((a, b) => b.agreed - a.agreed);
  return nearest ?? { agreed: agreement.nothing };
}

function compareEnd(
  end: string,
  ours: TrafficSelector,
  theirs: readonly TrafficSelector[],
  whole: boolean,
): EndComparison {
  const differ = (agreed: number, what: string, list: readonly TrafficSelector[], format: Format): EndComparison => {
    return { agreed, text: `${what}${end}: ${bothSides(ours, list, format)}` };
  };
  const inFamily = theirs.filter(({ tsType }) => tsType === ours.tsType);
  if (inFamily.length === 0) return differ(agreement.nothing, "", theirs, formatAddresses);
  const near = inFamily.filter((selector) => intersectSelectors(anyTraffic(ours), anyTraffic(selector)));
  if (near.length === 0) return differ(agreement.family, "", inFamily, formatAddresses);
  const sameProtocol = near.filter(
    ({ ipProtocol: protocol }) => protocol === ours.ipProtocol || protocol === 0 || ours.ipProtocol === 0,
  );
  if (sameProtocol.length === 0) return differ(agreement.addresses, "protocol at ", near, formatIp);
  const common = sameProtocol.flatMap((selector) => intersectSelectors(ours, selector) ?? []);
  const portsDiffer = differ(agreement.protocol, "ports at ", sameProtocol, (one) => formatPorts(one) || "any");
  if (common.length === 0) return portsDiffer;
  const faults = common.map(inexpressible);
  if (!faults.includes(undefined)) return { agreed: agreement.ports, text: `${end}: ${faults[0]}` };
  const cover = theirs.find((selector) => coversSelector(selector, ours));
  if (cover !== undefined) return { agreed: coversSelector(ours, cover) ? agreement.exactly : agreement.all };
  if (!whole) return { agreed: agreement.all };
  const protocolsDiffer = sameProtocol.every(({ ipProtocol: protocol }) => protocol !== ours.ipProtocol);
  return protocolsDiffer ? differ(agreement.addresses, "protocol at ", near, formatIp) : portsDiffer;
}

type Format = (selector: TrafficSelector) => string;

function anyTraffic(selector: TrafficSelector): TrafficSelector {
  return { ...selector, ipProtocol: ipProtocol.any, startPort: 0, endPort: 0xffff };
}

interface EndComparison {
  readonly agreed: number;
  readonly text?: string;
}

function bothSides(ours: TrafficSelector, theirs: readonly TrafficSelector[], format: Format): string {
  const offered = [...new Set(theirs.map(format))];
  return `we have ${format(ours)}, the peer has ${shorten(offered)}`;
}

function formatAddresses({ startAddress, endAddress }: TrafficSelector): string {
  const prefix = rangeAsPrefix(startAddress, endAddress);
  return prefix === undefined ? `${formatAddress(startAddress)}-${formatAddress(endAddress)}` : formatPrefix(prefix);
}

function formatIp({ ipProtocol: protocol }: TrafficSelector): string {
  return protocolName(protocol);
}

/** Empty for any port. */
function formatPorts(selector: TrafficSelector): string {
  const { ipProtocol: protocol, startPort, endPort } = selector;
  if (hasAnyPorts(selector)) return "";
  if (hasOpaquePorts(selector)) return ":opaque";
  if (!isIcmp(protocol)) return startPort === endPort ? `:${startPort}` : `:${startPort}-${endPort}`;
  if (startPort === endPort) return `type ${startPort >> 8} code ${startPort & 0xff}`;
  if ((startPort & 0xff) === 0 && endPort === startPort + 0xff) return `type ${startPort >> 8}`;
  return `type ${startPort >> 8} code ${startPort & 0xff} to type ${endPort >> 8} code ${endPort & 0xff}`;
}

function formatList(list: readonly TrafficSelector[]): string {
  const texts = list.map(formatTrafficSelector);
  return texts.length === 1 ? (texts[0] ?? "") : `{${shorten(texts)}}`;
}

function shorten(texts: readonly string[]): string {
  if (texts.length === 0) return "none that is an address range";
  if (texts.length <= maximumShown) return texts.join(", ");
  return `${texts.slice(0, maximumShown).join(", ")} and ${texts.length - maximumShown} more`;
}

/** A TS payload may hold 255 selectors. */
const maximumShown = 8;
