/** Packets of the simulated kernel: as much of them as policies, SAs and tests look at. */
import { type Address, prefixCovers } from "../../negotiate/address.ts";
import { ipProtocol, type Selector } from "../../negotiate/selector.ts";
import type { SaInstall, SaMode, SaProtocol } from "../port.ts";

/** An IP packet in clear. For ICMP the "ports" are type (source) and code (destination), as in a selector. */
export interface ClearPacket {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Octets of the whole IP packet; 84 (a ping of 56) when left out. */
  readonly length?: number;
  /** What a test knows it by. */
  readonly payload?: string;
}

/** A packet protected by ESP or AH, as it is on the wire between two hosts. */
export interface ProtectedPacket {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: SaProtocol;
  readonly spi: number;
  /** The whole number; the wire has its lower 32 bits. */
  readonly sequence: bigint;
  /** Present where it travels inside UDP: RFC 3948. */
  readonly encapsulation?: { readonly sourcePort: number; readonly destinationPort: number };
  /** What only the other end can open: the sender's keys stand for the cipher. */
  readonly sealed: { readonly by: SaInstall; readonly mode: SaMode; readonly inner: ClearPacket };
}

export type Packet = ClearPacket | ProtectedPacket;

/** Why a packet was dropped, by the name of Linux' counter (/proc/net/xfrm_stat), or what stopped it outside of XFRM. */
export type DropReason =
  | "XfrmOutPolBlock"
  | "XfrmOutNoStates"
  | "XfrmOutStateExpired"
  | "XfrmInPolBlock"
  | "XfrmInTmplMismatch"
  | "XfrmInNoPols"
  | "XfrmInNoStates"
  | "XfrmAcquireError"
  | "XfrmInStateMismatch"
  | "XfrmInStateSeqError"
  | "XfrmInStateExpired"
  | "XfrmInStateProtoError"
  | "XfrmInStateModeError"
  /** No UDP_ENCAP socket is open at the port: the host answers ICMP port unreachable. */
  | "port-unreachable"
  /** A protected packet for another host, which this one does not route. */
  | "not-local";

export type Output =
  | { readonly kind: "clear"; readonly packet: ClearPacket }
  | { readonly kind: "protected"; readonly packet: ProtectedPacket }
  | { readonly kind: "dropped"; readonly reason: DropReason };

export type Input =
  /** Delivered to this host; `protectedBy` is the SPI of the SA it came under. */
  | { readonly kind: "accepted"; readonly packet: ClearPacket; readonly protectedBy?: number }
  /** For another host: what became of it on its way out. */
  | { readonly kind: "forwarded"; readonly output: Output; readonly protectedBy?: number }
  | { readonly kind: "dropped"; readonly reason: DropReason };

export function isProtected(packet: Packet): packet is ProtectedPacket {
  return "sealed" in packet;
}

export function packetLength(packet: ClearPacket): number {
  return packet.length ?? 84;
}

/** A port that the selector names must be the packet's; a protocol without ports counts as port 0, as in Linux. */
export function selectorMatches(selector: Selector, packet: ClearPacket): boolean {
  return (
    (selector.protocol === ipProtocol.any || selector.protocol === packet.protocol) &&
    (selector.sourcePort === undefined || selector.sourcePort === (packet.sourcePort ?? 0)) &&
    (selector.destinationPort === undefined || selector.destinationPort === (packet.destinationPort ?? 0)) &&
    prefixCovers(selector.source, packet.source) &&
    prefixCovers(selector.destination, packet.destination)
  );
}
