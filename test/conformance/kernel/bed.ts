/** What the conformance suite asks of a kernel: two gateways and a host behind each, joined by a wire that is watched. */
import type { KernelAnswer, KernelEvent, KernelRequest, Policy, SaInstall } from "../../../src/kernel/port.ts";
import type { Address, Prefix } from "../../../src/negotiate/address.ts";

export type End = "a" | "b";

/** Where packets start and end: the gateways' underlay addresses, their addresses in the subnet behind them, or a host there. */
export type Scope = "underlay" | "underlay6" | "gateway" | "lan";

export const addresses: Readonly<Record<Scope, Readonly<Record<End, Address>>>> = {
  underlay: { a: "192.0.2.1", b: "192.0.2.2" },
  underlay6: { a: "2001:db8::1", b: "2001:db8::2" },
  gateway: { a: "10.1.0.1", b: "10.2.0.1" },
  lan: { a: "10.1.0.2", b: "10.2.0.2" },
};

export const subnets: Readonly<Record<End, Prefix>> = {
  a: { address: "10.1.0.0", length: 16 },
  b: { address: "10.2.0.0", length: 16 },
};

/** net.core.xfrm_acq_expires in both beds: short, because one of them waits in real time. */
export const acquireSeconds = 2;

/** The algorithm of this name is in no kernel: `encrTransforms` rows are copied and given it. */
export const unknownAlgorithm = "conformance-unknown";

/** A packet from one end to the other. UDP with ports, else GRE. `octets` is the length of the whole IP packet. */
export interface Probe {
  readonly from: End;
  readonly scope?: Scope;
  readonly udp?: { readonly sourcePort: number; readonly destinationPort: number };
  readonly octets?: number;
}

/** What became of a probe. */
export interface Travel {
  /** How it crossed the wire. */
  readonly wire: "clear" | "protected" | "nothing";
  /** The SPI it crossed under. */
  readonly spi?: number;
  readonly delivered: boolean;
  /** The counters of /proc/net/xfrm_stat that went up, at either end, each once. */
  readonly drops: readonly string[];
}

export interface Bed {
  /** Everything as new: no SA, no policy, no event; both kernels freshly opened and listened to. */
  reset(): Promise<void>;
  request(end: End, request: KernelRequest): Promise<KernelAnswer>;
  send(probe: Probe): Promise<Travel>;
  /** Sends the last protected packet that crossed towards `end` once more, from another UDP port if that is given. */
  replay(end: End, fromPort?: number): Promise<Travel>;
  /**
   * Sends a GRE packet that the other end takes and answers with an ICMP error (no device is there for it): how the
   * error crossed the wire.
   */
  offend(from: End, scope: "underlay" | "underlay6"): Promise<Travel["wire"]>;
  /** Errors about GRE over IPv6 pass the policies of GRE by: Linux 7.2, and presumably all since it dissects flows for this (6.7). */
  readonly losesGreOverIpv6: boolean;
  /** The events heard at an end; waits until there are `atLeast`, and long enough that no further one is on its way. */
  events(end: End, atLeast: number): Promise<readonly KernelEvent[]>;
  /** Lets time pass. */
  pass(seconds: number): Promise<void>;
  openEncapsulationSocket(end: End, port: number): Promise<void>;
  closeEncapsulationSocket(end: End, port: number): Promise<void>;
  /** A policy of another owner. */
  addForeignPolicy(end: End, policy: Policy): Promise<void>;
  /** Another owner's ESP SA, outbound, AES-CBC with HMAC-SHA-256, reqid 1, in transport mode. */
  addForeignSa(end: End, sa: Pick<SaInstall, "spi" | "source" | "destination">): Promise<void>;
  addForeignRoute(end: End, destination: Prefix): Promise<void>;
  /** Nobody listens to an end's events any more, as after the death of the process; SAs and policies stay. */
  close(end: End): Promise<void>;
  /** After `close`: a new process opens the kernel and listens. */
  reopen(end: End): Promise<void>;
}

export function otherEnd(end: End): End {
  return end === "a" ? "b" : "a";
}
