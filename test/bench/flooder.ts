/**
 * The flood: first messages from as many loopback addresses as there are sockets, each in a network of its own, that never
 * answer what comes back. To the responder they are spoofed. Loopback targets only.
 */
import dgram from "node:dgram";
import { randomBytes } from "../../src/crypto/secret.ts";
import type { Endpoint } from "../../src/negotiate/address.ts";
import { Handshake } from "./initiator.ts";

export interface FloodRequest {
  readonly target: Endpoint;
  /** First messages in all, and a second. */
  readonly count: number;
  readonly rate: number;
}

const addresses = 1_000;
const tick = 10;

process.on("message", (request: FloodRequest) => {
  void flood(request).then((sent) => process.send?.(sent));
});
process.on("disconnect", () => process.exit());

/** How many were sent. */
async function flood({ target, count, rate }: FloodRequest): Promise<number> {
  if (!target.address.startsWith("127.")) throw new RangeError(`${target.address} is not a loopback address`);
  const sockets = await Promise.all(Array.from({ length: addresses }, (_, n) => openSocket(n)));
  const path = { local: { address: "127.64.0.1", port: 500 }, remote: target };
  const { message } = new Handshake("x25519", "nobody.bench.example", path, false);
  const begun = performance.now();
  let sent = 0;
  while (sent < count) {
    const due = Math.min(count, Math.ceil(((performance.now() - begun) / 1000) * rate));
    for (; sent < due; sent += 1) {
      const octets = Buffer.from(message);
      randomBytes(8).copy(octets, 0);
      // What comes back is never read, so that it costs nobody anything.
      sockets[sent % sockets.length]?.send(octets, target.port, target.address, () => undefined);
    }
    await new Promise((resolve) => setTimeout(resolve, tick));
  }
  for (const socket of sockets) socket.close();
  return sent;
}

async function openSocket(n: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket("udp4");
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.bind({ address: `127.${64 + (n >> 8)}.${n & 255}.1`, port: 0 }, resolve));
  return socket;
}
