/** Open sockets that go from one process to another. */
import { AF_INET, AF_INET6, readAddress } from "../codec/address.ts";
import { HOST_LITTLE_ENDIAN, Octets } from "../codec/octets.ts";
import { SystemCallError } from "../errors.ts";
import * as libc from "../socket/libc.ts";

const AF_UNIX = 1;
const SCM_RIGHTS = 1;
/** `struct cmsghdr` on 64 bits: a length of 8 octets, level and type of 4 each. */
const CONTROL_HEAD = 16;

/** The local end of a UDP socket. */
export interface UdpEndpoint {
  readonly address: string;
  readonly port: number;
}

/**
 * A descriptor of our own for what process `pid` has open as `fd` (pidfd_getfd(2), Linux 5.6). Throws SystemCallError: ESRCH,
 * EBADF, EPERM where we may not trace that process.
 */
export function descriptorOf(pid: number, fd: number): number {
  const process = libc.syscall(libc.SYS_PIDFD_OPEN, pid, 0, 0);
  if (process < 0) throw new SystemCallError("pidfd_open", `process ${pid}`, libc.errno());
  try {
    const own = libc.syscall(libc.SYS_PIDFD_GETFD, process, fd, 0);
    if (own < 0) throw new SystemCallError("pidfd_getfd", `descriptor ${fd} of process ${pid}`, libc.errno());
    return own;
  } finally {
    libc.close(process);
  }
}

/** Where a socket is bound; undefined where the descriptor is no IP socket. */
export function udpEndpoint(fd: number): UdpEndpoint | undefined {
  const octets = Octets.alloc(28);
  if (libc.getsockname(fd, octets.bytes, [28]) < 0) return undefined;
  const family = octets.view.getUint16(0, HOST_LITTLE_ENDIAN);
  if (family !== AF_INET && family !== AF_INET6) return undefined;
  const address = readAddress(octets, family === AF_INET6 ? 8 : 4, family);
  return { address, port: octets.view.getUint16(2) };
}

/** A descriptor that no program which is started later inherits. */
export function closeOnExec(fd: number): void {
  if (libc.fcntl(fd, libc.F_SETFD, libc.FD_CLOEXEC) < 0)
    throw new SystemCallError("fcntl", `descriptor ${fd}`, libc.errno());
}

/**
 * One datagram to a UNIX socket (`@` stands for the zero octet of an abstract name), and with it a descriptor, where one
 * is given. Throws SystemCallError.
 */
export function sendWithDescriptor(path: string, text: string, descriptor?: number): void {
  const fd = libc.socket(AF_UNIX, libc.SOCK_DGRAM | libc.SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("socket", "AF_UNIX", libc.errno());
  try {
    const name = unixName(path);
    const octets = Buffer.from(text);
    const control = descriptor === undefined ? null : rights(descriptor);
    const sent = libc.sendmsg(
      fd,
      {
        name,
        nameLength: name.length,
        vectors: [{ base: octets, length: octets.length }],
        vectorCount: 1,
        control,
        controlLength: control?.length ?? 0,
        flags: 0,
      },
      0,
    );
    if (sent < 0) throw new SystemCallError("sendmsg", path, libc.errno());
  } finally {
    libc.close(fd);
  }
}

/** `struct sockaddr_un`, as long as the name in it. */
function unixName(path: string): Uint8Array {
  const text = Buffer.from(path);
  const abstract = path.startsWith("@");
  const octets = Octets.alloc(2 + text.length + (abstract ? 0 : 1));
  octets.view.setUint16(0, AF_UNIX, HOST_LITTLE_ENDIAN);
  const name = octets.bytes;
  name.set(text, 2);
  if (abstract) name[2] = 0;
  return name;
}

/** A control message with one descriptor, padded to 8 octets. */
function rights(descriptor: number): Uint8Array {
  const octets = new Uint8Array(CONTROL_HEAD + 8);
  const view = new DataView(octets.buffer);
  view.setBigUint64(0, BigInt(CONTROL_HEAD + 4), HOST_LITTLE_ENDIAN);
  view.setInt32(8, libc.SOL_SOCKET, HOST_LITTLE_ENDIAN);
  view.setInt32(12, SCM_RIGHTS, HOST_LITTLE_ENDIAN);
  view.setInt32(CONTROL_HEAD, descriptor, HOST_LITTLE_ENDIAN);
  return octets;
}
