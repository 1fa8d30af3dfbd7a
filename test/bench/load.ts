/** The load generator: a process that opens IKE SAs over UDP with a bounded number under way. Loopback targets only. */
import dgram from "node:dgram";
import { formatEndpoint, type Path } from "../../src/sa/path.ts";
import { Ikev1Handshake } from "./ikev1-initiator.ts";
import { Handshake } from "./initiator.ts";
import type { LoadAnswer, LoadRequest, Sources } from "./load-messages.ts";
import { offer } from "./offer.ts";
import { Rekeyer } from "./rekeyer.ts";
import { Signer } from "./signer.ts";

/** Handshakes under way at a time: enough to keep a responder busy, too few to make it ask for cookies. */
const concurrency = 16;
const countLimit = 50_000;
const secondsLimit = 300;
const retransmitAfter = 2_000;
const triesLimit = 4;
const probeEvery = 2;

/** What goes on over some exchanges: it says what to send, takes what comes, and is over in a state that its caller knows. */
interface Work {
  readonly spi: bigint;
  readonly message: Buffer;
  readonly state: string;
  /** What is sent when it is over, which nobody answers. */
  readonly last?: Buffer | undefined;
  receive(octets: Buffer): void;
}

interface Running {
  readonly work: Work;
  readonly socket: dgram.Socket;
  sentAt: number;
  tries: number;
}

/** Those of IKEv1, whose deletion nobody answers. */
const keptIkev1: { readonly work: Ikev1Handshake; readonly socket: number }[] = [];
const kept: { readonly work: Handshake; readonly socket: number }[] = [];
/** The same IKE SAs from their first rekeying on, each beside its place in `kept`. */
const rekeyers = new Map<Handshake, Rekeyer>();
const sockets = new Map<string, Promise<readonly dgram.Socket[]>>();
let tunnels = 0;

process.on("message", (request: LoadRequest) => {
  answer(request).then(reply, (error: unknown) =>
    reply({ kind: "failed", message: error instanceof Error ? error.message : String(error) }),
  );
});
process.on("disconnect", () => process.exit());

function reply(message: LoadAnswer): void {
  process.send?.(message);
}

async function answer(request: LoadRequest): Promise<LoadAnswer> {
  if (!request.target.address.startsWith("127."))
    throw new RangeError(`${request.target.address} is not a loopback address: the bench loads nobody else`);
  const open = await openSockets(request.sources);
  if (request.kind === "probe") return await probe(request, open);
  if (request.kind === "delete") {
    const ending = kept.splice(0);
    for (const { work, socket } of keptIkev1.splice(0))
      open[socket]?.send(work.farewell(), request.target.port, request.target.address);
    let next = 0;
    return await run(request, open, ending.length, "deleted", () => {
      const one = ending[next++];
      if (one === undefined) throw new RangeError("nothing is left to delete");
      one.work.delete();
      return one;
    });
  }
  if (request.kind === "offer") {
    const make = (socket: number) => new Handshake("x25519", nextIdentity(), pathTo(request, socket), false, true);
    return { kind: "offered", ...(await offer(request.target, open, request, make)) };
  }
  if (request.kind === "rekey") return await rekey(request, open);
  if (request.kind === "establish-ikev1") return await establishIkev1(request, open);
  const { count, keep, signature } = request;
  if (count > countLimit) throw new RangeError(`${count} tunnels are more than ${countLimit}`);
  const signer = signature === undefined ? undefined : await Signer.read(signature.folder, signature.name);
  // All first messages are made beforehand: a responder that waits for its initiator pays for waking up again and again.
  const prepared = Array.from({ length: count }, () => {
    const socket = tunnels % open.length;
    return { work: begin(request, socket, signer), socket };
  });
  if (keep) kept.push(...prepared);
  let next = 0;
  return await run(request, open, count, "established", () => {
    const one = prepared[next++];
    if (one === undefined) throw new RangeError("nothing is left to establish");
    return one;
  });
}

async function establishIkev1(
  request: Extract<LoadRequest, { kind: "establish-ikev1" }>,
  open: readonly dgram.Socket[],
): Promise<LoadAnswer> {
  if (request.count > open.length) throw new RangeError(`${request.count} tunnels need as many addresses`);
  const prepared = Array.from({ length: request.count }, (_, socket) => {
    return { work: new Ikev1Handshake(nextIdentity(), pathTo(request, socket)), socket };
  });
  keptIkev1.push(...prepared);
  const left = [...prepared];
  return await run(request, open, request.count, "established", () => {
    const one = left.shift();
    if (one === undefined) throw new RangeError("nothing is left to establish");
    return one;
  });
}

/** Each IKE SA is busy with one at a time, so that as many are under way as there are, up to `concurrency`. */
async function rekey(
  request: Extract<LoadRequest, { kind: "rekey" }>,
  open: readonly dgram.Socket[],
): Promise<LoadAnswer> {
  const idle: { readonly work: Rekeyer; readonly socket: number }[] = kept.map(({ work, socket }) => {
    const rekeyer = rekeyers.get(work) ?? new Rekeyer(work.established());
    rekeyers.set(work, rekeyer);
    return { work: rekeyer, socket };
  });
  if (idle.length < concurrency) throw new RangeError(`rekeying needs ${concurrency} tunnels that stand`);
  const busy = new Map<Work, (typeof idle)[number]>();
  const next = () => {
    const one = idle.shift();
    if (one === undefined) throw new RangeError("no tunnel is idle");
    one.work.begin(request.what);
    busy.set(one.work, one);
    return one;
  };
  return await run(request, open, request.count, "rekeyed", next, (work) => {
    const one = busy.get(work);
    busy.delete(work);
    if (one !== undefined) idle.push(one);
  });
}

/** Runs `count` handshakes up to the state given, at most `concurrency` at a time. */
async function run(
  { target }: LoadRequest,
  open: readonly dgram.Socket[],
  count: number,
  until: "established" | "deleted" | "rekeyed",
  next: () => { readonly work: Work; readonly socket: number },
  over: (work: Work) => void = () => {},
): Promise<LoadAnswer> {
  const running = new Map<bigint, Running>();
  const deadline = Date.now() + secondsLimit * 1000;
  let begun = 0;
  let done = 0;
  let retransmissions = 0;
  return await new Promise((resolve, reject) => {
    const send = (one: Running): void => {
      one.sentAt = Date.now();
      one.socket.send(one.work.message, target.port, target.address);
    };
    const finish = (error?: unknown): void => {
      clearInterval(timer);
      for (const socket of open) socket.removeListener("message", receive);
      if (error === undefined) resolve({ kind: "done", count: done, retransmissions });
      else reject(error);
    };
    const fill = (): void => {
      while (begun < count && running.size < concurrency) {
        const { work, socket } = next();
        const one = { work, socket: open[socket] as dgram.Socket, sentAt: 0, tries: 1 };
        begun += 1;
        running.set(work.spi, one);
        send(one);
      }
    };
    const receive = (octets: Buffer): void => {
      const one = octets.length < 28 ? undefined : running.get(octets.readBigUInt64BE(0));
      // A response to something that has been answered already: it was repeated.
      if (one === undefined || octets.readUInt32BE(20) !== one.work.message.readUInt32BE(20)) return;
      try {
        one.work.receive(octets);
        if (one.work.state !== until) return send(one);
        if (one.work.last !== undefined) one.socket.send(one.work.last, target.port, target.address);
        running.delete(octets.readBigUInt64BE(0));
        over(one.work);
        done += 1;
        if (done === count) return finish();
        fill();
      } catch (error) {
        finish(error);
      }
    };
    const timer = setInterval(() => {
      const now = Date.now();
      if (now > deadline) return finish(new Error(`${done} of ${count} handshakes in ${secondsLimit} s`));
      for (const one of running.values()) {
        if (now - one.sentAt < retransmitAfter) continue;
        if (one.tries === triesLimit)
          return finish(new Error(`no answer from ${formatEndpoint(target)} after ${done} of ${count} handshakes`));
        one.tries += 1;
        retransmissions += 1;
        send(one);
      }
    }, 250);
    for (const socket of open) socket.on("message", receive);
    if (count === 0) finish();
    else fill();
  });
}

async function probe(request: LoadRequest, open: readonly dgram.Socket[]): Promise<LoadAnswer> {
  const socket = open[0] as dgram.Socket;
  const { target, sources } = request;
  const path = pathOf(request, sources.addresses[0] ?? "");
  const { message, spi } = new Handshake("x25519", "probe.bench.example", path, false);
  return await new Promise((resolve, reject) => {
    const end = (): void => {
      clearInterval(timer);
      socket.removeListener("message", receive);
    };
    const receive = (octets: Buffer): void => {
      const at = process.hrtime.bigint();
      if (octets.length < 28 || octets.readBigUInt64BE(0) !== spi) return;
      end();
      resolve({ kind: "answered", at: String(at) });
    };
    let left = (30 * 1000) / probeEvery;
    const timer = setInterval(() => {
      left -= 1;
      if (left > 0) return socket.send(message, target.port, target.address);
      end();
      reject(new Error(`nobody answered at ${formatEndpoint(target)} for 30 s`));
    }, probeEvery);
    socket.on("message", receive);
  });
}

function begin(
  request: Extract<LoadRequest, { kind: "establish" }>,
  source: number,
  signer: Signer | undefined,
): Handshake {
  return new Handshake(request.case, nextIdentity(), pathTo(request, source), request.withChild, false, signer);
}

function nextIdentity(): string {
  tunnels += 1;
  return `tunnel-${process.pid}-${tunnels}.bench.example`;
}

function pathTo(request: LoadRequest, source: number): Path {
  return pathOf(request, request.sources.addresses[source] ?? "");
}

function pathOf({ target, sources }: LoadRequest, address: string): Path {
  return { local: { address, port: sources.port }, remote: target };
}

async function openSockets(sources: Sources): Promise<readonly dgram.Socket[]> {
  const key = `${sources.addresses.join()} ${sources.port}`;
  const opening =
    sockets.get(key) ?? Promise.all(sources.addresses.map((address) => openSocket(address, sources.port)));
  sockets.set(key, opening);
  return await opening;
}

async function openSocket(address: string, port: number): Promise<dgram.Socket> {
  const socket = dgram.createSocket("udp4");
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind({ address, port, exclusive: true }, resolve);
  });
  socket.setRecvBufferSize(1 << 20);
  // A port that nobody has taken yet answers with an ICMP error, which is no news here.
  socket.removeAllListeners("error").on("error", () => undefined);
  return socket;
}
