import { encrTransforms } from "../../../src/crypto/transforms/encr.ts";
import { integTransforms } from "../../../src/crypto/transforms/integ.ts";
import type { KernelEvent } from "../../../src/kernel/port.ts";
import {
  type ClearPacket,
  type Input,
  isProtected,
  type Output,
  type Packet,
  type ProtectedPacket,
} from "../../../src/kernel/simulated/packet.ts";
import { SimulatedKernel } from "../../../src/kernel/simulated/simulated-kernel.ts";
import { anyPrefix } from "../../../src/negotiate/address.ts";
import {
  acquireSeconds,
  addresses,
  type Bed,
  type End,
  otherEnd,
  type Probe,
  type Travel,
  unknownAlgorithm,
} from "./bed.ts";

/** Two simulated kernels with a wire of function calls between them. */
export function simulatedBed(): Bed {
  let now = 0;
  let hosts = { a: newHost("a", now), b: newHost("b", now) };
  const crossed: Partial<Record<End, ProtectedPacket>> = {};

  const arrive = (end: End, packet: Packet): Travel => {
    if (isProtected(packet)) crossed[end] = packet;
    const input = hosts[end].kernel.receive(packet);
    const delivered = input.kind === "accepted" || (input.kind === "forwarded" && input.output.kind === "clear");
    const way = isProtected(packet) ? ({ wire: "protected", spi: packet.spi } as const) : ({ wire: "clear" } as const);
    return { ...way, delivered, drops: counters(input) };
  };

  return {
    async reset() {
      hosts = { a: newHost("a", now), b: newHost("b", now) };
      delete crossed.a;
      delete crossed.b;
    },
    request: async (end, request) => hosts[end].kernel.request(request),
    async send(probe) {
      const output = hosts[probe.from].kernel.send(packetOf(probe));
      if (output.kind === "dropped") return { wire: "nothing", delivered: false, drops: counters(output) };
      return arrive(otherEnd(probe.from), output.packet);
    },
    async replay(end, fromPort) {
      const packet = crossed[end];
      if (packet === undefined) throw new Error(`no protected packet has crossed towards ${end}`);
      const { encapsulation } = packet;
      if (fromPort === undefined || encapsulation === undefined) return arrive(end, packet);
      return arrive(end, { ...packet, encapsulation: { ...encapsulation, sourcePort: fromPort } });
    },
    losesGreOverIpv6: false,
    async offend(from, scope) {
      const to = otherEnd(from);
      const output = hosts[from].kernel.send(packetOf({ from, scope }));
      if (output.kind === "dropped") return "nothing";
      const input = hosts[to].kernel.receive(output.packet);
      if (input.kind !== "accepted") return "nothing";
      const answer = hosts[to].kernel.icmpError(input.packet, addresses[scope][to]);
      return answer.kind === "dropped" ? "nothing" : answer.kind;
    },
    events: async (end) => hosts[end].events,
    async pass(seconds) {
      now += seconds * 1000;
      for (const host of Object.values(hosts)) host.kernel.advance(now);
    },
    async openEncapsulationSocket(end, port) {
      hosts[end].kernel.encapsulationPorts.add(port);
    },
    async closeEncapsulationSocket(end, port) {
      hosts[end].kernel.encapsulationPorts.delete(port);
    },
    async addForeignPolicy(end, policy) {
      hosts[end].kernel.addForeignPolicy(policy, "somebody else");
    },
    async addForeignSa(end, { spi, source, destination }) {
      hosts[end].kernel.addForeignSa({
        protocol: "esp",
        spi,
        source,
        destination,
        direction: "out",
        mode: "transport",
        reqid: 1,
        encr: { transform: row(encrTransforms, "aes128"), key: new Uint8Array(16) },
        integ: { transform: row(integTransforms, "sha256"), key: new Uint8Array(32) },
        esn: false,
        replayWindow: 0,
        hard: { seconds: 3600 },
      });
    },
    async addForeignRoute(end, destination) {
      hosts[end].kernel.addForeignRoute({
        destination,
        localSubnet: anyPrefix(4),
        via: addresses.underlay[otherEnd(end)],
      });
    },
    async close(end) {
      hosts[end].kernel.close();
    },
    async reopen(end) {
      const { kernel, events } = hosts[end];
      kernel.onEvent((event) => events.push(event));
    },
  };
}

interface Host {
  readonly kernel: SimulatedKernel;
  readonly events: KernelEvent[];
}

function newHost(end: End, now: number): Host {
  const own = [addresses.underlay[end], addresses.underlay6[end], addresses.gateway[end]];
  const kernel = new SimulatedKernel({ addresses: own, now, acquireSeconds, unsupported: [unknownAlgorithm] });
  const events: KernelEvent[] = [];
  kernel.onEvent((event) => events.push(event));
  return { kernel, events };
}

function packetOf({ from, scope = "underlay", udp, octets = 100 }: Probe): ClearPacket {
  const source = addresses[scope][from];
  const destination = addresses[scope][otherEnd(from)];
  const head = { source, destination, length: octets };
  return udp === undefined ? { ...head, protocol: 47 } : { ...head, protocol: 17, ...udp };
}

/** Only what Linux counts in /proc/net/xfrm_stat. */
function counters(result: Input | Output): string[] {
  if (result.kind === "forwarded") return counters(result.output);
  return result.kind === "dropped" && result.reason.startsWith("Xfrm") ? [result.reason] : [];
}

function row<T extends { readonly keyword: string }>(rows: readonly T[], keyword: string): T {
  const found = rows.find((candidate) => candidate.keyword === keyword);
  if (found === undefined) throw new Error(`no transform ${keyword}`);
  return found;
}
