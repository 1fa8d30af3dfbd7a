/** What a frame on the wire between the gateways is. Everything that no other name fits is `other`. */
export const frameKinds = [
  "esp",
  "esp-in-udp",
  "ah",
  "ike",
  "nat-keepalive",
  "arp",
  "neighbour-discovery",
  "multicast-listener",
  "icmp-error-about-ipsec",
  "other",
] as const;

/** One of the kinds of frame. */
export type FrameKind = (typeof frameKinds)[number];

/** What may cross where everything is protected. An ICMP error that quotes an IPsec packet has to be allowed by name. */
export const protectedKinds: readonly FrameKind[] = [
  "esp",
  "esp-in-udp",
  "ah",
  "ike",
  "nat-keepalive",
  "arp",
  "neighbour-discovery",
  "multicast-listener",
];

/** The same where a daemon has stopped: the kernel answers a peer that still calls it with an error that quotes IKE. */
export const kindsAfterStop: readonly FrameKind[] = [...protectedKinds, "icmp-error-about-ipsec"];

const protocol = {
  icmp: 1,
  igmp: 2,
  udp: 17,
  esp: 50,
  ah: 51,
  icmp6: 58,
  hopByHop: 0,
  destination: 60,
  fragment: 44,
} as const;
const icmp4Errors = [3, 4, 5, 11, 12];
const icmp6Errors = [1, 2, 3, 4];
const multicastListener = [130, 131, 132, 143];
const neighbourDiscovery = [133, 134, 135, 136, 137];

/** Says of each Ethernet frame what it is; later fragments are what their first fragment was, so order matters. */
export class FrameClassifier {
  readonly #firstFragments = new Map<string, FrameKind>();

  /** The kind of an Ethernet frame, of which the first 128 octets suffice. */
  classify(frame: Buffer): FrameKind {
    if (frame.length < 14) return "other";
    const type = frame.readUInt16BE(12);
    if (type === 0x0806) return "arp";
    if (type === 0x0800) return this.#ipv4(frame.subarray(14));
    if (type === 0x86dd) return this.#ipv6(frame.subarray(14));
    return "other";
  }

  #ipv4(packet: Buffer): FrameKind {
    if (packet.length < 20) return "other";
    const header = (packet.readUInt8(0) & 15) * 4;
    const fragmentWord = packet.readUInt16BE(6);
    const number = packet.readUInt8(9);
    if ((fragmentWord & 0x3fff) === 0) return this.#upper(number, packet.subarray(header));
    const key = `4 ${number} ${packet.toString("hex", 12, 20)} ${packet.readUInt16BE(4)}`;
    return this.#fragment(key, fragmentWord & 0x1fff, number, packet.subarray(header));
  }

  #ipv6(packet: Buffer): FrameKind {
    if (packet.length < 40) return "other";
    let next = packet.readUInt8(6);
    let rest = packet.subarray(40);
    while ((next === protocol.hopByHop || next === protocol.destination) && rest.length >= 8) {
      next = rest.readUInt8(0);
      rest = rest.subarray((rest.readUInt8(1) + 1) * 8);
    }
    if (next !== protocol.fragment || rest.length < 8) return this.#upper(next, rest);
    const key = `6 ${rest.readUInt8(0)} ${packet.toString("hex", 8, 40)} ${rest.readUInt32BE(4)}`;
    return this.#fragment(key, rest.readUInt16BE(2) >> 3, rest.readUInt8(0), rest.subarray(8));
  }

  #fragment(key: string, offset: number, number: number, payload: Buffer): FrameKind {
    if (offset > 0 && number !== protocol.esp && number !== protocol.ah) {
      return this.#firstFragments.get(key) ?? "other";
    }
    const kind = this.#upper(number, payload);
    if (offset === 0) this.#firstFragments.set(key, kind);
    return kind;
  }

  #upper(number: number, payload: Buffer): FrameKind {
    if (number === protocol.esp) return "esp";
    if (number === protocol.ah) return "ah";
    if (number === protocol.igmp) return "multicast-listener";
    if (number === protocol.udp) return udpKind(payload);
    if (number === protocol.icmp) return this.#icmp(payload, icmp4Errors, (quoted) => this.#ipv4(quoted));
    if (number !== protocol.icmp6 || payload.length < 1) return "other";
    if (neighbourDiscovery.includes(payload.readUInt8(0))) return "neighbour-discovery";
    if (multicastListener.includes(payload.readUInt8(0))) return "multicast-listener";
    return this.#icmp(payload, icmp6Errors, (quoted) => this.#ipv6(quoted));
  }

  #icmp(payload: Buffer, errors: readonly number[], quotedKind: (quoted: Buffer) => FrameKind): FrameKind {
    if (payload.length < 8 || !errors.includes(payload.readUInt8(0))) return "other";
    const quoted = quotedKind(payload.subarray(8));
    return quoted === "other" ? "other" : "icmp-error-about-ipsec";
  }
}

/** RFC 3948 section 2: on port 4500 four zero octets mark IKE, one 0xff octet is a keepalive, the rest is ESP. */
function udpKind(datagram: Buffer): FrameKind {
  if (datagram.length < 9) return "other";
  const ports = [datagram.readUInt16BE(0), datagram.readUInt16BE(2)];
  const length = datagram.readUInt16BE(4) - 8;
  if (ports.includes(500)) return isIke(datagram.subarray(8), length) ? "ike" : "other";
  if (!ports.includes(4500)) return "other";
  if (length === 1) return datagram.readUInt8(8) === 0xff ? "nat-keepalive" : "other";
  if (datagram.length < 12 || length < 8) return "other";
  if (datagram.readUInt32BE(8) !== 0) return "esp-in-udp";
  return isIke(datagram.subarray(12), length - 4) ? "ike" : "other";
}

/** RFC 7296 section 3.1: the major version and the total length, so that not just anything may use the port. */
function isIke(message: Buffer, length: number): boolean {
  if (message.length < 28) return false;
  const major = message.readUInt8(17) >> 4;
  return (major === 1 || major === 2) && message.readUInt32BE(24) === length;
}
