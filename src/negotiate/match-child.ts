/** Which configured child a request for a Child SA means. */
import type { Selector as WireSelector } from "../wire/ikev2/payloads/selectors.ts";
import { type Address, addressOctets, compareOctets } from "./address.ts";
import type { Reason } from "./reason.ts";
import { type ChildSelectors, childSelectors, type EndSpec, type HostAddresses } from "./traffic-selector.ts";
import {
  addressRanges,
  type NarrowedSelectors,
  narrowSelectors,
  refuseSelectors,
  type SelectorOffer,
} from "./traffic-selectors.ts";

/** What of a configured child decides whether it is meant. */
export interface CandidateChild {
  readonly name: string;
  readonly protocol: "esp" | "ah";
  readonly mode: "transport" | "tunnel";
  readonly local: EndSpec;
  readonly remote: EndSpec;
}

/** What an initiator asks for. */
export interface ChildRequest extends SelectorOffer {
  /** `transport` where USE_TRANSPORT_MODE came (RFC 7296 1.3.1). */
  readonly mode: "transport" | "tunnel";
  /** Of the proposals that came. */
  readonly protocols: readonly ("esp" | "ah")[];
}

/** Where it came over. */
export interface RequestPath extends HostAddresses {
  /** Whether NAT detection saw a NAT at either end (RFC 7296 2.23). */
  readonly nat?: boolean;
}

export type MatchedChild<C extends CandidateChild> =
  | { readonly ok: true; readonly child: C; readonly narrowed: NarrowedSelectors }
  | { readonly ok: false; readonly reason: Reason };

/**
 * The child that fits best among `children`, which the caller puts in his order of preference.
 *
 * A child of a protocol that was proposed goes before others, whose proposals can only fail; then the better fit, so that
 * a child that is offered as it stands is never narrowed into another; then the caller's order. A child of the other mode
 * is never taken: RFC 7296 1.3.1 lets a responder answer in tunnel mode, but the ends would then disagree on what is
 * protected, and the reason names the cause.
 */
export function matchChild<C extends CandidateChild>(
  children: readonly C[],
  request: ChildRequest,
  path: RequestPath,
): MatchedChild<C> {
  const fitting = fittingChildren(children, request, path);
  const [best] = fitting
    .filter(({ child }) => child.mode === request.mode)
    .sort((a, b) => badness(a, request) - badness(b, request));
  if (best !== undefined) return { ok: true, ...best };
  const [otherMode] = fitting;
  if (otherMode !== undefined) {
    const { name, mode } = otherMode.child;
    return { ok: false, reason: { code: "mode-mismatch", child: name, ours: mode, theirs: request.mode } };
  }
  return { ok: false, reason: translated(children, request, path) ?? refusal(children, request, path) };
}

interface FittingChild<C> {
  readonly child: C;
  readonly narrowed: NarrowedSelectors;
}

function fittingChildren<C extends CandidateChild>(
  children: readonly C[],
  offer: SelectorOffer,
  hosts: HostAddresses,
): FittingChild<C>[] {
  return children.flatMap((child) => {
    const narrowed = narrowSelectors(childSelectors(child, hosts), offer);
    return narrowed.ok ? [{ child, narrowed }] : [];
  });
}

function badness({ child, narrowed }: FittingChild<CandidateChild>, { protocols }: ChildRequest): number {
  const byFit = { same: 0, ours: 1, narrowed: 2 }[narrowed.fit];
  return (protocols.includes(child.protocol) ? 0 : 10) + byFit;
}

/**
 * RFC 7296 2.23.1: behind a NAT, transport mode's selectors hold an address that the other end never sees. Whether a
 * child would fit with the addresses put right tells that the NAT, not the configuration, is in the way.
 */
function translated(children: readonly CandidateChild[], request: ChildRequest, path: RequestPath): Reason | undefined {
  if (path.nat !== true || request.mode !== "transport") return undefined;
  const offer = {
    tsi: request.tsi.map((selector) => withHost(selector, path.remote)),
    tsr: request.tsr.map((selector) => withHost(selector, path.local)),
  };
  const fitting = fittingChildren(children, offer, path).find(({ child }) => child.mode === "transport");
  return fitting && { code: "nat-forbids-transport", child: fitting.child.name };
}

/** A selector of a single address, with that address replaced. */
function withHost(selector: WireSelector, host: Address): WireSelector {
  if ("raw" in selector || compareOctets(selector.startAddress, selector.endAddress) !== 0) return selector;
  const octets = addressOctets(host);
  return octets.length === selector.startAddress.length
    ? { ...selector, startAddress: octets, endAddress: octets }
    : selector;
}

function refusal(children: readonly CandidateChild[], request: ChildRequest, path: RequestPath): Reason {
  const candidates: readonly ChildSelectors[] = children.map((child) => childSelectors(child, path));
  const theirs = { local: addressRanges(request.tsr), remote: addressRanges(request.tsi) };
  return refuseSelectors(candidates, theirs).reason;
}
