/** One UDP socket of IKE, opened before anything is read from it. */
import dgram from "node:dgram";
import type { Endpoint } from "../negotiate/address.ts";
import { familyOf } from "../negotiate/address.ts";
import { bindError, errnoOf } from "./errors.ts";

/** What hears a socket. */
export interface UdpListener {
  message(octets: Uint8Array, remote: Endpoint): void;
  /** The socket broke after it had been opened. */
  failed(errno: string): void;
}

/** A bound socket. Nothing is read before `start`; what arrives until then waits in the kernel's buffer or is lost. */
export interface UdpSocket {
  readonly local: Endpoint;
  start(listener: UdpListener): Promise<void>;
  /** `done` gets the error number's name, or undefined when the datagram has left. */
  send(octets: Uint8Array, remote: Endpoint, done: (errno: string | undefined) => void): void;
  close(): void;
}

/** How a socket is opened. `encapsulation`: the kernel is to take UDP-encapsulated ESP off it. Rejects with TransportError. */
export type OpenUdpSocket = (local: Endpoint, options: { readonly encapsulation: boolean }) => Promise<UdpSocket>;

/** Opens a socket without any IPsec option: for hosts and tests where no policy stands. */
export const openPlainSocket: OpenUdpSocket = async (local) => {
  const socket = createDgram(local);
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => reject(bindError(local, errnoOf(error))));
    socket.bind({ address: local.address, port: local.port, exclusive: true }, resolve);
  });
  socket.setRecvBufferSize(receiveBuffer);
  const bound = socket.address();
  return wrapDgram(socket, { address: local.address, port: bound.port }, async () => undefined);
};

/** A dgram socket of the address's family; IPv6 sockets never take IPv4, they would collide with ours there. */
export function createDgram(local: Endpoint): dgram.Socket {
  return familyOf(local.address) === 4
    ? dgram.createSocket({ type: "udp4" })
    : dgram.createSocket({ type: "udp6", ipv6Only: true });
}

/** Makes a UdpSocket of a dgram socket; `beginReading` is what is left to do before messages come. */
export function wrapDgram(socket: dgram.Socket, local: Endpoint, beginReading: () => Promise<void>): UdpSocket {
  let closed = false;
  return {
    local,
    async start(listener) {
      socket.removeAllListeners("error");
      socket.on("error", (error) => listener.failed(errnoOf(error)));
      socket.on("message", (octets, remote) => {
        // A link-local sender comes with its zone; addresses of ours never carry one.
        const address = remote.address.split("%", 1)[0] ?? remote.address;
        listener.message(octets, { address, port: remote.port });
      });
      await beginReading();
    },
    send(octets, remote, done) {
      if (closed) return done("EBADF");
      socket.send(octets, remote.port, remote.address, (error) => done(error === null ? undefined : errnoOf(error)));
    },
    close() {
      if (closed) return;
      closed = true;
      socket.close();
    },
  };
}

/**
 * Octets; room for some 4,000 first messages while a handshake is computed or memory is tidied up: the kernel counts more
 * than a datagram's own octets. Without CAP_NET_ADMIN net.core.rmem_max caps it.
 */
export const receiveBuffer = 1 << 22;
