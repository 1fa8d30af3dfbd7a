/** Putting a negotiated Child SA into the kernel, whole or not at all. */
import type { KernelAnswer, KernelRequest, SaProtocol } from "../kernel/port.ts";
import type { Reason } from "../negotiate/reason.ts";
import type { AnyIkeSa } from "./any-ike-sa.ts";
import { type ChildSa, inboundId, installRequests, outboundId, type PairKeys, saId, wipeKeys } from "./child-sa.ts";
import type { ChildDesired } from "./desired.ts";

/** When the outbound half of a pair is installed. */
export type Outbound = "now" | "waits" | "never";

/** The first refusal among answers, as a reason. */
export function refusalOf(answers: readonly KernelAnswer[]): Reason | undefined {
  for (const answer of answers) {
    if (answer.kind === "refused") return { code: "kernel-refused", ...answer.refusal };
  }
  return undefined;
}

/** A reservation of the kernel's, or its refusal. */
export type Reserved = ReservedSpis | { readonly reason: Reason };

/** The SPI of an SA, and those of what goes with it. */
export interface ReservedSpis {
  readonly spi: number;
  readonly cpi?: number | undefined;
  readonly ahSpi?: number | undefined;
}

/** Reserves the inbound SPI of a child and of the AH around it, with `compress` a CPI too; `then` gets them or the kernel's refusal. */
export function reserveSpi(
  sa: AnyIkeSa,
  child: ChildDesired,
  reqid: number,
  compress: boolean,
  then: (result: Reserved) => void,
): void {
  const request: KernelRequest = {
    kind: "allocateSpi",
    protocol: child.protocol,
    mode: child.mode,
    source: sa.path.remote.address,
    destination: sa.path.local.address,
    reqid,
    ...(compress ? { compress } : {}),
    ...(child.ah === undefined ? {} : { withAh: true }),
  };
  sa.host.kernel([request], (answers) => {
    const [answer] = answers;
    if (answer?.kind === "spi") {
      const { spi, cpi, ahSpi } = answer;
      return then({ spi, cpi, ahSpi });
    }
    then({
      reason: refusalOf(answers) ?? {
        code: "kernel-refused",
        request: "allocateSpi",
        errno: "EPROTO",
        said: "no SPI in the answer",
      },
    });
  });
}

/** Gives a reservation back. */
export function releaseSpi(sa: AnyIkeSa, protocol: SaProtocol, { spi, cpi, ahSpi }: ReservedSpis): void {
  sa.host.removeSa(saId({ protocol, spi, destination: sa.path.local.address }, cpi, ahSpi));
}

/**
 * Installs both SAs and what the engine adds (policies, routes). On a refusal everything that was done is undone, and
 * the policies are locked again, before `then` gets the reason. Keys are wiped in any case.
 *
 * Linux sends on the newest SA at once. Where older SAs carry the child meanwhile, the outbound SA can wait until the peer
 * receives (RFC 7296 2.8), or not come at all where the pair is to be deleted again.
 */
export function install(
  sa: AnyIkeSa,
  child: ChildSa,
  how: { readonly own: PairKeys; readonly peer: PairKeys; readonly outbound: Outbound },
  then: (reason: Reason | undefined) => void,
): void {
  const { own, peer } = how;
  const { inbound, outbound } = installRequests(child, own, peer);
  const isNow = how.outbound === "now";
  const requests = [inbound, ...(isNow ? [outbound] : []), ...sa.host.policies.protect(child, isNow)];
  sa.host.kernel(requests, (answers) => {
    wipeKeys(peer);
    const closing = sa.state.kind === "ExpectDeleteResponse" ? sa.state.reason : undefined;
    const reason = refusalOf(answers) ?? closing;
    // On an IKE SA that is being closed a new Child SA would only draw packets that get lost.
    const stands = reason === undefined && sa.state.kind === "Established";
    if (stands && how.outbound === "waits")
      sa.children.sendLater(child, { request: outbound, wipe: () => wipeKeys(own) });
    else wipeKeys(own);
    if (stands) return then(undefined);
    undo(sa, child, isNow ? answers[1] : undefined);
    if (reason !== undefined && !sa.isOver) then(reason);
  });
}

/**
 * Locked before the SAs go. The inbound SA was reserved before and goes in any case; the outbound one goes unless it was
 * never asked for, or is another's: the peer chooses that SPI, and may choose one that stands.
 */
function undo(sa: AnyIkeSa, child: ChildSa, outbound: KernelAnswer | undefined): void {
  sa.host.policies.release(child);
  sa.host.removeSa(inboundId(child));
  if (outbound === undefined) return;
  if (outbound.kind === "refused" && outbound.refusal.errno === "EEXIST") return;
  sa.host.removeSa(outboundId(child));
}
