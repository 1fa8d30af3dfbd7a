import {
  type AttributeCodec,
  addressAttribute,
  attributes,
  nested,
  octetsAttribute,
  presence,
  single,
  text,
  u8Attribute,
  u16Attribute,
  u16beAttribute,
  u32Attribute,
  u32beAttribute,
  type WithUnknown,
} from "../codec/attribute.ts";
import { forEachAttribute } from "../codec/message-reader.ts";
import { flag, struct, u8, u16be } from "../codec/struct.ts";

const flagAttribute = single<boolean>(flag(u8));

/** A GRE tunnel over IPv4 (kinds gre, gretap) or IPv6 (ip6gre, ip6gretap). */
export interface GreDetails {
  /** Underlay interface; 0 is any. */
  link?: number;
  /** Bits of GRE_FLAG that packets in must have. */
  inputFlags?: number;
  /** Bits of GRE_FLAG that packets out have. */
  outputFlags?: number;
  inputKey?: number;
  outputKey?: number;
  /** "0.0.0.0" or "::" is any. */
  local?: string;
  remote?: string;
  /** 0 inherits. */
  ttl?: number;
  tos?: number;
  pathMtuDiscovery?: boolean;
  encapsulationLimit?: number;
  flowInfo?: number;
  flags?: number;
  /** 1 is FOU, 2 is GUE: GRE within UDP. */
  encapsulationType?: number;
  encapsulationFlags?: number;
  encapsulationSourcePort?: number;
  encapsulationDestinationPort?: number;
  /** Addresses and keys come with each packet (OVS, eBPF). */
  external?: boolean;
  ignoreDf?: boolean;
  /** Mark of the outer packets. */
  mark?: number;
}

const gre = nested(
  attributes<GreDetails>("GRE", {
    link: [1, u32Attribute],
    inputKey: [4, u32beAttribute],
    outputKey: [5, u32beAttribute],
    inputFlags: [2, u16beAttribute],
    outputFlags: [3, u16beAttribute],
    local: [6, addressAttribute],
    remote: [7, addressAttribute],
    pathMtuDiscovery: [10, flagAttribute],
    ttl: [8, u8Attribute],
    tos: [9, u8Attribute],
    encapsulationLimit: [11, u8Attribute],
    flowInfo: [12, u32beAttribute],
    flags: [13, u32Attribute],
    mark: [20, u32Attribute],
    encapsulationType: [14, u16Attribute],
    encapsulationFlags: [15, u16Attribute],
    encapsulationSourcePort: [16, u16beAttribute],
    encapsulationDestinationPort: [17, u16beAttribute],
    external: [18, presence],
    ignoreDf: [19, flagAttribute],
  }),
);

/** A range of UDP ports, both ends included. */
export interface PortRange {
  low: number;
  high: number;
}

/** What VXLAN and Geneve devices have in common. */
interface UdpTunnel {
  /** Network identifier. */
  id?: number;
  /** The other end; for VXLAN it may be a multicast group, or missing where forwarding entries say all. */
  remote?: string;
  /** UDP destination port. */
  port?: number;
  /** 0 inherits. */
  ttl?: number;
  tos?: number;
  /** IPv6 flow label. */
  label?: number;
  /** 0 not set, 1 set, 2 inherited. */
  df?: number;
  udpChecksum?: boolean;
  udpZeroChecksum6Send?: boolean;
  udpZeroChecksum6Receive?: boolean;
  ttlInherit?: boolean;
  /** Addresses and identifiers come with each packet (OVS, eBPF). */
  external?: boolean;
}

/** A VXLAN device. */
export interface VxlanDetails extends UdpTunnel {
  local?: string;
  /** Underlay interface; 0 is any. */
  link?: number;
  learning?: boolean;
  /** Seconds until learned entries go. */
  ageing?: number;
  /** Forwarding entries at most; 0 is no limit. */
  limit?: number;
  /** UDP source ports. */
  sourcePorts?: PortRange;
  proxy?: boolean;
  routeShortCircuit?: boolean;
  l2Miss?: boolean;
  l3Miss?: boolean;
  groupPolicy?: boolean;
  genericProtocol?: boolean;
  /** One device with many identifiers, listed elsewhere (`bridge vni`). */
  vniFilter?: boolean;
}

const vxlan = nested(
  attributes<VxlanDetails>("VXLAN", {
    id: [1, u32Attribute],
    remote: [2, addressAttribute, 16],
    local: [4, addressAttribute, 17],
    link: [3, u32Attribute],
    ttl: [5, u8Attribute],
    tos: [6, u8Attribute],
    learning: [7, flagAttribute],
    ageing: [8, u32Attribute],
    limit: [9, u32Attribute],
    sourcePorts: [
      10,
      single<PortRange>(
        struct<PortRange>("ifla_vxlan_port_range", { size: 4, fields: { low: [0, u16be], high: [2, u16be] } }),
      ),
    ],
    proxy: [11, flagAttribute],
    routeShortCircuit: [12, flagAttribute],
    l2Miss: [13, flagAttribute],
    l3Miss: [14, flagAttribute],
    port: [15, u16beAttribute],
    udpChecksum: [18, flagAttribute],
    udpZeroChecksum6Send: [19, flagAttribute],
    udpZeroChecksum6Receive: [20, flagAttribute],
    groupPolicy: [23, presence],
    external: [25, flagAttribute],
    label: [26, u32beAttribute],
    genericProtocol: [27, presence],
    ttlInherit: [28, presence],
    df: [29, u8Attribute],
    vniFilter: [30, flagAttribute],
  }),
);

/** A Geneve device. */
export interface GeneveDetails extends UdpTunnel {
  innerProtocolInherit?: boolean;
}

const geneve = nested(
  attributes<GeneveDetails>("GENEVE", {
    id: [1, u32Attribute],
    remote: [2, addressAttribute, 7],
    ttl: [3, u8Attribute],
    tos: [4, u8Attribute],
    port: [5, u16beAttribute],
    external: [6, presence],
    udpChecksum: [8, flagAttribute],
    udpZeroChecksum6Send: [9, flagAttribute],
    udpZeroChecksum6Receive: [10, flagAttribute],
    label: [11, u32beAttribute],
    ttlInherit: [12, flagAttribute],
    df: [13, u8Attribute],
    innerProtocolInherit: [14, presence],
  }),
);

/** An XFRM interface. */
export interface XfrmInterfaceDetails {
  link?: number;
  ifId?: number;
  external?: boolean;
}

const xfrmInterface = nested(
  attributes<XfrmInterfaceDetails>("xfrm interface", {
    link: [1, u32Attribute],
    ifId: [2, u32Attribute],
    external: [3, presence],
  }),
);

/** What a virtual link is: its kind, and the details of the kinds that this package knows. */
export interface LinkInfo {
  /** "gre", "gretap", "ip6gre", "ip6gretap", "vxlan", "geneve", "xfrm", "veth", "bridge"… */
  kind: string;
  gre?: GreDetails & WithUnknown;
  vxlan?: VxlanDetails & WithUnknown;
  geneve?: GeneveDetails & WithUnknown;
  xfrm?: XfrmInterfaceDetails & WithUnknown;
  /** Details of other kinds as they came: attributes. */
  raw?: Uint8Array;
}

const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;

/** Which property holds the details of which kind. */
const DETAILS = {
  gre: { gre },
  gretap: { gre },
  ip6gre: { gre },
  ip6gretap: { gre },
  vxlan: { vxlan },
  geneve: { geneve },
  xfrm: { xfrm: xfrmInterface },
} as const;

/** IFLA_LINKINFO: how the details read depends on the kind beside them. */
export const linkInfo: AttributeCodec<LinkInfo> = {
  read(octets, start, end, context, name) {
    const info: LinkInfo = { kind: "" };
    let data: readonly [number, number] | undefined;
    forEachAttribute(octets, start, end, name, (type, from, to) => {
      if (type === IFLA_INFO_KIND) info.kind = kindText.read(octets, from, to, context, "kind") ?? "";
      if (type === IFLA_INFO_DATA) data = [from, to];
    });
    if (data === undefined) return info;
    const [property, codec] = detailsOf(info.kind);
    return { ...info, [property]: codec.read(octets, data[0], data[1], context, info.kind) };
  },
  write(writer, type, info, name) {
    writer.nested(type, name, () => {
      kindText.write(writer, IFLA_INFO_KIND, info.kind, "kind");
      const [property, codec] = detailsOf(info.kind);
      const details = info[property];
      if (details !== undefined) codec.write(writer, IFLA_INFO_DATA, details, property);
    });
  },
};

const kindText = text(64, false);

type Property = Exclude<keyof LinkInfo, "kind">;

function detailsOf(kind: string): readonly [Property, AttributeCodec<unknown>] {
  const known = Object.hasOwn(DETAILS, kind) ? DETAILS[kind as keyof typeof DETAILS] : { raw: octetsAttribute };
  const [entry] = Object.entries(known) as [Property, AttributeCodec<unknown>][];
  return entry ?? ["raw", octetsAttribute as AttributeCodec<unknown>];
}
