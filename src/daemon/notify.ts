/** Tells systemd that the daemon is ready and alive, where it asks for that, and has it keep sockets (sd_notify(3)). */

import type { Endpoint } from "../negotiate/address.ts";
import {
  closeOnExec,
  closeUdpSocket,
  SystemCallError,
  sendWithDescriptor,
  udpEndpoint,
} from "../netlink-xfrm/index.ts";
import type { KeptSocket, SocketKeeper } from "../transport/kept-sockets.ts";

export interface ServiceManager {
  ready(): void;
  stopping(): void;
  close(): void;
}

/** Does nothing where NOTIFY_SOCKET is not set. The watchdog is fed at half its time, and only while the event loop turns. */
export function serviceManager(environment: NodeJS.ProcessEnv): ServiceManager {
  const path = environment.NOTIFY_SOCKET;
  if (path === undefined) return { ready() {}, stopping() {}, close() {} };
  const microseconds = Number(environment.WATCHDOG_USEC);
  let watchdog: NodeJS.Timeout | undefined;
  return {
    ready() {
      notify(path, "READY=1");
      if (microseconds > 0) watchdog = setInterval(() => notify(path, "WATCHDOG=1"), microseconds / 2000);
    },
    stopping: () => notify(path, "STOPPING=1"),
    close: () => clearInterval(watchdog),
  };
}

/** systemd's store of file descriptors: what is in it outlives the process, and comes back at the next start (sd_listen_fds(3)). */
export class DescriptorStore implements SocketKeeper {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #notifySocket: string;
  /** By name, what the store holds. */
  readonly #stored = new Map<string, number>();

  constructor(environment: NodeJS.ProcessEnv, notifySocket: string) {
    this.#environment = environment;
    this.#notifySocket = notifySocket;
  }

  recover(): readonly number[] {
    const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES = "" } = this.#environment;
    // What is meant for another process is none of ours; and no child of ours is to take it for its own.
    for (const name of ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]) delete this.#environment[name];
    const count = Number(LISTEN_PID) === process.pid ? Number(LISTEN_FDS) : 0;
    const names = LISTEN_FDNAMES.split(":");
    const descriptors = Array.from({ length: count }, (_, i) => firstListened + i);
    for (const [i, descriptor] of descriptors.entries()) {
      closeOnExec(descriptor);
      this.#stored.set(names[i] ?? "", descriptor);
    }
    return descriptors;
  }

  keep(sockets: readonly KeptSocket[]): void {
    const wanted = new Map(sockets.map(({ local, descriptor }) => [storeName(local), descriptor]));
    for (const [name, descriptor] of this.#stored) {
      if (wanted.get(name) === descriptor) continue;
      notify(this.#notifySocket, `FDSTOREREMOVE=1\nFDNAME=${name}`);
      this.#stored.delete(name);
    }
    for (const [name, descriptor] of wanted) {
      if (this.#stored.has(name)) continue;
      notify(this.#notifySocket, `FDSTORE=1\nFDNAME=${name}`, descriptor);
      this.#stored.set(name, descriptor);
    }
  }
}

/** Where a recovered descriptor is bound; closed, and undefined, where it is no UDP socket. */
export function recoveredEndpoint(descriptor: number): Endpoint | undefined {
  const endpoint = udpEndpoint(descriptor);
  if (endpoint === undefined) closeUdpSocket(descriptor);
  return endpoint;
}

/** Failing to tell is no reason to stop: systemd judges by its own timeouts. */
function notify(path: string, text: string, descriptor?: number): void {
  try {
    sendWithDescriptor(path, text, descriptor);
  } catch (error) {
    if (!(error instanceof SystemCallError)) throw error;
  }
}

/** A name has no colon in it (sd_pid_notify_with_fds(3)). */
function storeName({ address, port }: Endpoint): string {
  return `udp-${port}-${address.replaceAll(":", "_")}`;
}

/** SD_LISTEN_FDS_START. */
const firstListened = 3;
