/** IKE's own sockets on a host with policies: exempt from all of them, and open to UDP-encapsulated ESP (RFC 3948). */
import type { Endpoint } from "../negotiate/address.ts";
import {
  closeUdpSocket,
  openUdpSocket,
  renewUdpSocket,
  SystemCallError,
  type UdpSocketOptions,
} from "../netlink-xfrm/index.ts";
import { bindError, errnoOf, exemptionError } from "./errors.ts";
import type { KeptSockets } from "./kept-sockets.ts";
import { createDgram, type OpenUdpSocket, receiveBuffer, type UdpSocket, wrapDgram } from "./udp-socket.ts";

/**
 * What opens such sockets; without the exemption the locks would stop IKE itself, so that is an error. Those that take
 * encapsulated ESP are kept beyond this process, and taken over from a former one: between the two, ESP goes on. Without
 * `kept` they end with it.
 */
export function exemptSockets(kept?: KeptSockets): OpenUdpSocket {
  return async (local, { encapsulation }) => {
    const fd = openDescriptor(local, encapsulation, encapsulation ? kept?.take(local) : undefined);
    if (encapsulation) kept?.keep(local, fd);
    const dgram = createDgram(local);
    let handedOver = false;
    const socket = wrapDgram(dgram, local, async () => {
      handedOver = true;
      await new Promise<void>((resolve, reject) => {
        dgram.once("error", (error) => reject(bindError(local, errnoOf(error))));
        dgram.bind({ fd, exclusive: true }, resolve);
      });
    });
    const close = (): void => {
      if (encapsulation) kept?.forget(local);
      if (!handedOver) closeUdpSocket(fd);
      socket.close();
    };
    return { ...socket, close } satisfies UdpSocket;
  };
}

function openDescriptor(local: Endpoint, encapsulation: boolean, left: number | undefined): number {
  const options: UdpSocketOptions = {
    address: local.address,
    port: local.port,
    bypassPolicies: true,
    espInUdp: encapsulation,
    receiveBuffer,
  };
  try {
    if (left === undefined) return openUdpSocket(options);
    renewUdpSocket(left, options);
    return left;
  } catch (error) {
    // It would hold the port against the next try.
    if (left !== undefined) closeUdpSocket(left);
    if (!(error instanceof SystemCallError)) throw error;
    if (error.syscall === "setsockopt") throw exemptionError(local, error.message);
    throw bindError(local, error.code);
  }
}
