import dgram from "node:dgram";
import type { IkePorts } from "../../../src/transport/udp-transport.ts";

/** Two UDP ports that nobody held a moment ago on any of this host's addresses. */
export async function freePorts(): Promise<IkePorts> {
  const sockets = [dgram.createSocket("udp4"), dgram.createSocket("udp4")];
  const ports: number[] = [];
  for (const socket of sockets) {
    await new Promise<void>((resolve) => socket.bind(0, resolve));
    ports.push(socket.address().port);
  }
  for (const socket of sockets) await new Promise<void>((resolve) => socket.close(resolve));
  const [ike = 0, natTraversal = 0] = ports;
  return { ike, natTraversal };
}
