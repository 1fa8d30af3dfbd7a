/**
 * How much memory an established tunnel takes: `node --expose-gc --import tsx test/bench/memory.ts [tunnels]`.
 *
 * One engine is called by as many peers as asked for, each with one GRE child; the callers and the kernels are dropped
 * before the heap is measured.
 */
import { computeHere } from "../../src/daemon/compute.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { Effect, EngineEvent } from "../../src/engine/io.ts";
import type { KernelAnswer, KernelRequest } from "../../src/kernel/port.ts";
import { seeded } from "../fuzz/mutate.ts";
import { desired, peer } from "../unit/engine/desired.ts";

const tunnels = Number(process.argv[2] ?? 10_000);
const hub = "192.0.2.1";
const random = seeded(1);
let spi = 0xc000_0000;

function answer(request: KernelRequest): KernelAnswer {
  switch (request.kind) {
    case "allocateSpi":
      spi += 1;
      return { kind: "spi", spi };
    case "listSas":
      return { kind: "sas", sas: [] };
    case "listPolicies":
      return { kind: "policies", policies: [] };
    default:
      return { kind: "done" };
  }
}

function engine(): Engine {
  return new Engine({ random: (length) => Uint8Array.from({ length }, () => random() & 0xff) });
}

/** Runs an engine on an event and what follows from it; what it sends is handed on. */
function drive(one: Engine, event: EngineEvent, send: (effect: Extract<Effect, { kind: "send" }>) => void): void {
  const inbox = [event];
  for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
    for (const effect of one.handle(next, 0)) {
      if (effect.kind === "send") send(effect);
      else if (effect.kind === "kernel")
        inbox.push({ kind: "answered", id: effect.id, answers: effect.requests.map(answer) });
      else if (effect.kind === "compute")
        inbox.push({ kind: "computed", id: effect.id, result: computeHere(effect.job) });
    }
  }
}

/** One caller sets its tunnel up and is forgotten. */
function call(responder: Engine, address: string): void {
  const caller = engine();
  const wire: {
    readonly to: Engine;
    readonly octets: Uint8Array;
    readonly path: EngineEvent & { kind: "datagram" };
  }[] = [];
  const toward = (to: Engine) => (effect: Extract<Effect, { kind: "send" }>) => {
    const path = { local: effect.path.remote, remote: effect.path.local };
    // As from a socket: the datagram has memory of its own.
    const octets = Buffer.from(Uint8Array.from(effect.octets).buffer);
    wire.push({ to, octets, path: { kind: "datagram", octets, path } });
  };
  drive(caller, { kind: "configure", desired: desired([peer(address, hub)]) }, toward(responder));
  for (let next = wire.shift(); next !== undefined; next = wire.shift())
    drive(next.to, next.path, toward(next.to === responder ? caller : responder));
}

function used(): { heap: number; external: number; rss: number } {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  return { heap: heapUsed, external, rss };
}

const addresses = Array.from({ length: tunnels }, (_, n) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
const responder = engine();
const peers = addresses.map((address) => peer(hub, address, { name: address, initiate: false }));
drive(responder, { kind: "configure", desired: desired(peers) }, () => {});
const before = used();
const start = performance.now();
for (const address of addresses) call(responder, address);
const seconds = (performance.now() - start) / 1000;
const after = used();
const up = responder.status().peers.filter(({ state }) => state === "up").length;
const each = (what: keyof typeof before) => `${Math.round((after[what] - before[what]) / up)} octets`;
console.log(
  `${up} of ${tunnels} tunnels up, both ends in one process, ${Math.round(up / seconds)} handshakes a second`,
);
console.log(`each: heap ${each("heap")}, external ${each("external")}, resident ${each("rss")}`);
