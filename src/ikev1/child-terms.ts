/** What both roles of quick mode make of a child and of what was agreed on. */
import { deriveIpsecKeys, type KeymatSa } from "../crypto/ikev1-keys.ts";
import type { SaLimits } from "../kernel/port.ts";
import type { Lifetimes } from "../negotiate/ikev1-lifetime.ts";
import { addressIdentity } from "../negotiate/ipsec-identities.ts";
import type { IpsecPolicy, IpsecTerms } from "../negotiate/ipsec-proposals.ts";
import type { Selector } from "../negotiate/selector.ts";
import type { Role } from "../sa/any-ike-sa.ts";
import type { ReservedSpis } from "../sa/child-install.ts";
import { encapsulationOf, kernelKeepalive } from "../sa/child-nat.ts";
import type { ChildSa, PairKeys } from "../sa/child-sa.ts";
import type { ChildDesired } from "../sa/desired.ts";
import { softLimits } from "../sa/lifetime.ts";
import { isEncapsulated } from "../sa/nat.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { lifetimeShare } from "./constants.ts";
import type { IkeV1Sa } from "./ike-v1-sa.ts";
import { lowestNonce } from "./keying.ts";
import { protocolNumber, spiOctets } from "./payloads.ts";

/** What is offered for a child, and taken for it. */
export function policyOf(sa: IkeV1Sa, child: ChildDesired): IpsecPolicy {
  const { protocol, mode, proposals: ours, ah, compress } = child;
  const udp = sa.natTraversal === "draft" ? "draft" : "udp";
  return { protocol, mode, ours, ah, compress, encapsulation: isEncapsulated(sa.nat) ? udp : "none" };
}

/** The nonces of an exchange, and the secret of its own key exchange where there was one. */
export interface QuickModeKeying {
  readonly ni: Uint8Array;
  readonly nr: Uint8Array;
  readonly shared?: Uint8Array | undefined;
}

/** The record of a pair that both ends agreed on. */
export function recordOf(
  sa: IkeV1Sa,
  role: Role,
  child: ChildDesired,
  options: {
    readonly reqid: number;
    /** When the first message was sent, or came. */
    readonly begun: number;
    /** Ours. */
    readonly spis: ReservedSpis;
    readonly terms: IpsecTerms;
    readonly selectors: readonly Selector[];
    readonly keying: QuickModeKeying;
  },
): ChildSa {
  const { reqid, begun, spis, terms, selectors, keying } = options;
  const soft = softLimits(child, terms.suite, role, (length) => sa.host.random(length));
  // The shorter of both ends' lifetimes counts (RFC 2407 4.5.4).
  return {
    desired: child,
    reqid,
    spiIn: spis.spi,
    spiOut: terms.spis.spi,
    compression: pairOf(spis.cpi, terms.spis.cpi, (cpiIn, cpiOut) => ({ cpiIn, cpiOut })),
    ah: pairOf(spis.ahSpi, terms.spis.ahSpi, (spiIn, spiOut) => ({ spiIn, spiOut })),
    local: sa.path.local.address,
    remote: sa.path.remote.address,
    mode: child.mode,
    suite: terms.suite,
    selectors,
    encapsulation: encapsulationOf(sa),
    keepalive: kernelKeepalive(sa),
    role,
    lowestNonce: lowestNonce(keying.ni, keying.nr),
    soft: soft === undefined ? undefined : softTerms(soft, terms),
    begun,
    since: sa.host.now(),
  };
}

/** The limits at which a pair is replaced: ours, and before the peer's are over. */
export function softTerms(own: SaLimits, { seconds, kilobytes }: Lifetimes): SaLimits {
  const bytes = kilobytes === undefined ? undefined : BigInt(Math.floor(kilobytes * 1024 * lifetimeShare));
  const theirs = (seconds ?? 0) * lifetimeShare;
  const isLess = bytes !== undefined && bytes < (own.bytes ?? bytes + 1n);
  return {
    ...own,
    // 0 is none.
    seconds: own.seconds > 0 && theirs > 0 ? Math.min(own.seconds, theirs) : Math.max(own.seconds, theirs),
    bytes: isLess ? bytes : own.bytes,
  };
}

/** What goes with the SAs where both ends have reserved it. */
function pairOf<T>(ours: number | undefined, theirs: number | undefined, make: (ours: number, theirs: number) => T) {
  return ours === undefined || theirs === undefined ? undefined : make(ours, theirs);
}

/**
 * What we send with and what the peer sends with: each direction has the keys of its receiver's SPI, and each protocol its
 * own (RFC 2409 5.5).
 */
export function keysOf(
  sa: IkeV1Sa,
  child: ChildSa,
  { ni, nr, shared }: QuickModeKeying,
): { readonly own: PairKeys; readonly peer: PairKeys } | undefined {
  const { keying } = sa;
  if (keying === undefined) return undefined;
  const { encr, integ, ah } = child.suite;
  const derive = (keymat: KeymatSa) => deriveIpsecKeys(keying.skeyidD, keymat, ni, nr, shared);
  const protocolId = protocolNumber(child.desired.protocol);
  const towards = (spi: number, ahSpi: number | undefined): PairKeys => {
    const keys = derive({ protocolId, spi: spiOctets(spi), encr, integ });
    if (ahSpi === undefined) return keys;
    const around = derive({ protocolId: protocolNumber("ah"), spi: spiOctets(ahSpi), integ: ah });
    return { ...keys, ahKey: around.integKey };
  };
  return { own: towards(child.spiOut, child.ah?.spiOut), peer: towards(child.spiIn, child.ah?.spiIn) };
}

/** The addresses that both ends have for themselves, which transport mode's checksums are made with (RFC 3947 5.2). */
export function originalAddresses(
  sa: Pick<IkeV1Sa, "nat" | "natTraversal" | "path">,
  child: ChildDesired,
  role: Role,
): Payload[] {
  if (child.mode !== "transport" || !isEncapsulated(sa.nat)) return [];
  const isakmp = sa.natTraversal === "draft" ? "NAT-OA-draft" : "NAT-OA";
  const { local, remote } = sa.path;
  const addresses = role === "initiator" ? [local.address, remote.address] : [remote.address, local.address];
  return addresses.map((one) => {
    const { idType, data } = addressIdentity(one);
    return { isakmp, idType, address: data };
  });
}
