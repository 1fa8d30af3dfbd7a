import { readFileSync } from "node:fs";
import type { KernelAnswer, KernelEvent, KernelRequest } from "../../../../src/kernel/port.ts";
import { XfrmKernel } from "../../../../src/kernel/xfrm/xfrm-kernel.ts";
import { addressOctets } from "../../../../src/negotiate/address.ts";
import { NetlinkSocket, XFRM_MSG } from "../../../../src/netlink-xfrm/index.ts";
import type { Machine } from "../../../interop/lab/machine.ts";
import type { Probe, Scope } from "../bed.ts";
import { af, bind, close, inNamespace, internetAddress, kind, receive, sendTo, setOption, socket } from "./libc.ts";

/** A gateway's kernel and sockets. The kernel is opened, and every request made, inside its network namespace. */
export class LinuxHost {
  readonly machine: Machine;
  readonly events: KernelEvent[] = [];
  /** Routes may have been set since the last flush. */
  routed = false;
  readonly #encapsulation = new Map<number, number>();
  #kernel: XfrmKernel | undefined;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  open(): void {
    this.#kernel = inNamespace(this.machine.pid, () => {
      const kernel = new XfrmKernel();
      kernel.onEvent((event) => this.events.push(event));
      return kernel;
    });
  }

  close(): void {
    this.#kernel?.close();
    this.#kernel = undefined;
  }

  async request(request: KernelRequest): Promise<KernelAnswer> {
    const kernel = this.#kernel;
    if (kernel === undefined) throw new Error(`${this.machine.name}: the kernel is closed`);
    this.routed ||= request.kind === "setRoute";
    return await inNamespace(this.machine.pid, () => kernel.request(request));
  }

  /** Removes every SA, larval ones too, and every policy. */
  flush(): void {
    const socket = inNamespace(this.machine.pid, () => NetlinkSocket.xfrm());
    // `struct xfrm_usersa_flush`: protocol 0 is every one.
    const everyProtocol = (writer: { reserve(octets: number): number }) => void writer.reserve(4);
    socket.request({ name: "XFRM_MSG_FLUSHSA", type: XFRM_MSG.flushSa, flags: 0, write: everyProtocol });
    socket.request({ name: "XFRM_MSG_FLUSHPOLICY", type: XFRM_MSG.flushPolicy, flags: 0, write: () => {} });
    socket.close();
  }

  openEncapsulation(port: number): void {
    const fd = inNamespace(this.machine.pid, () => socket(af.inet, kind.datagram, 0));
    const udp = 17;
    const udpEncap = 100;
    const espInUdp = 2;
    setOption(fd, udp, udpEncap, espInUdp);
    bind(fd, internetAddress(addressOctets("0.0.0.0"), port));
    this.#encapsulation.set(port, fd);
  }

  closeEncapsulation(port: number): void {
    const fd = this.#encapsulation.get(port);
    if (fd !== undefined) close(fd);
    this.#encapsulation.delete(port);
  }

  closeAllEncapsulation(): void {
    for (const port of [...this.#encapsulation.keys()]) this.closeEncapsulation(port);
  }

  /** Counts of /proc/net/xfrm_stat. */
  counters(): Map<string, number> {
    const lines = readFileSync(`/proc/${this.machine.pid}/net/xfrm_stat`, "utf8").trim().split("\n");
    return new Map(lines.map((line) => line.trim().split(/\s+/)).map(([name = "", count]) => [name, Number(count)]));
  }
}

/** What sends or receives a probe: a UDP socket, or a raw one for GRE. */
export class ProbeSocket {
  readonly #fd: number;

  constructor(machine: Machine, scope: Scope, own: string, udpPort: number | undefined) {
    const family = scope === "underlay6" ? af.inet6 : af.inet;
    const gre = 47;
    this.#fd = inNamespace(machine.pid, () =>
      udpPort === undefined ? socket(family, kind.raw, gre) : socket(family, kind.datagram, 0),
    );
    bind(this.#fd, internetAddress(addressOctets(own), udpPort ?? 0));
  }

  /** Whether the kernel took it. */
  send(octets: Buffer, destination: string, port: number): boolean {
    return sendTo(this.#fd, octets, internetAddress(addressOctets(destination), port)) === 0;
  }

  /** Whether anything that waits holds the token. */
  got(token: Buffer): boolean {
    for (let waiting = receive(this.#fd); waiting !== undefined; waiting = receive(this.#fd)) {
      if (waiting.octets.includes(token)) return true;
    }
    return false;
  }

  close(): void {
    close(this.#fd);
  }
}

/**
 * The payload of a probe: a GRE header where it is GRE, then the token, then zeroes. The GRE version is one that nobody
 * handles: the kernel drops the packet after the raw socket has had it, and sends no ICMP error about it.
 */
export function probePayload({ scope, udp, octets = 100 }: Probe, token: Buffer): Buffer {
  const ipHeader = scope === "underlay6" ? 40 : 20;
  const payload = Buffer.alloc(octets - ipHeader - (udp === undefined ? 0 : 8));
  const greHeader = 4;
  const unknownVersion = 7;
  if (udp === undefined) payload.writeUInt16BE(unknownVersion, 0);
  token.copy(payload, udp === undefined ? greHeader : 0);
  return payload;
}
