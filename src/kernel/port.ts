/**
 * What IKE needs of a kernel, in IKE's own words: requests, answers and events, as data.
 *
 * Two implementations stand beside it: `xfrm/` (Linux) and `simulated/` (memory), held to one conformance suite.
 * Types and reason codes only: the core imports this file and never loads a native library.
 */
import type { CompTransform } from "../crypto/transforms/comp.ts";
import type { EncrTransform } from "../crypto/transforms/encr.ts";
import type { IntegTransform } from "../crypto/transforms/integ.ts";
import type { Address, Prefix } from "../negotiate/address.ts";
import type { Selector } from "../negotiate/selector.ts";

export type SaProtocol = "esp" | "ah";
export type SaMode = "transport" | "tunnel";
/** `forward` exists for tunnels: packets that arrive protected and go on to another host. */
export type PolicyDirection = "out" | "in" | "forward";

/** What names one SA in the SAD: RFC 4301 4.1. */
export interface SaId {
  readonly protocol: SaProtocol;
  readonly spi: number;
  readonly destination: Address;
  /** The IPComp SA that goes with it, comes and goes with it (RFC 3173). */
  readonly cpi?: number;
  /** ESP alone: the SPI of the AH SA around it, which comes and goes with it (RFC 2401 4.3, transport adjacency). */
  readonly ahSpi?: number;
}

/** One unidirectional SA, complete. */
export interface SaInstall extends SaId {
  readonly source: Address;
  readonly direction: "in" | "out";
  readonly mode: SaMode;
  /** Ties the SA to the policies whose templates carry the same value. */
  readonly reqid: number;
  readonly encr?: { readonly transform: EncrTransform; readonly key: Uint8Array /* salt appended */ };
  readonly integ?: { readonly transform: IntegTransform; readonly key: Uint8Array };
  readonly esn: boolean;
  /** In packets; 0 switches replay protection off. Only inbound SAs use it. */
  readonly replayWindow: number;
  /** Limits that the kernel enforces by itself, so that a dead daemon's SAs end (design: every SA has hard limits). */
  readonly hard: SaLimits;
  /** At these limits the kernel reports a soft expire. */
  readonly soft?: SaLimits;
  /** UDP encapsulation, RFC 3948: the ports at our and the peer's end, in the direction of the packet. */
  readonly encapsulation?: { readonly sourcePort: number; readonly destinationPort: number };
  /** With a CPI: packets are compressed before they are protected, where that makes them shorter. */
  readonly compression?: CompTransform;
  /** With an SPI of AH: what authenticates the whole ESP packet. ESP may then have no integrity protection of its own. */
  readonly ah?: { readonly transform: IntegTransform; readonly key: Uint8Array };
  /** Transport mode: the selectors the SA may carry. */
  readonly selector?: Selector;
  /** Outbound and encapsulated: the kernel sends a NAT keepalive after so many seconds of silence. Only where it is among the kernel's abilities. */
  readonly keepaliveSeconds?: number;
}

/** The outer ends of an SA, in the direction of its packets. */
export interface SaEnds {
  readonly source: Address;
  readonly destination: Address;
}

/** SAs of one child and direction that go to other outer addresses or UDP ports (RFC 4555 3.5, RFC 7296 2.23). */
export interface SaMove {
  readonly direction: "in" | "out";
  readonly protocol: SaProtocol;
  /** In transport mode only the ports can change: the addresses are the selector's own. */
  readonly mode: SaMode;
  readonly reqid: number;
  readonly from: SaEnds;
  /** Encapsulation left out: it stays as it is. Once there it cannot be taken away, only changed. */
  readonly to: SaEnds & Pick<SaInstall, "encapsulation">;
  /** Every SA that stands with this direction, reqid and `from`, newest first. */
  readonly spis: readonly number[];
  /** Their policies (inbound: `forward` too) as they are to be afterwards. */
  readonly policies: readonly Policy[];
}

/** What some kernels can do and others cannot. */
export interface KernelAbilities {
  /** Linux from 6.11 on: NAT keepalives by the kernel itself. */
  readonly natKeepalive: boolean;
}

export interface SaLimits {
  readonly seconds: number;
  readonly bytes?: bigint | undefined;
  readonly packets?: bigint | undefined;
}

/**
 * Counters of one SA. `lastUsedSeconds` is UNIX time, undefined while the SA was never used and always before Linux
 * 6.2: whether it was used since the last look is said by `packets`. `bytes` are those of what is protected: in
 * transport mode without the IP header, in tunnel mode without the outer one.
 */
export interface SaUsage extends SaId {
  readonly reqid: number;
  readonly bytes: bigint;
  readonly packets: bigint;
  readonly lastUsedSeconds?: number | undefined;
}

/** An SA that stands in the kernel and is ours (its reqid is in our range). */
export interface StandingSa extends SaUsage {
  readonly source: Address;
  readonly mode: SaMode;
  readonly addedSeconds: number;
}

/** The template of a protecting policy: required, never optional (invariant 2). */
export interface PolicyTemplate {
  readonly protocol: SaProtocol;
  readonly mode: SaMode;
  readonly reqid: number;
  /** IPComp below ESP or AH: demanded on the way out, possible on the way in, since what is short is not compressed. */
  readonly compressed?: true;
  /** AH around ESP, demanded in both directions. */
  readonly withAh?: true;
  /** Outer addresses; in transport mode those of the selector. */
  readonly source: Address;
  readonly destination: Address;
}

/**
 * One policy per selector and direction, in one of three states: `locked` drops, `protected` demands the template,
 * `exempt` lets pass in clear (only neighbour discovery needs that).
 */
export interface Policy {
  readonly selector: Selector;
  readonly direction: PolicyDirection;
  /** Lower wins. Comes from the selector's narrowness alone (invariant 2), see `engine/policy-priority.ts`. */
  readonly priority: number;
  readonly action:
    | { readonly kind: "locked" }
    | { readonly kind: "exempt" }
    | { readonly kind: "protected"; readonly template: PolicyTemplate };
}

/** A route to a remote subnet that prefers a source address inside the local one. */
export interface Route {
  readonly destination: Prefix;
  /** The local subnet; the kernel port looks for an address of this host inside it. */
  readonly localSubnet: Prefix;
  /** The peer's outer address: the route leaves where packets to the peer leave. */
  readonly via: Address;
}

export type KernelRequest =
  /** Reserves an inbound SPI, with `compress` a CPI too, with `withAh` an SPI of AH too; answered by `spi`. */
  | {
      readonly kind: "allocateSpi";
      readonly protocol: SaProtocol;
      readonly mode: SaMode;
      readonly source: Address;
      readonly destination: Address;
      readonly reqid: number;
      readonly compress?: boolean;
      readonly withAh?: boolean;
    }
  /** Inbound: completes a reserved SPI. Outbound: adds. EEXIST where the SPI is taken. */
  | { readonly kind: "installSa"; readonly sa: SaInstall }
  /** ESRCH where there is none. */
  | { readonly kind: "deleteSa"; readonly sa: SaId }
  /** Answered by `usage`. */
  | { readonly kind: "querySa"; readonly sa: SaId }
  /** Several at once; answered by `usages`. */
  | { readonly kind: "querySas"; readonly sas: readonly SaId[] }
  /**
   * Moves SAs and the templates of their policies in place: keys, SPIs, sequence numbers, replay windows, counters and
   * limits stay, and no packet finds a gap. ESRCH, with nothing done, where one of the SAs does not stand. After any
   * other refusal some may have moved.
   */
  | { readonly kind: "migrate"; readonly move: SaMove }
  /** Forgets an acquire that found no SA (a larval SA), so that the next packet raises a new one at once. */
  | {
      readonly kind: "clearAcquire";
      readonly protocol: SaProtocol;
      readonly mode: SaMode;
      readonly source: Address;
      readonly destination: Address;
      readonly reqid: number;
    }
  /** Inserts, or changes in place without a gap. EEXIST where another owner's policy has the same selector; it is left alone. */
  | { readonly kind: "setPolicy"; readonly policy: Policy }
  /** ENOENT where there is none; another owner's policy is never deleted. */
  | { readonly kind: "deletePolicy"; readonly selector: Selector; readonly direction: PolicyDirection }
  /** Our SAs, answered by `sas`. */
  | { readonly kind: "listSas" }
  /** Our policies, answered by `policies`. */
  | { readonly kind: "listPolicies" }
  /** Answered by `abilities`. */
  | { readonly kind: "probe" }
  | { readonly kind: "setRoute"; readonly route: Route }
  | { readonly kind: "deleteRoute"; readonly route: Route };

export type KernelAnswer =
  | {
      readonly kind: "done";
      /** `setRoute` only: no address of this host lies in the local subnet, so there is nothing to prefer and no route was set. */
      readonly skipped?: "no-local-address";
    }
  | { readonly kind: "spi"; readonly spi: number; readonly cpi?: number; readonly ahSpi?: number }
  | { readonly kind: "usage"; readonly usage: SaUsage }
  /** In the order of the request; undefined: it does not stand. */
  | { readonly kind: "usages"; readonly usages: readonly (SaUsage | undefined)[] }
  | { readonly kind: "abilities"; readonly abilities: KernelAbilities }
  | { readonly kind: "sas"; readonly sas: readonly StandingSa[] }
  | { readonly kind: "policies"; readonly policies: readonly Policy[] }
  | { readonly kind: "refused"; readonly refusal: KernelRefusal };

/** Why a request was refused: the error number's name and, where the kernel gave one, its own words. */
export interface KernelRefusal {
  readonly request: KernelRequest["kind"];
  /** `EEXIST`, `ENOMEM`, …, or `ETIMEDOUT` when no acknowledgement came. */
  readonly errno: string;
  readonly said: string;
}

/** What the kernel reports unasked. */
export type KernelEvent =
  /** A packet matched a protecting policy without an SA. `packet` is the packet's own selector. */
  | {
      readonly kind: "acquire";
      readonly reqid: number;
      readonly packet: Selector;
      readonly source: Address;
      readonly destination: Address;
    }
  /**
   * A lifetime of an SA was reached. After `hard` the SA is gone. SPI 0: nobody answered an acquire in time; the next
   * packet raises a new one. The SPI of a reservation: it was never completed.
   */
  | { readonly kind: "expire"; readonly sa: SaId; readonly hard: boolean; readonly reqid: number }
  /** The peer's NAT mapping changed: authenticated ESP came from elsewhere. */
  | {
      readonly kind: "mapping";
      readonly sa: SaId;
      readonly reqid: number;
      readonly from: { readonly address: Address; readonly port: number };
    }
  /** Events were lost: whoever relies on them must list anew. */
  | { readonly kind: "overrun" };

/** A kernel: answers requests (at once where it can), reports events until it is closed. */
export interface Kernel {
  request(request: KernelRequest): KernelAnswer | Promise<KernelAnswer>;
  onEvent(listener: (event: KernelEvent) => void): void;
  close(): void;
}

/** SAs and templates of ours carry a reqid of this range (invariant 7); `end` is excluded. */
export const reqidRange = { start: 0x5500_0000, end: 0x5600_0000 } as const;

/** Policies of ours carry an index of this range, kernel's three direction bits included; `end` is excluded. */
export const policyIndexRange = { start: 0x5500_0000, end: 0x5600_0000 } as const;

/** Routes of ours carry this rtm_protocol. */
export const routeProtocol = 85;
