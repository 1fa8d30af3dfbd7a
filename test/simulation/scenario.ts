/** A story before it is told: which ends there are, what they want of each other, and all that happens to them. Data only. */
import type { ProtectLine } from "../../src/overlay/expand.ts";
import type { Ikev1Policy } from "../../src/sa/desired.ts";
import type { AddressDelivery } from "../../src/sa/remote-access.ts";

/** By its place in `Scenario.ends`; people read it as a letter. */
export type EndIndex = number;
/** By its place in `Scenario.peerings`. */
export type PeeringIndex = number;

/** Times are in ms of the world's clock. */
export interface Scenario {
  readonly seed: number;
  /** What the generator was thinking of. */
  readonly theme: string;
  /** Real key exchanges, and every datagram parsed by the decoder; else a cheap stand-in. */
  readonly real: boolean;
  readonly ends: readonly EndPlan[];
  readonly peerings: readonly Peering[];
  /** In order of time. */
  readonly events: readonly SimulationEvent[];
  /** How long the watch over the peace lasts at the end. */
  readonly watch: number;
  /** How long after the last trouble everything must stand; a minute where it is left out. */
  readonly settle?: number | undefined;
  /** How long two of what should be one may stand in peace; 20 seconds where it is left out. */
  readonly surplus?: number | undefined;
  /** From the first event on, of two ends. */
  readonly forced?: Forced | undefined;
}

/** What two ends' exchanges would come to by chance, forced. */
export interface Forced {
  /**
   * The first octets of the nonces: of what the first end asks for, of the second's answer, of what the second end asks
   * for, of the first's answer.
   */
  readonly nonces: readonly [number, number, number, number];
  /** The first end guesses the wrong key exchange method, once. */
  readonly wrongGuess: boolean;
}

export interface EndPlan {
  readonly startsAt: number;
  /** How long the kernel and the worker take to answer; 0: at once. */
  readonly kernelDelay: number;
  readonly computeDelay: number;
  /** Behind a NAT of its own: `dynamic` ports, or with IKE's ports forwarded to it. */
  readonly nat?: "dynamic" | "forwarded" | undefined;
  /** It gives tokens by which its peers know that it lost their IKE SAs (RFC 6290). */
  readonly crashTokens?: boolean | undefined;
  /** It has a second address, and whatever it has with others may go from one to the other (RFC 4555). */
  readonly spare?: boolean | undefined;
}

/** Two ends that are configured for each other. */
export interface Peering {
  readonly ends: readonly [EndIndex, EndIndex];
  /** The first end knows no address of the second, which calls it from anywhere. */
  readonly anywhere?: boolean | undefined;
  /** Of the first end; mirrored at the second. */
  readonly protect: readonly [ProtectLine, ...ProtectLine[]];
  /** The places of the lines that are negotiated on demand, at both ends. */
  readonly onDemand?: readonly number[] | undefined;
  readonly initiate: readonly [boolean, boolean];
  /** Keywords, at either end. */
  readonly esp: readonly [readonly string[], readonly string[]];
  readonly ike: readonly [readonly string[], readonly string[]];
  readonly liveness: number;
  /** How long a packet is under way, there and back. */
  readonly delay: readonly [number, number];
  /** Limits of a Child SA in seconds; the soft one 0 where it is not replaced by itself. */
  readonly hardSeconds: number;
  readonly softSeconds: number;
  readonly extras?: Extras | undefined;
  readonly ikev1?: Ikev1Plan | undefined;
}

/** What the two ends' sections say of IKEv1; of two values the first is the first end's. */
export interface Ikev1Plan {
  /** `off`: the section does not name it. */
  readonly policies: readonly [Ikev1Policy | "off", Ikev1Policy | "off"];
  /** Instead of the one that both have. */
  readonly softSeconds: readonly [number, number];
  /** What both ends have around ESP, and inside it. */
  readonly set?: { readonly ah: boolean; readonly compress: boolean } | undefined;
  /** Which of the two logs in with the other (XAuth). */
  readonly login?: 0 | 1 | undefined;
  /** Which of the two has its address inside the first line, a tunnel, from the other (mode config), and how. */
  readonly inner?: { readonly client: 0 | 1; readonly by: AddressDelivery } | undefined;
}

/** What the ends' sections say beside; of two numbers the first is the first end's. */
export interface Extras {
  /** The places of the lines whose packets are compressed, at both ends. */
  readonly compressed: readonly number[];
  /** After how many seconds the IKE SA is replaced; 0: not by itself. */
  readonly ikeSeconds: readonly [number, number];
  /** How many seconds a proof of identity holds; 0: for ever. */
  readonly reauthSeconds: readonly [number, number];
  /** Requests at a time, and octets of a datagram beyond which messages are sent in fragments. */
  readonly window: readonly [number, number];
  readonly fragmentSize: readonly [number, number];
  readonly resumption: boolean;
}

/** How one end's configuration of a peering may differ from what both agreed on. */
export type Variant = "agreed" | "other-liveness" | "fewer-children" | "absent";

export type SimulationEvent = {
  readonly at: number;
} /** The process dies without a word; another is started later. The kernel stays as it is. */ & (
  | { readonly kind: "crash"; readonly end: EndIndex; readonly down: number }
  /** The process is stopped politely, and another started later. */
  | { readonly kind: "restart"; readonly end: EndIndex; readonly down: number }
  /** The operator's wishes. */
  | { readonly kind: "down" | "up"; readonly end: EndIndex; readonly peering: PeeringIndex }
  | {
      readonly kind: "reconfigure";
      readonly end: EndIndex;
      readonly peering: PeeringIndex;
      readonly variant: Variant;
    }
  /** The next datagrams of one end to another. */
  | {
      readonly kind: "lose";
      readonly from: EndIndex;
      readonly to: EndIndex;
      readonly count: number;
      /** All where it is left out. */
      readonly what?: "request" | "response";
    }
  | {
      readonly kind: "repeat" | "hold";
      readonly from: EndIndex;
      readonly to: EndIndex;
      readonly count: number;
      readonly by: number;
      readonly what?: "request" | "response";
    }
  /** Every link for a while; in percent, and in ms. */
  | {
      readonly kind: "weather";
      readonly lasts: number;
      readonly loss: number;
      readonly repeat: number;
      readonly jitter: number;
    }
  /** Nothing passes between these ends and the others. */
  | { readonly kind: "partition"; readonly ends: readonly EndIndex[]; readonly lasts: number }
  /** The kernel refuses some of the requests that come meanwhile, or carries them out and its answer is lost. */
  | {
      readonly kind: "refuse";
      readonly end: EndIndex;
      readonly lasts: number;
      readonly percent: number;
      readonly errno: string;
      readonly carriedOut: boolean;
    }
  /** The kernel's next reports are lost. */
  | { readonly kind: "deafen"; readonly end: EndIndex; readonly count: number; readonly told: boolean }
  /** The operator of one end, or of both in the same instant, wants everything replaced. */
  | {
      readonly kind: "rekey";
      readonly ends: readonly EndIndex[];
      readonly peering: PeeringIndex;
      readonly what: "children" | "ike";
    }
  /** The hosts behind these ends begin to send what a line that is negotiated on demand protects. */
  | {
      readonly kind: "demand";
      readonly ends: readonly EndIndex[];
      readonly peering: PeeringIndex;
      readonly line: number;
    }
  /** The NAT of an end has forgotten everything: what leaves next gets other ports. */
  | { readonly kind: "rebind"; readonly end: EndIndex }
  /** Of its two addresses the host has one alone from now on, or both. */
  | { readonly kind: "move"; readonly end: EndIndex; readonly missing: "first" | "spare" | "none" }
  /** The operator of one end or of both has callers go to another of its two addresses (RFC 5685), or lets them stay. */
  | {
      readonly kind: "redirect";
      readonly ends: readonly EndIndex[];
      readonly peering: PeeringIndex;
      readonly to: "first" | "spare" | "anywhere";
    }
  /** A child's newest pair comes to a limit, at one end or at both in the same instant. */
  | {
      readonly kind: "expire";
      readonly ends: readonly EndIndex[];
      readonly peering: PeeringIndex;
      readonly child: number;
      readonly hard: boolean;
    }
);

export type EventKind = SimulationEvent["kind"];

/** The letter that an end goes by. */
export function letter(end: EndIndex): string {
  return String.fromCharCode(97 + end);
}

/** Where the others find an end: its own address, or its NAT's. */
export function addressOf(end: EndIndex): string {
  return `192.0.2.${end + 1}`;
}

/** The second address of an end that has one. */
export function spareAddress(end: EndIndex): string {
  return `198.51.100.${end + 1}`;
}

/** Every address of an end under which the others may find it. */
export function addressesOf({ ends }: Pick<Scenario, "ends">, end: EndIndex): string[] {
  return ends[end]?.spare === true ? [addressOf(end), spareAddress(end)] : [addressOf(end)];
}

/** What an end takes for its address. */
export function ownAddress({ ends }: Pick<Scenario, "ends">, end: EndIndex): string {
  return ends[end]?.nat === undefined ? addressOf(end) : `10.99.0.${end + 1}`;
}
