/** IKE's own sockets on a host with policies: exempt from all of them, and open to UDP-encapsulated ESP (RFC 3948). */
import { closeUdpSocket, openUdpSocket, SystemCallError } from "../netlink-xfrm/index.ts";
import { bindError, errnoOf, exemptionError } from "./errors.ts";
import { createDgram, type OpenUdpSocket, receiveBuffer, type UdpSocket, wrapDgram } from "./udp-socket.ts";

/** Opens such a socket; without the exemption the locks would stop IKE itself, so that is an error. */
export const openExemptSocket: OpenUdpSocket = async (local, { encapsulation }) => {
  const fd = openDescriptor(local, encapsulation);
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
    if (!handedOver) closeUdpSocket(fd);
    socket.close();
  };
  return { ...socket, close } satisfies UdpSocket;
};

function openDescriptor(local: Parameters<OpenUdpSocket>[0], encapsulation: boolean): number {
  try {
    return openUdpSocket({
      address: local.address,
      port: local.port,
      bypassPolicies: true,
      espInUdp: encapsulation,
      receiveBuffer,
    });
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
    if (error.syscall === "setsockopt") throw exemptionError(local, error.message);
    throw bindError(local, error.code);
  }
}
