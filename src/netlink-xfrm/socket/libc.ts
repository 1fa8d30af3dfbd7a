import koffi from "koffi";

const libc = koffi.load(null);

/** Declares a libc function once; `koffi` checks the number of arguments, the type here the rest. */
function declare<F extends (...args: never[]) => unknown>(prototype: string): F {
  return libc.func(prototype) as unknown as F;
}

export const socket = declare<(domain: number, type: number, protocol: number) => number>(
  "int socket(int domain, int type, int protocol)",
);
export const bind = declare<(fd: number, address: Uint8Array, length: number) => number>(
  "int bind(int fd, const void *address, uint32_t length)",
);
export const connect = declare<(fd: number, address: Uint8Array, length: number) => number>(
  "int connect(int fd, const void *address, uint32_t length)",
);
export const send = declare<(fd: number, octets: Uint8Array, length: number, flags: number) => number>(
  "int64_t send(int fd, const void *octets, size_t length, int flags)",
);
export const recv = declare<(fd: number, octets: Uint8Array, length: number, flags: number) => number>(
  "int64_t recv(int fd, void *octets, size_t length, int flags)",
);
export const setsockopt = declare<
  (fd: number, level: number, option: number, value: Uint8Array, length: number) => number
>("int setsockopt(int fd, int level, int option, const void *value, uint32_t length)");
export const getsockname = declare<(fd: number, address: Uint8Array, length: number[]) => number>(
  "int getsockname(int fd, void *address, _Inout_ uint32_t *length)",
);
export const fcntl = declare<(fd: number, command: number, value: number) => number>(
  "int fcntl(int fd, int command, int value)",
);
/** For calls that libc has no function for; the numbers are the same on every architecture since Linux 5.1. */
export const syscall = declare<(number: number, a: number, b: number, c: number) => number>(
  "int64_t syscall(int64_t number, int64_t a, int64_t b, int64_t c)",
);

const vector = koffi.struct("iovec", { base: "void *", length: "size_t" });
koffi.struct("msghdr", {
  name: "void *",
  nameLength: "uint32_t",
  vectors: koffi.pointer(vector),
  vectorCount: "size_t",
  control: "void *",
  controlLength: "size_t",
  flags: "int",
});

/** `struct msghdr` of sendmsg(2), with one vector. */
export interface MessageHead {
  readonly name: Uint8Array | null;
  readonly nameLength: number;
  readonly vectors: readonly { readonly base: Uint8Array; readonly length: number }[];
  readonly vectorCount: number;
  readonly control: Uint8Array | null;
  readonly controlLength: number;
  readonly flags: number;
}

export const sendmsg = declare<(fd: number, head: MessageHead, flags: number) => number>(
  "int64_t sendmsg(int fd, const msghdr *head, int flags)",
);
export const close = declare<(fd: number) => number>("int close(int fd)");

/** The error number that the last call of this thread left. */
export const errno = (): number => koffi.errno();

export const SYS_PIDFD_OPEN = 434;
export const SYS_PIDFD_GETFD = 438;
export const F_SETFD = 2;
export const FD_CLOEXEC = 1;

export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0o2000000;
export const SOCK_NONBLOCK = 0o4000;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_RCVBUF = 8;
export const SO_RCVTIMEO = 20;
export const SO_RCVBUFFORCE = 33;

export const EINTR = 4;
export const EAGAIN = 11;
export const ENOBUFS = 105;
export const ETIMEDOUT = 110;
