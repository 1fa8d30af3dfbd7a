/** The system calls of the bed: sockets of any kind, in the network namespace of another process. */
import { closeSync, openSync } from "node:fs";
import koffi from "koffi";

const c = koffi.load("libc.so.6");
const setns = c.func("int setns(int, int)");
const sysSocket = c.func("int socket(int, int, int)");
const sysBind = c.func("int bind(int, const void*, uint32_t)");
const sysSetsockopt = c.func("int setsockopt(int, int, int, const void*, uint32_t)");
const sysSendto = c.func("int64_t sendto(int, const void*, size_t, int, const void*, uint32_t)");
const sysRecvfrom = c.func("int64_t recvfrom(int, void*, size_t, int, _Out_ void*, _Inout_ uint32_t*)");
const sysIndex = c.func("uint32_t if_nametoindex(const char*)");
const sysClose = c.func("int close(int)");

const newNetworkNamespace = 0x40000000;
const dontWait = 0x40;

export const af = { inet: 2, inet6: 10, packet: 17 } as const;
export const kind = { datagram: 2, raw: 3 } as const;

/** Runs `action` with this thread in the network namespace of process `pid`; sockets that it opens stay there. */
export function inNamespace<T>(pid: number, action: () => T): T {
  const home = openSync("/proc/self/ns/net", "r");
  const there = openSync(`/proc/${pid}/ns/net`, "r");
  try {
    check("setns", setns(there, newNetworkNamespace));
    return action();
  } finally {
    check("setns home", setns(home, newNetworkNamespace));
    closeSync(there);
    closeSync(home);
  }
}

export function socket(family: number, type: number, protocol: number): number {
  return check("socket", sysSocket(family, type | 0o2000000, protocol));
}

export function bind(fd: number, address: Buffer): void {
  check("bind", sysBind(fd, address, address.length));
}

export function setOption(fd: number, level: number, option: number, value: number): void {
  const octets = Buffer.alloc(4);
  octets.writeInt32LE(value);
  check(`setsockopt ${level} ${option}`, sysSetsockopt(fd, level, option, octets, 4));
}

/** Sends; the error number where the kernel refuses (EPERM is 1), else 0. */
export function sendTo(fd: number, octets: Buffer, address: Buffer): number {
  return Number(sysSendto(fd, octets, octets.length, dontWait, address, address.length)) < 0 ? koffi.errno() : 0;
}

/** One datagram with its sender's address, or undefined where none waits. */
export function receive(fd: number): { readonly octets: Buffer; readonly from: Buffer } | undefined {
  const octets = Buffer.alloc(0x10000);
  const from = Buffer.alloc(28);
  const length = Number(sysRecvfrom(fd, octets, octets.length, dontWait, from, [from.length]));
  return length < 0 ? undefined : { octets: octets.subarray(0, length), from };
}

export function close(fd: number): void {
  sysClose(fd);
}

/** The number of a device of the namespace that this thread is in. */
export function interfaceIndex(device: string): number {
  const index = Number(sysIndex(device));
  if (index === 0) throw new Error(`no device ${device}: error number ${koffi.errno()}`);
  return index;
}

/** `struct sockaddr_in` or `sockaddr_in6`; `octets` is the address. */
export function internetAddress(octets: Uint8Array, port: number): Buffer {
  const v6 = octets.length === 16;
  const address = Buffer.alloc(v6 ? 28 : 16);
  address.writeUInt16LE(v6 ? af.inet6 : af.inet, 0);
  address.writeUInt16BE(port, 2);
  address.set(octets, v6 ? 8 : 4);
  return address;
}

/** `struct sockaddr_ll` of a device, every protocol. */
export function deviceAddress(ifindex: number): Buffer {
  const address = Buffer.alloc(20);
  address.writeUInt16LE(af.packet, 0);
  address.writeUInt16BE(3, 2);
  address.writeInt32LE(ifindex, 4);
  return address;
}

function check(what: string, result: number): number {
  if (result < 0) throw new Error(`${what}: error number ${koffi.errno()}`);
  return result;
}
