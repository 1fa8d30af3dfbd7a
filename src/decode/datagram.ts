/** From a captured packet to what concerns IPsec in it. */
import { behindExtensions, type IpPacket, readIp } from "../capture/ip.ts";
import { IpFragments } from "../capture/ip-fragments.ts";
import { ipOf } from "../capture/link.ts";
import type { CapturedPacket } from "../capture/packet.ts";
import { readTcp, TcpStreams } from "../capture/tcp-streams.ts";
import { formatAddress } from "../negotiate/address.ts";
import { looksLikeIke } from "./looks-like-ike.ts";

/** Where something was found. */
export interface Path {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** What IKE or ESP is carried in: nothing, UDP or TCP (RFC 3948, RFC 9329). */
  readonly carrier: "ip" | "udp" | "tcp";
}

/** A piece of IPsec. */
export type Found =
  | {
      readonly kind: "ike";
      readonly path: Path;
      readonly octets: Buffer;
      readonly marker: boolean;
      readonly cut: boolean;
    }
  | { readonly kind: "esp"; readonly path: Path; readonly octets: Buffer; readonly cut: boolean }
  | { readonly kind: "ah"; readonly path: Path; readonly packet: Buffer; readonly at: number; readonly cut: boolean }
  | { readonly kind: "keepalive"; readonly path: Path };

const ipProtocol = { tcp: 6, udp: 17, esp: 50, ah: 51 } as const;

/** Finds IPsec in packets; keeps what fragments and streams need, and no more. */
export class Finder {
  readonly #fragments = new IpFragments();
  readonly #streams = new TcpStreams();

  /** Packets that came in IP fragments of which some are missing. */
  get incomplete(): number {
    return this.#fragments.incomplete;
  }

  /** Everything of IPsec in a captured packet. */
  find(packet: CapturedPacket): Found[] {
    const ip = ipOf(packet.linkType, packet.octets);
    if (ip !== undefined) return this.findInIp(ip, packet.time ?? 0);
    // A pasted message without any header around it.
    const bare = packet.time === undefined ? withoutMarker(packet.octets) : undefined;
    if (bare === undefined || !looksLikeIke(bare)) return [];
    const path: Path = { source: "?", destination: "?", carrier: "ip" };
    return [{ kind: "ike", path, octets: bare, marker: bare !== packet.octets, cut: false }];
  }

  /** Everything of IPsec in an IP packet. */
  findInIp(octets: Buffer, time: number): Found[] {
    const ip = readIp(octets);
    if (ip === undefined) return [];
    // A fragment of which the capture has less than was sent is never whole: the first is shown as far as it goes.
    const whole = ip.cut && ip.fragment?.offset === 0 ? ip.payload : this.#fragments.take(ip, time);
    if (whole === undefined) return [];
    if (ip.version === 4 || ip.fragment === undefined) return this.#inPayload(octets, ip, whole);
    // What was cut into fragments begins with the extension headers behind the fragment header (RFC 8200 4.5).
    const { protocol, at } = behindExtensions(whole, ip.protocol, 0);
    return at > whole.length ? [] : this.#inPayload(octets, { ...ip, protocol }, whole.subarray(at));
  }

  #inPayload(octets: Buffer, ip: IpPacket, payload: Buffer): Found[] {
    const path: Path = { source: formatAddress(ip.source), destination: formatAddress(ip.destination), carrier: "ip" };
    const { cut } = ip;
    switch (ip.protocol) {
      case ipProtocol.esp:
        return [{ kind: "esp", path, octets: payload, cut }];
      case ipProtocol.ah: {
        const packet = ip.fragment === undefined ? octets.subarray(0, ip.headerLength + payload.length) : octets;
        return [{ kind: "ah", path, packet, at: ip.headerLength, cut }];
      }
      case ipProtocol.udp:
        return inUdp(path, payload, cut);
      case ipProtocol.tcp:
        return this.#inTcp(path, payload);
      default:
        return [];
    }
  }

  #inTcp(path: Path, octets: Buffer): Found[] {
    const segment = readTcp(octets);
    if (segment === undefined) return [];
    const { sourcePort, destinationPort } = segment;
    const on: Path = { ...path, sourcePort, destinationPort, carrier: "tcp" };
    const key = `${path.source} ${sourcePort} ${path.destination} ${destinationPort}`;
    return this.#streams.take(key, segment).map((message) => marked(on, message, false));
  }
}

function inUdp(path: Path, octets: Buffer, cut: boolean): Found[] {
  if (octets.length < 8) return [];
  const [sourcePort, destinationPort] = [octets.readUInt16BE(0), octets.readUInt16BE(2)];
  const length = octets.readUInt16BE(4);
  const data = octets.subarray(8, length >= 8 ? Math.min(length, octets.length) : octets.length);
  const { source, destination } = path;
  const on: Path = { source, destination, sourcePort, destinationPort, carrier: "udp" };
  const between = (port: number) => sourcePort === port || destinationPort === port;
  if (data.length === 0 && cut && (between(500) || between(4500))) {
    return [{ kind: "ike", path: on, octets: data, marker: false, cut }];
  }
  if (between(500)) return data.length === 0 ? [] : [{ kind: "ike", path: on, octets: data, marker: false, cut }];
  if (between(4500)) {
    if (data.length === 1 && data[0] === 0xff) return [{ kind: "keepalive", path: on }];
    if (looksLikeIke(data)) return [{ kind: "ike", path: on, octets: data, marker: false, cut }];
    return data.length === 0 ? [] : [marked(on, data, cut)];
  }
  const bare = looksLikeIke(data) ? data : withoutMarker(data);
  if (bare === undefined || !looksLikeIke(bare)) return [];
  return [{ kind: "ike", path: on, octets: bare, marker: bare !== data, cut }];
}

/** RFC 3948 2.1, 2.2: IKE stands behind four octets of zeros, which no SPI of ESP is. */
function marked(path: Path, data: Buffer, cut: boolean): Found {
  const bare = withoutMarker(data);
  return bare === undefined || bare === data
    ? { kind: "esp", path, octets: data, cut }
    : { kind: "ike", path, octets: bare, marker: true, cut };
}

function withoutMarker(data: Buffer): Buffer | undefined {
  if (data.length < 4) return undefined;
  return data.readUInt32BE(0) === 0 ? data.subarray(4) : data;
}
