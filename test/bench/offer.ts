/** Honest callers who begin at a steady rate, whatever becomes of those before them, and repeat what goes unanswered. */
import type dgram from "node:dgram";
import type { Endpoint } from "../../src/negotiate/address.ts";
import type { Handshake } from "./initiator.ts";
import { median } from "./statistics.ts";

/** What became of them. */
export interface Offered {
  readonly offered: number;
  readonly completed: number;
  /** From the first message to the last, the median; NaN where none was completed. */
  readonly milliseconds: number;
}

/** Waits before the first repetitions, as our own daemon's: 1 s, then 1.4 times as long each time. */
const repeatAfter = 1_000;
const repeatFactor = 1.4;

/** How long after the last was begun they are waited for, in ms. */
const patience = 10_000;

interface Caller {
  readonly handshake: Handshake;
  readonly socket: dgram.Socket;
  readonly begunAt: number;
  repeatAt: number;
  wait: number;
}

/** Has `make` begin `rate` handshakes a second for so many seconds, over the sockets in turn. */
export async function offer(
  target: Endpoint,
  open: readonly dgram.Socket[],
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
  make: (socket: number) => Handshake,
): Promise<Offered> {
  const count = Math.round(rate * seconds);
  const handshakes = Array.from({ length: count }, (_, n) => make(n % open.length));
  const running = new Map<bigint, Caller>();
  const took: number[] = [];
  const begun = performance.now();
  let next = 0;
  const send = ({ handshake, socket }: Caller): void => socket.send(handshake.message, target.port, target.address);
  const receive = (octets: Buffer): void => {
    const one = octets.length < 28 ? undefined : running.get(octets.readBigUInt64BE(0));
    if (one === undefined || octets.readUInt32BE(20) !== one.handshake.message.readUInt32BE(20)) return;
    one.handshake.receive(octets);
    if (one.handshake.state !== "established") {
      [one.wait, one.repeatAt] = [repeatAfter, performance.now() + repeatAfter];
      return send(one);
    }
    running.delete(one.handshake.spi);
    took.push(performance.now() - one.begunAt);
  };
  for (const socket of open) socket.on("message", receive);
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const now = performance.now();
      for (; next < count && next < ((now - begun) / 1000) * rate; next += 1) {
        const handshake = handshakes[next];
        const socket = open[next % open.length];
        if (handshake === undefined || socket === undefined) continue;
        const one = { handshake, socket, begunAt: now, repeatAt: now + repeatAfter, wait: repeatAfter };
        running.set(handshake.spi, one);
        send(one);
      }
      for (const one of running.values()) {
        if (one.repeatAt > now) continue;
        one.wait *= repeatFactor;
        one.repeatAt = now + one.wait;
        send(one);
      }
      if (next < count || (running.size > 0 && now < begun + seconds * 1000 + patience)) return;
      clearInterval(timer);
      resolve();
    }, 2);
  });
  for (const socket of open) socket.removeListener("message", receive);
  return { offered: count, completed: took.length, milliseconds: median(took) };
}
