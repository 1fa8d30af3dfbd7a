/** Which configured child a request for a Child SA means. */
import type { Reason } from "./reason.ts";
import { type ChildSelectors, childSelectors, type EndSpec, type HostAddresses } from "./traffic-selector.ts";
import {
  addressRanges,
  type NarrowedSelectors,
  narrowSelectors,
  refuseSelectors,
  type SelectorOffer,
} from "./traffic-selectors.ts";
import { substituteAddresses } from "./translated-selectors.ts";

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
  /** At which ends NAT detection saw a NAT (RFC 7296 2.23). */
  readonly nat?: { readonly local: boolean; readonly remote: boolean };
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
  const asked = request.mode === "transport" ? { ...request, ...substituted(request, path) } : request;
  const fitting = fittingChildren(children, asked, path);
  const [best] = fitting
    .filter(({ child }) => child.mode === request.mode)
    .sort((a, b) => badness(a, asked) - badness(b, asked));
  if (best !== undefined) return { ok: true, ...best };
  const [otherMode] = fitting;
  if (otherMode !== undefined) {
    const { name, mode } = otherMode.child;
    return { ok: false, reason: { code: "mode-mismatch", child: name, ours: mode, theirs: request.mode } };
  }
  return { ok: false, reason: refusal(children, asked, path) };
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

/** RFC 7296 2.23.1: whoever asks sits at our remote end. */
function substituted(request: ChildRequest, { local, remote, nat }: RequestPath): SelectorOffer {
  return substituteAddresses(request, {
    initiator: nat?.remote === true ? remote : undefined,
    responder: nat?.local === true ? local : undefined,
  });
}

function refusal(children: readonly CandidateChild[], request: ChildRequest, path: RequestPath): Reason {
  const candidates: readonly ChildSelectors[] = children.map((child) => childSelectors(child, path));
  const theirs = { local: addressRanges(request.tsr), remote: addressRanges(request.tsi) };
  return refuseSelectors(candidates, theirs).reason;
}
