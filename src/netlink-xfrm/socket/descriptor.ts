import { HOST_LITTLE_ENDIAN } from "../codec/octets.ts";
import { SystemCallError } from "../errors.ts";
import * as libc from "./libc.ts";

/** Netlink families. */
export const NETLINK_ROUTE = 0;
export const NETLINK_XFRM = 6;

const AF_NETLINK = 16;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

/** A number as the kernel's `int`. */
export function intOctets(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setInt32(0, value, HOST_LITTLE_ENDIAN);
  return octets;
}

/** Sets a socket option; a refusal throws SystemCallError with `what` in it. */
export function setOption(fd: number, level: number, option: number, value: Uint8Array, what: string): void {
  if (libc.setsockopt(fd, level, option, value, value.length) < 0) {
    throw new SystemCallError("setsockopt", what, libc.errno());
  }
}

/** Sets the receive buffer in octets: beyond the system's limit where CAP_NET_ADMIN allows it, else up to it. */
export function setReceiveBuffer(fd: number, size: number): void {
  const value = intOctets(size);
  if (libc.setsockopt(fd, libc.SOL_SOCKET, libc.SO_RCVBUFFORCE, value, 4) < 0) {
    setOption(fd, libc.SOL_SOCKET, libc.SO_RCVBUF, value, "SO_RCVBUF");
  }
}

/**
 * Opens a netlink socket that hears only the kernel: it is connected to port 0, so the kernel itself turns away what
 * another process would send to it.
 */
export function openNetlink(protocol: number, options: { readonly nonBlocking: boolean }): number {
  const type = libc.SOCK_RAW | libc.SOCK_CLOEXEC | (options.nonBlocking ? libc.SOCK_NONBLOCK : 0);
  const fd = libc.socket(AF_NETLINK, type, protocol);
  if (fd < 0) throw new SystemCallError("socket", `AF_NETLINK protocol ${protocol}`, libc.errno());
  try {
    const address = new Uint8Array(12);
    new DataView(address.buffer).setUint16(0, AF_NETLINK, HOST_LITTLE_ENDIAN);
    if (libc.bind(fd, address, address.length) < 0) throw new SystemCallError("bind", "AF_NETLINK", libc.errno());
    if (libc.connect(fd, address, address.length) < 0) throw new SystemCallError("connect", "AF_NETLINK", libc.errno());
    const on = intOctets(1);
    setOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, on, "NETLINK_CAP_ACK");
    setOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, on, "NETLINK_EXT_ACK");
    // rtnetlink then filters dumps by what the request's head says, and refuses what it does not understand.
    setOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, on, "NETLINK_GET_STRICT_CHK");
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Joins a multicast group by its number. */
export function joinGroup(fd: number, group: number): void {
  setOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, intOctets(group), `NETLINK_ADD_MEMBERSHIP ${group}`);
}

/** Gives blocking receives an end: a lost answer must not freeze the process. */
export function setReceiveTimeout(fd: number, milliseconds: number): void {
  // struct timeval of a 64-bit kernel: seconds and microseconds, 64 bits each.
  const value = new Uint8Array(16);
  const view = new DataView(value.buffer);
  view.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), HOST_LITTLE_ENDIAN);
  view.setBigInt64(8, BigInt((milliseconds % 1000) * 1000), HOST_LITTLE_ENDIAN);
  setOption(fd, libc.SOL_SOCKET, libc.SO_RCVTIMEO, value, "SO_RCVTIMEO");
}
