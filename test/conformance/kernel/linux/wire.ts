import type { Machine } from "../../../interop/lab/machine.ts";
import type { End } from "../bed.ts";
import { af, bind, close, deviceAddress, inNamespace, interfaceIndex, kind, receive, sendTo, socket } from "./libc.ts";

/** An IP packet that an end put on the wire. */
export interface WirePacket {
  readonly from: End;
  /** The Ethernet frame. */
  readonly frame: Buffer;
  /** Present for ESP, AH and ESP in UDP. */
  readonly spi?: number;
}

/** Sees every frame that enters the bridge between the gateways, and can put frames on it. */
export class Wire {
  readonly #ports: Readonly<Record<End, { readonly fd: number; readonly ifindex: number }>>;

  constructor(middle: Machine) {
    this.#ports = inNamespace(middle.pid, () => ({ a: openPort("port-a"), b: openPort("port-b") }));
  }

  /** What has entered since the last time it was asked. */
  take(): WirePacket[] {
    return (["a", "b"] as const).flatMap((from) => {
      const packets: WirePacket[] = [];
      for (let got = receive(this.#ports[from].fd); got !== undefined; got = receive(this.#ports[from].fd)) {
        const outgoing = 4;
        if (got.from[10] !== outgoing) packets.push(readFrame(from, got.octets));
      }
      return packets;
    });
  }

  /** Sends a frame out of the bridge towards an end. */
  inject(towards: End, frame: Buffer): void {
    const { fd, ifindex } = this.#ports[towards];
    const errno = sendTo(fd, frame, deviceAddress(ifindex));
    if (errno !== 0) throw new Error(`injecting a frame towards ${towards}: error number ${errno}`);
  }

  close(): void {
    for (const { fd } of Object.values(this.#ports)) close(fd);
  }
}

/** Whether a packet is IP and neither neighbour discovery nor multicast listener discovery. */
export function isTraffic({ frame }: WirePacket): boolean {
  const ethertype = frame.readUInt16BE(12);
  if (ethertype === 0x0800) return true;
  if (ethertype !== 0x86dd) return false;
  const [nextHeader, type = 0] = [frame[20], frame[54]];
  const hopByHop = 0;
  const icmp6 = 58;
  return nextHeader !== hopByHop && !(nextHeader === icmp6 && type >= 130);
}

/** A frame of UDP over IPv4 as if from another source port; the checksum 0 says that there is none. */
export function withSourcePort(frame: Buffer, port: number): Buffer {
  const changed = Buffer.from(frame);
  const udp = 14 + ((frame[14] ?? 0) & 0x0f) * 4;
  changed.writeUInt16BE(port, udp);
  changed.writeUInt16BE(0, udp + 6);
  return changed;
}

/** In the namespace of the bridge. */
function openPort(device: string): { fd: number; ifindex: number } {
  const everyProtocol = 0x0300;
  const fd = socket(af.packet, kind.raw, everyProtocol);
  const ifindex = interfaceIndex(device);
  bind(fd, deviceAddress(ifindex));
  return { fd, ifindex };
}

function readFrame(from: End, frame: Buffer): WirePacket {
  const spi = spiOf(frame);
  return spi === undefined ? { from, frame } : { from, frame, spi };
}

function spiOf(frame: Buffer): number | undefined {
  const ethertype = frame.readUInt16BE(12);
  const v4 = ethertype === 0x0800;
  if (!v4 && ethertype !== 0x86dd) return undefined;
  const protocol = frame[v4 ? 23 : 20];
  const payload = v4 ? 14 + ((frame[14] ?? 0) & 0x0f) * 4 : 54;
  if (protocol === 50) return frame.readUInt32BE(payload);
  if (protocol === 51) return frame.readUInt32BE(payload + 4);
  if (protocol !== 17 || frame.length < payload + 12) return undefined;
  const spi = frame.readUInt32BE(payload + 8);
  const port = 4500;
  const encapsulated = frame.readUInt16BE(payload) === port || frame.readUInt16BE(payload + 2) === port;
  return encapsulated && spi !== 0 ? spi : undefined;
}
