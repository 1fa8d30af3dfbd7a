import { AF_INET, AF_INET6, familyOf, writeAddress } from "../codec/address.ts";
import { MessageWriter } from "../codec/message-writer.ts";
import { HOST_LITTLE_ENDIAN, Octets } from "../codec/octets.ts";
import { InvalidValueError, SystemCallError } from "../errors.ts";
import { intOctets, setOption, setReceiveBuffer } from "../socket/descriptor.ts";
import * as libc from "../socket/libc.ts";
import { policyInfo } from "../xfrm/structs.ts";
import { udpEndpoint } from "./handover.ts";

const IPPROTO_IP = 0;
const IPPROTO_UDP = 17;
const IPPROTO_IPV6 = 41;
const IP_MTU_DISCOVER = 10;
const IP_XFRM_POLICY = 17;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
const IPV6_XFRM_POLICY = 35;
/** Never sets DF and never lowers the size: large IKE messages may be fragmented by IP. */
const PMTUDISC_DONT = 0;
const UDP_ENCAP = 100;
const UDP_ENCAP_ESPINUDP = 2;

/** What kind of UDP socket. */
export interface UdpSocketOptions {
  /** Local address; it decides the family. "0.0.0.0" and "::" are every address of theirs (IPv6 sockets never take IPv4). */
  readonly address: string;
  /** Local port; 0 lets the kernel choose. */
  readonly port: number;
  /** Lets another socket of the same address and port be bound; false when left out, so that a second daemon is noticed. */
  readonly reuseAddress?: boolean;
  /** Exempts the socket from every policy, in and out (IP_XFRM_POLICY); needs CAP_NET_ADMIN. */
  readonly bypassPolicies?: boolean;
  /** Lets the kernel take ESP packets that arrive (RFC 3948): UDP_ENCAP; needs XFRM in the kernel. */
  readonly espInUdp?: boolean;
  /** Octets of the receive buffer. */
  readonly receiveBuffer?: number;
}

/**
 * Makes and binds a UDP socket whose number goes to `dgram.createSocket({type}).bind({fd, exclusive: true})`, which then
 * owns it. Throws SystemCallError with the option or address that was refused: EADDRINUSE, EACCES, EPERM, EADDRNOTAVAIL.
 */
export function openUdpSocket(options: UdpSocketOptions): number {
  const family = familyOf(options.address);
  const address = socketAddress(options.address, options.port);
  const type = libc.SOCK_DGRAM | libc.SOCK_CLOEXEC | libc.SOCK_NONBLOCK;
  const fd = libc.socket(family, type, IPPROTO_UDP);
  if (fd < 0) throw new SystemCallError("socket", `UDP of family ${family}`, libc.errno());
  try {
    configure(fd, family, options);
    // Last: no packet is taken before the socket is as it should be.
    if (libc.bind(fd, address, address.length) < 0) {
      throw new SystemCallError("bind", `UDP ${options.address} port ${options.port}`, libc.errno());
    }
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** The same options on a socket of this address and port that is open already. Throws SystemCallError. */
export function renewUdpSocket(fd: number, options: UdpSocketOptions): void {
  configure(fd, familyOf(options.address), options);
}

/** Closes a socket that `dgram` does not own (yet). */
export function closeUdpSocket(fd: number): void {
  libc.close(fd);
}

function configure(fd: number, family: number, options: UdpSocketOptions): void {
  const on = intOctets(1);
  if (family === AF_INET6 && boundPort(fd) === 0) setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, on, "IPV6_V6ONLY");
  if (options.reuseAddress === true) setOption(fd, libc.SOL_SOCKET, libc.SO_REUSEADDR, on, "SO_REUSEADDR");
  if (options.receiveBuffer !== undefined) setReceiveBuffer(fd, options.receiveBuffer);
  const never = intOctets(PMTUDISC_DONT);
  if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, never, "IPV6_MTU_DISCOVER");
  else setOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, never, "IP_MTU_DISCOVER");
  if (options.bypassPolicies === true) bypassPolicies(fd, family);
  if (options.espInUdp === true) {
    setOption(fd, IPPROTO_UDP, UDP_ENCAP, intOctets(UDP_ENCAP_ESPINUDP), "UDP_ENCAP");
  }
}

/** 0 while it is not bound: a socket that is takes IPV6_V6ONLY no more, and has it. */
function boundPort(fd: number): number {
  return udpEndpoint(fd)?.port ?? 0;
}

/** A policy of the socket's own that allows everything goes before every other. */
function bypassPolicies(fd: number, family: number): void {
  for (const direction of ["in", "out"] as const) {
    const writer = new MessageWriter(256);
    writer.put(policyInfo, { selector: { family }, direction, action: "allow" }, "socket policy");
    const octets = writer.octets.slice(0, writer.length);
    if (family === AF_INET6) setOption(fd, IPPROTO_IPV6, IPV6_XFRM_POLICY, octets, `IPV6_XFRM_POLICY ${direction}`);
    else setOption(fd, IPPROTO_IP, IP_XFRM_POLICY, octets, `IP_XFRM_POLICY ${direction}`);
  }
}

/** `struct sockaddr_in` (16 octets) or `sockaddr_in6` (28). */
function socketAddress(address: string, port: number): Uint8Array {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) throw new InvalidValueError("port", port, "0 to 65535");
  const octets = Octets.alloc(28);
  const family = writeAddress(octets, familyOf(address) === AF_INET6 ? 8 : 4, address, "address");
  octets.view.setUint16(0, family, HOST_LITTLE_ENDIAN);
  octets.view.setUint16(2, port);
  return octets.slice(0, family === AF_INET ? 16 : 28);
}
