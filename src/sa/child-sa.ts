/** The Child SA record that both IKE versions share, and what installing or removing one asks of the kernel. */
import type { ChildKeys } from "../crypto/ikev2-keys.ts";
import { wipe } from "../crypto/secret.ts";
import { deflate } from "../crypto/transforms/comp.ts";
import type { KernelRequest, SaEnds, SaId, SaInstall, SaLimits, SaMode, SaProtocol } from "../kernel/port.ts";
import type { Address } from "../negotiate/address.ts";
import { reverseSelector, type Selector } from "../negotiate/selector.ts";
import type { ChildSuite } from "../negotiate/suite.ts";
import type { ChildDesired } from "./desired.ts";

/** Between which hosts the packets of a Child SA travel. */
export interface ChildEnds {
  readonly local: Address;
  readonly remote: Address;
  /** UDP encapsulation (RFC 3948): our and the peer's port. */
  readonly encapsulation?: { readonly localPort: number; readonly remotePort: number } | undefined;
}

/** One negotiated pair of ESP or AH SAs, with what goes with each: IPComp inside, AH around ESP. */
export interface ChildSa extends ChildEnds {
  readonly desired: ChildDesired;
  readonly reqid: number;
  /** Ours: what the peer sends with. */
  readonly spiIn: number;
  /** The peer's: what we send with. */
  readonly spiOut: number;
  // These change, all at once, where the pair moves with an end's address or a NAT's mapping.
  local: Address;
  remote: Address;
  encapsulation?: ChildEnds["encapsulation"];
  /** The CPIs of IPComp: what the peer compresses with, and what we do. */
  readonly compression?: { readonly cpiIn: number; readonly cpiOut: number } | undefined;
  /** The SPIs of the AH around ESP: ours and the peer's. */
  readonly ah?: { readonly spiIn: number; readonly spiOut: number } | undefined;
  /** Seconds of silence after which the kernel itself keeps a NAT's mapping alive; undefined: that is for us to do. */
  readonly keepalive?: number | undefined;
  readonly mode: SaMode;
  readonly suite: ChildSuite;
  /** What it protects, outbound. */
  readonly selectors: readonly Selector[];
  /** Who asked for it. */
  readonly role: "initiator" | "responder";
  /** The lesser of its nonces' first 8 octets; of two that crossed, the one with the least goes (RFC 7296 2.8.1). */
  readonly lowestNonce: bigint;
  /** When it is to be replaced; the limits that its child is configured with, jittered. Undefined: never by itself. */
  soft?: SaLimits | undefined;
  /** When its exchange began at this end, where that says whether it crossed with another (IKEv1). In ms of the engine's clock. */
  readonly begun?: number | undefined;
  /** In ms of the engine's clock. */
  readonly since: number;
}

export function protocolOf(child: ChildSa): SaProtocol {
  return child.desired.protocol;
}

/**
 * Whether two pairs for one child were asked for before either end could know of the other; else the later one is to take the
 * earlier one's place.
 */
export function crossed(one: ChildSa, other: ChildSa): boolean {
  const [earlier, later] = one.since <= other.since ? [one, other] : [other, one];
  return later.begun === undefined ? later.since - earlier.since < crossingTime : later.begun <= earlier.since;
}

/** How close to each other two pairs come to stand that crossed, in ms; what asks for them may have been lost and repeated. */
export const crossingTime = 10_000;

/** Whether its packets take this way. */
export function isBetween(child: ChildSa, ends: ChildEnds): boolean {
  const { encapsulation: own } = child;
  const { encapsulation: other } = ends;
  return (
    child.local === ends.local &&
    child.remote === ends.remote &&
    own?.localPort === other?.localPort &&
    own?.remotePort === other?.remotePort
  );
}

export function inboundId(child: ChildSa): SaId {
  const { compression, ah } = child;
  return saId(
    { protocol: protocolOf(child), spi: child.spiIn, destination: child.local },
    compression?.cpiIn,
    ah?.spiIn,
  );
}

export function outboundId(child: ChildSa): SaId {
  const { compression, ah } = child;
  const id = { protocol: protocolOf(child), spi: child.spiOut, destination: child.remote };
  return saId(id, compression?.cpiOut, ah?.spiOut);
}

/** What names an SA, with what goes with it. */
export function saId(id: SaId, cpi: number | undefined, ahSpi: number | undefined): SaId {
  if (cpi === undefined && ahSpi === undefined) return id;
  const whole: { -readonly [K in keyof SaId]: SaId[K] } = { ...id };
  if (cpi !== undefined) whole.cpi = cpi;
  if (ahSpi !== undefined) whole.ahSpi = ahSpi;
  return whole;
}

/** Keys of one direction; `ahKey` of the AH around ESP. */
export interface PairKeys extends ChildKeys {
  readonly ahKey?: Uint8Array | undefined;
}

/** Overwrites them. */
export function wipeKeys({ encrKey, integKey, ahKey }: PairKeys): void {
  wipe(encrKey, integKey, ahKey);
}

/**
 * Both SAs. Inbound first: from the moment the peer may send, there is something to receive with. `own` is what we
 * send with, `peer` what the peer sends with.
 */
export function installRequests(
  child: ChildSa,
  own: PairKeys,
  peer: PairKeys,
): { readonly inbound: KernelRequest; readonly outbound: KernelRequest } {
  return {
    inbound: { kind: "installSa", sa: half(child, "in", peer) },
    outbound: { kind: "installSa", sa: half(child, "out", own) },
  };
}

/** The ends of the outbound SA, in the direction of its packets. */
export function outboundEnds({ local, remote, encapsulation }: ChildEnds): OuterEnds {
  if (encapsulation === undefined) return { source: local, destination: remote };
  const { localPort, remotePort } = encapsulation;
  return {
    source: local,
    destination: remote,
    encapsulation: { sourcePort: localPort, destinationPort: remotePort },
  };
}

/** The same of the inbound SA. */
export function inboundEnds({ local, remote, encapsulation }: ChildEnds): OuterEnds {
  if (encapsulation === undefined) return { source: remote, destination: local };
  const { localPort, remotePort } = encapsulation;
  return {
    source: remote,
    destination: local,
    encapsulation: { sourcePort: remotePort, destinationPort: localPort },
  };
}

type OuterEnds = SaEnds & Pick<SaInstall, "encapsulation">;

type SaHalf = Extract<KernelRequest, { kind: "installSa" }>["sa"];

function half(child: ChildSa, direction: "in" | "out", keys: PairKeys): SaHalf {
  const { suite, encapsulation, selectors } = child;
  const inbound = direction === "in";
  // Property by property: a literal with four conditional spreads took 8 us.
  const sa: { -readonly [K in keyof SaHalf]: SaHalf[K] } = {
    protocol: protocolOf(child),
    spi: inbound ? child.spiIn : child.spiOut,
    destination: inbound ? child.local : child.remote,
    source: inbound ? child.remote : child.local,
    direction,
    mode: child.mode,
    reqid: child.reqid,
    esn: suite.esn.ikev2 === 1,
    replayWindow: child.desired.replayWindow,
    hard: child.desired.hard,
  };
  // The kernel's report may be lost: of time the IKE SA has a timer of its own.
  if (child.soft !== undefined) sa.soft = { ...child.soft, seconds: Math.ceil(child.soft.seconds) };
  if (suite.encr !== undefined) sa.encr = { transform: suite.encr, key: keys.encrKey };
  if (suite.integ !== undefined) sa.integ = { transform: suite.integ, key: keys.integKey };
  if (!inbound && child.keepalive !== undefined) sa.keepaliveSeconds = child.keepalive;
  if (encapsulation !== undefined) {
    const { localPort, remotePort } = encapsulation;
    sa.encapsulation = inbound
      ? { sourcePort: remotePort, destinationPort: localPort }
      : { sourcePort: localPort, destinationPort: remotePort };
  }
  if (child.compression !== undefined) {
    sa.cpi = inbound ? child.compression.cpiIn : child.compression.cpiOut;
    sa.compression = deflate;
  }
  if (child.ah !== undefined && suite.ah !== undefined && keys.ahKey !== undefined) {
    sa.ahSpi = inbound ? child.ah.spiIn : child.ah.spiOut;
    sa.ah = { transform: suite.ah, key: keys.ahKey };
  }
  const only = child.mode === "transport" && selectors.length === 1 ? selectors[0] : undefined;
  if (only !== undefined) sa.selector = inbound ? reverseSelector(only) : only;
  return sa;
}
