/** One SA of the port as a message to the kernel. */

import type { CompTransform } from "../../crypto/transforms/comp.ts";
import { anyPrefix, familyOf } from "../../negotiate/address.ts";
import { SA_FLAG, type Sa, type SaInput } from "../../netlink-xfrm/index.ts";
import type { SaId, SaInstall, SaLimits, SaProtocol, SaUsage, StandingSa } from "../port.ts";
import { selectorToXfrm } from "./selector-message.ts";

/** The algorithm that Linux has no name for, so that no message can be made. */
export class UnsupportedTransform extends Error {
  constructor(keyword: string) {
    super(`Linux XFRM has no name for ${keyword}`);
  }
}

/** NEWSA or UPDSA of an SA. Throws UnsupportedTransform. */
export function saMessage(sa: SaInstall): SaInput & Named {
  return {
    ...identity(sa),
    source: sa.source,
    // IPComp, where there is, makes the tunnel.
    mode: sa.compression === undefined ? sa.mode : "transport",
    reqid: sa.reqid,
    flags: flags(sa),
    lifetime: { ...hardLimits(sa.hard), ...softLimits(sa.soft) },
    ...(sa.selector === undefined ? {} : { selector: selectorToXfrm(sa.selector) }),
    ...algorithms(sa),
    ...replay(sa),
    ...(sa.encapsulation === undefined ? {} : { encapsulation: { type: "espInUdp", ...sa.encapsulation } }),
    ...(hasDirection(sa) ? { direction: sa.direction, natKeepaliveInterval: sa.keepaliveSeconds } : {}),
  };
}

/** NEWSA or UPDSA of the AH SA around an ESP SA: in transport mode, since what is inside makes the tunnel. */
export function ahMessage(sa: SaInstall & Required<Pick<SaInstall, "ah" | "ahSpi">>): SaInput & Named {
  return {
    destination: sa.destination,
    spi: sa.ahSpi,
    protocol: "ah",
    source: sa.source,
    mode: "transport",
    reqid: sa.reqid,
    flags: SA_FLAG.icmp | (sa.esn ? SA_FLAG.esn : 0) | ahAlignment(sa),
    lifetime: { hardAddSeconds: sa.hard.seconds + companionOutlives },
    ...integrity(sa.ah),
    ...replay(sa),
  };
}

/** NEWSA or UPDSA of the IPComp SA that goes with an SA. */
export function compressionMessage(
  sa: SaInstall & { readonly cpi: number; readonly compression: CompTransform },
): SaInput & Named {
  return {
    destination: sa.destination,
    spi: sa.cpi,
    protocol: "comp",
    source: sa.source,
    mode: sa.mode,
    reqid: sa.reqid,
    flags: sa.mode === "tunnel" ? SA_FLAG.afUnspec : 0,
    lifetime: { hardAddSeconds: sa.hard.seconds + companionOutlives },
    compression: { name: sa.compression.kernel.name, key: new Uint8Array(0) },
  };
}

/** What the kernel knows an SA, or a reservation, by. */
export interface Named {
  destination: string;
  spi: number;
  protocol: SaProtocol | "comp";
}

/** Destination, SPI and protocol. */
export function identity(id: SaId): Named & { protocol: SaProtocol } {
  return { destination: id.destination, spi: id.spi, protocol: id.protocol };
}

/** An SA that stands, or undefined for what is larval (it has no algorithm) or of a kind that we never install. */
export function standingSa(sa: Sa): StandingSa | undefined {
  const { protocol, mode } = sa;
  if (sa.spi === 0 || (sa.aead === undefined && sa.authTrunc === undefined && sa.crypt === undefined)) return undefined;
  if ((protocol !== "esp" && protocol !== "ah") || (mode !== "transport" && mode !== "tunnel")) return undefined;
  return {
    ...saUsage(sa, protocol),
    source: sa.source ?? unspecified(sa),
    mode,
    addedSeconds: sa.usage.addTime ?? 0,
  };
}

/** What an SA has carried. */
export function saUsage(sa: Sa, protocol: SaProtocol): SaUsage {
  const { spi, reqid, usage, lastUsed } = sa;
  return {
    protocol,
    spi,
    destination: sa.destination ?? unspecified(sa),
    reqid,
    bytes: usage.bytes,
    packets: usage.packets,
    lastUsedSeconds: lastUsed,
  };
}

/**
 * `icmp`: the peer's ICMP errors about our packets are let in; Linux refuses it on an SA that has an outbound direction.
 * `afUnspec`: a tunnel carries both families whatever the outer one; in transport mode the family is the packet's own.
 * Not set: `noPmtuDiscovery` (the outer header would lose the inner DF bit, and with it the path MTU that the kernel
 * finds by itself), `noEcn` (RFC 6040), `decapDscp` (RFC 4301 5.1.2.1: the inner DSCP stays as it was),
 * `wildReceive` (the addresses are known).
 */
function flags(sa: SaInstall): number {
  return (
    (hasDirection(sa) ? 0 : SA_FLAG.icmp) |
    (sa.mode === "tunnel" && sa.compression === undefined ? SA_FLAG.afUnspec : 0) |
    (sa.esn ? SA_FLAG.esn : 0) |
    (sa.protocol === "ah" ? ahAlignment(sa) : 0)
  );
}

/** Linux sends keepalives only for an SA that has been told its direction, and knows directions from 6.10 on. */
function hasDirection(sa: SaInstall): sa is SaInstall & { readonly keepaliveSeconds: number } {
  return sa.keepaliveSeconds !== undefined;
}

/** Over IPv4 the AH header is padded to 32 bits (RFC 4302 2.6), where Linux without the flag takes 64. */
function ahAlignment({ destination }: SaInstall): number {
  return familyOf(destination) === 4 ? SA_FLAG.align4 : 0;
}

function hardLimits({ seconds, bytes, packets }: SaLimits) {
  return {
    hardAddSeconds: seconds,
    ...(bytes === undefined ? {} : { hardBytes: bytes }),
    ...(packets === undefined ? {} : { hardPackets: packets }),
  };
}

function softLimits(limits: SaLimits | undefined) {
  if (limits === undefined) return {};
  const { seconds, bytes, packets } = limits;
  return {
    ...(seconds > 0 ? { softAddSeconds: seconds } : {}),
    ...(bytes === undefined ? {} : { softBytes: bytes }),
    ...(packets === undefined ? {} : { softPackets: packets }),
  };
}

function algorithms({ encr, integ }: SaInstall): Pick<SaInput, "aead" | "crypt" | "authTrunc"> {
  return { ...encryption(encr), ...integrity(integ) };
}

function encryption(encr: SaInstall["encr"]): Pick<SaInput, "aead" | "crypt"> {
  if (encr === undefined) return {};
  const { transform, key } = encr;
  if (transform.kernel === undefined) throw new UnsupportedTransform(transform.keyword);
  const { kind, name } = transform.kernel;
  return kind === "aead" ? { aead: { name, key, icvBits: transform.icvLength * 8 } } : { crypt: { name, key } };
}

function integrity(integ: SaInstall["integ"]): Pick<SaInput, "authTrunc"> {
  if (integ === undefined) return {};
  const { transform, key } = integ;
  if (transform.kernel === undefined) throw new UnsupportedTransform(transform.keyword);
  return { authTrunc: { name: transform.kernel.name, key, truncationBits: transform.kernel.icvBits } };
}

/**
 * The plain attribute holds 32 packets; ESN and wider windows need the other one. Outbound SAs check nothing, but
 * Linux before 6.10 refuses ESN with a window of 0, and later ones any other where the SA has a direction, as it must
 * for keepalives.
 */
function replay(sa: SaInstall): Pick<SaInput, "replayWindow" | "replayEsn"> {
  const window = sa.direction === "in" ? sa.replayWindow : 0;
  const least = sa.direction === "out" && !hasDirection(sa) ? 32 : 0;
  if (sa.esn) return { replayWindow: 0, replayEsn: { window: Math.max(window, least) } };
  return window > 32 ? { replayWindow: 0, replayEsn: { window } } : { replayWindow: window };
}

/** Seconds that what goes with an SA outlives it: the report of the end is the SA's own. */
export const companionOutlives = 60;

function unspecified(sa: { readonly family: number }): string {
  return anyPrefix(sa.family === 10 ? 6 : 4).address;
}
