/** What an opened ESP packet, or AH, carries: addresses, ports, and the overlay's own header, down to what it carries. */
import { readIp } from "../capture/ip.ts";
import { formatAddress } from "../negotiate/address.ts";
import { type Field, field, hexOf } from "./field.ts";

const protocolNames: Readonly<Record<number, string>> = {
  0: "hop-by-hop options",
  1: "ICMP",
  2: "IGMP",
  4: "IPv4",
  6: "TCP",
  17: "UDP",
  41: "IPv6",
  43: "routing header",
  44: "fragment header",
  47: "GRE",
  50: "ESP",
  51: "AH",
  58: "ICMPv6",
  59: "no next header",
  89: "OSPF",
  103: "PIM",
  108: "IPComp",
  112: "VRRP",
  115: "L2TP",
  132: "SCTP",
  144: "AGGFRAG",
};

/** Overlays within overlays that are followed. */
const maxDepth = 8;

/** A sentence's worth of what is inside, and its fields. */
export interface Inner {
  readonly summary: string;
  readonly fields: readonly Field[];
}

/** An IP protocol's name, or its number. */
export function protocolName(protocol: number): string {
  return protocolNames[protocol] ?? `protocol ${protocol}`;
}

/** What stands behind a next header of that number. */
export function describeInner(protocol: number, octets: Buffer, depth = 0): Inner {
  if (depth > maxDepth) return { summary: "…", fields: [] };
  switch (protocol) {
    case 4:
    case 41:
      return ip(octets, depth);
    case 6:
      return ports("TCP", octets);
    case 17:
      return udp(octets, depth);
    case 47:
      return gre(octets, depth);
    case 1:
    case 58:
      return icmp(protocol, octets);
    case 50:
    case 51:
      return security(protocol, octets);
    default:
      return {
        summary: `${protocolName(protocol)}, ${octets.length} octets`,
        fields: [field("octets", octets.length)],
      };
  }
}

function ip(octets: Buffer, depth: number): Inner {
  const packet = readIp(octets);
  if (packet === undefined) return malformed("IP", octets);
  const [source, destination] = [formatAddress(packet.source), formatAddress(packet.destination)];
  const fragment = packet.fragment;
  const inner =
    fragment === undefined || fragment.offset === 0
      ? describeInner(packet.protocol, packet.payload, depth + 1)
      : { summary: `fragment at ${fragment.offset}`, fields: [] };
  const fields = [
    field("source", source),
    field("destination", destination),
    field("protocol", protocolName(packet.protocol)),
    ...(fragment === undefined ? [] : [field("fragment", `${fragment.id} at ${fragment.offset}`)]),
    ...inner.fields,
  ];
  return {
    summary: `${source} > ${destination}: ${inner.summary}`,
    fields: [field(`IPv${packet.version}`, undefined, fields, packet.version === 4 ? "RFC 791" : "RFC 8200")],
  };
}

function ports(name: string, octets: Buffer): Inner {
  if (octets.length < 8) return malformed(name, octets);
  const [from, to] = [octets.readUInt16BE(0), octets.readUInt16BE(2)];
  return {
    summary: `${name} ${from} > ${to}`,
    fields: [field(name, undefined, [field("source port", from), field("destination port", to)])],
  };
}

function udp(octets: Buffer, depth: number): Inner {
  const plain = ports("UDP", octets);
  if (octets.length < 16) return plain;
  const to = octets.readUInt16BE(2);
  const data = octets.subarray(8);
  const overlay = to === 4789 || to === 8472 ? vxlan(data, depth) : to === 6081 ? geneve(data, depth) : undefined;
  if (overlay === undefined) return plain;
  return { summary: `${plain.summary}, ${overlay.summary}`, fields: [...plain.fields, ...overlay.fields] };
}

/** RFC 7348 5. */
function vxlan(octets: Buffer, depth: number): Inner | undefined {
  if ((octets.readUInt8(0) & 0x08) === 0) return undefined;
  const vni = octets.readUIntBE(4, 3);
  const inner = ethernet(octets.subarray(8), depth);
  return {
    summary: `VXLAN ${vni}, ${inner.summary}`,
    fields: [field("VXLAN", undefined, [field("VNI", vni), ...inner.fields], "RFC 7348 5")],
  };
}

/** RFC 8926 3.4. */
function geneve(octets: Buffer, depth: number): Inner | undefined {
  const optionsLength = (octets.readUInt8(0) & 0x3f) * 4;
  if (octets.readUInt8(0) >> 6 !== 0 || octets.length < 8 + optionsLength) return undefined;
  const vni = octets.readUIntBE(4, 3);
  const inner = byEtherType(octets.readUInt16BE(2), octets.subarray(8 + optionsLength), depth);
  const fields = [field("VNI", vni), field("options", hexOf(octets.subarray(8, 8 + optionsLength))), ...inner.fields];
  return { summary: `Geneve ${vni}, ${inner.summary}`, fields: [field("Geneve", undefined, fields, "RFC 8926 3.4")] };
}

/** RFC 2784 2, with key and sequence number of RFC 2890. */
function gre(octets: Buffer, depth: number): Inner {
  if (octets.length < 4) return malformed("GRE", octets);
  const flags = octets.readUInt16BE(0);
  let at = 4;
  const fields: Field[] = [];
  const word = (bit: number, name: string): number | undefined => {
    if ((flags & bit) === 0 || at + 4 > octets.length) return undefined;
    const value = octets.readUInt32BE(at);
    at += 4;
    fields.push(field(name, value));
    return value;
  };
  word(0x8000, "checksum and offset");
  const key = word(0x2000, "key");
  word(0x1000, "sequence number");
  const inner = byEtherType(octets.readUInt16BE(2), octets.subarray(at), depth);
  return {
    summary: `GRE${key === undefined ? "" : ` key ${key}`}, ${inner.summary}`,
    fields: [field("GRE", undefined, [...fields, ...inner.fields], "RFC 2784 2")],
  };
}

function ethernet(frame: Buffer, depth: number): Inner {
  if (frame.length < 14) return malformed("Ethernet", frame);
  const mac = (at: number) => hexOf(frame.subarray(at, at + 6)).replace(/(..)(?=.)/g, "$1:");
  const inner = byEtherType(frame.readUInt16BE(12), frame.subarray(14), depth);
  const fields = [field("destination", mac(0)), field("source", mac(6)), ...inner.fields];
  return { summary: inner.summary, fields: [field("Ethernet", undefined, fields)] };
}

function byEtherType(type: number, octets: Buffer, depth: number): Inner {
  if (type === 0x0800 || type === 0x86dd) return ip(octets, depth + 1);
  if (type === 0x6558) return ethernet(octets, depth + 1);
  const name = type === 0x0806 ? "ARP" : `EtherType 0x${type.toString(16).padStart(4, "0")}`;
  return { summary: name, fields: [field("payload", `${name}, ${octets.length} octets`)] };
}

const icmpNames: Readonly<Record<string, string>> = {
  "1/0": "echo reply",
  "1/3": "destination unreachable",
  "1/8": "echo request",
  "1/11": "time exceeded",
  "58/1": "destination unreachable",
  "58/2": "packet too big",
  "58/3": "time exceeded",
  "58/128": "echo request",
  "58/129": "echo reply",
  "58/133": "router solicitation",
  "58/134": "router advertisement",
  "58/135": "neighbour solicitation",
  "58/136": "neighbour advertisement",
};

function icmp(protocol: number, octets: Buffer): Inner {
  const name = protocolName(protocol);
  if (octets.length < 4) return malformed(name, octets);
  const type = octets.readUInt8(0);
  const text = icmpNames[`${protocol}/${type}`] ?? `type ${type}`;
  const echo = /echo/.test(text) && octets.length >= 8 ? ` ${octets.readUInt16BE(4)}/${octets.readUInt16BE(6)}` : "";
  return {
    summary: `${name} ${text}${echo}`,
    fields: [field(name, `${text}${echo}`, [field("type", type), field("code", octets.readUInt8(1))])],
  };
}

function security(protocol: number, octets: Buffer): Inner {
  const name = protocolName(protocol);
  const at = protocol === 50 ? 0 : 4;
  if (octets.length < at + 8) return malformed(name, octets);
  const spi = octets.readUInt32BE(at).toString(16).padStart(8, "0");
  const sequence = octets.readUInt32BE(at + 4);
  return {
    summary: `${name} ${spi} #${sequence}`,
    fields: [field(name, undefined, [field("SPI", spi), field("sequence number", sequence)])],
  };
}

function malformed(name: string, octets: Buffer): Inner {
  return { summary: `malformed ${name}`, fields: [field(`malformed ${name}`, hexOf(octets.subarray(0, 64)))] };
}
