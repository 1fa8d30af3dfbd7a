/** What one `protect` line comes to, and what a lock towards everybody covers: tables, no state. */
import type { Prefix } from "../negotiate/address.ts";
import { formatPrefix } from "../negotiate/address.ts";
import { ipProtocol, protocolName } from "../negotiate/selector.ts";
import type { LockDesired, SelectorEnd } from "../sa/desired.ts";

/** Overlays with an IP protocol of their own. */
export const protocolOverlays = {
  /** RFC 2784. */
  gre: ipProtocol.gre,
  /** RFC 2003. */
  ipip: ipProtocol.ipv4,
  /** RFC 4213; IPv6 in IPv6 has the same number. */
  sit: ipProtocol.ipv6,
  /** RFC 2473: IPv6 in IPv6. */
  ip6: ipProtocol.ipv6,
} as const;

/** Overlays over UDP, with the destination port that IANA gave them. */
export const udpOverlays = {
  /** RFC 7348 5. */
  vxlan: 4789,
  /** RFC 8926 3.3. */
  geneve: 6081,
} as const;

export type ProtocolOverlay = keyof typeof protocolOverlays;
export type UdpOverlay = keyof typeof udpOverlays;

/** One thing to protect, as the configuration says it. */
export type ProtectLine =
  | { readonly kind: ProtocolOverlay }
  | { readonly kind: UdpOverlay; readonly port?: number | undefined }
  | {
      readonly kind: "tunnel";
      readonly local: Prefix;
      readonly remote: Prefix;
      /** Further subnets at our and at the peer's end. */
      readonly moreLocal?: readonly Prefix[] | undefined;
      readonly moreRemote?: readonly Prefix[] | undefined;
      /** 0 or undefined: any. */
      readonly protocol?: number | undefined;
      readonly localPort?: number | undefined;
      readonly remotePort?: number | undefined;
    };

/** One Child SA of a line: what of a ChildDesired the overlay decides. */
export interface ExpandedChild {
  readonly name: string;
  readonly mode: "transport" | "tunnel";
  readonly local: SelectorEnd;
  readonly remote: SelectorEnd;
}

/**
 * The Child SAs of a line, in a fixed order. The same line mirrored gives the same children at the other end.
 *
 * An overlay over UDP sends to the port from any port, in both directions: two children, since selector lists are a cross
 * product (RFC 7296 3.13) and one Child SA with both ports would cover all of UDP. `to` carries what goes to the peer's
 * port, `from` what comes to ours, and with each the answers; what is `to` here is `from` there.
 */
export function expandProtect(line: ProtectLine): readonly ExpandedChild[] {
  switch (line.kind) {
    case "tunnel":
      return [tunnel(line)];
    case "vxlan":
    case "geneve": {
      const port = line.port ?? udpOverlays[line.kind];
      const any = host(ipProtocol.udp);
      const fixed = { ...any, port };
      return [
        { name: `${line.kind}-${port}/to`, mode: "transport", local: any, remote: fixed },
        { name: `${line.kind}-${port}/from`, mode: "transport", local: fixed, remote: any },
      ];
    }
    case "gre":
    case "ipip":
    case "sit":
    case "ip6": {
      const end = host(protocolOverlays[line.kind]);
      return [{ name: line.kind, mode: "transport", local: end, remote: end }];
    }
  }
}

/** A line for each pair of a local and a remote subnet, in the order of the line: an SA of IKEv1 has one at each end. */
export function subnetPairs(line: ProtectLine): readonly ProtectLine[] {
  if (line.kind !== "tunnel") return [line];
  const { moreLocal = [], moreRemote = [], ...rest } = line;
  return [line.local, ...moreLocal].flatMap((local) =>
    [line.remote, ...moreRemote].map((remote) => ({ ...rest, local, remote })),
  );
}

/** The kinds that may be locked towards everybody. */
export const lockKinds: readonly (ProtocolOverlay | UdpOverlay)[] = [
  ...keysOf(protocolOverlays),
  ...keysOf(udpOverlays),
];

/** The lock of a kind; `port` is for overlays over UDP, by default the assigned one. */
export function lockOf(kind: ProtocolOverlay | UdpOverlay, port?: number): LockDesired {
  if (!isUdpOverlay(kind)) return { name: kind, protocol: protocolOverlays[kind] };
  const destination = port ?? udpOverlays[kind];
  const name = destination === udpOverlays[kind] ? kind : `${kind}-${destination}`;
  return { name, protocol: ipProtocol.udp, port: destination };
}

export function isUdpOverlay(kind: string): kind is UdpOverlay {
  return Object.hasOwn(udpOverlays, kind);
}

function tunnel(line: Extract<ProtectLine, { kind: "tunnel" }>): ExpandedChild {
  const protocol = line.protocol ?? ipProtocol.any;
  const local = { prefix: line.local, ...more(line.moreLocal), protocol, port: line.localPort };
  const remote = { prefix: line.remote, ...more(line.moreRemote), protocol, port: line.remotePort };
  const suffix = protocol === ipProtocol.any ? "" : ` ${protocolName(protocol)}`;
  const name = `tunnel ${tunnelEnd(local)} <-> ${tunnelEnd(remote)}${suffix}`;
  return { name, mode: "tunnel", local, remote };
}

function more(prefixes: readonly Prefix[] = []): Pick<SelectorEnd, "more"> {
  return prefixes.length === 0 ? {} : { more: prefixes };
}

function tunnelEnd(
  end: Pick<SelectorEnd, "more"> & { readonly prefix: Prefix; readonly port: number | undefined },
): string {
  const subnets = [end.prefix, ...(end.more ?? [])].map(formatPrefix).join(", ");
  return end.port === undefined ? subnets : `${subnets} :${end.port}`;
}

function host(protocol: number): SelectorEnd {
  return { prefix: "host", protocol };
}

function keysOf<K extends string>(table: Readonly<Record<K, number>>): readonly K[] {
  // The tables above are literals: they have no keys but their own.
  return Object.keys(table) as K[];
}
