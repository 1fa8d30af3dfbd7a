/** The bed over the real kernel: gateways are network namespaces on a bridge whose frames are watched. */

import { release } from "node:os";
import type { Policy } from "../../../../src/kernel/port.ts";
import { addressOctets, formatPrefix } from "../../../../src/negotiate/address.ts";
import type { Selector } from "../../../../src/negotiate/selector.ts";
import { sleep } from "../../../interop/lab/machine.ts";
import { Topology } from "../../../interop/lab/topology.ts";
import { acquireSeconds, addresses, type Bed, type End, otherEnd, type Probe, type Travel } from "../bed.ts";
import { LinuxHost, ProbeSocket, probePayload } from "./host.ts";
import { inNamespace } from "./libc.ts";
import { isTraffic, Wire, type WirePacket, withSourcePort } from "./wire.ts";

/** All machines of a bed have the kernel that this process has. */
const [major = 0, minor = 0] = release().split(".").map(Number);

/** What the real kernel's bed can do beside the suite. */
export interface LinuxBed extends Bed {
  /** Runs a shell script in a gateway, or in the host behind it. */
  run(where: End | "a-lan" | "b-lan", script: string): Promise<string>;
  /** The IP packets that crossed the wire while `action` ran, without ARP and neighbour discovery. */
  watch(action: () => Promise<unknown>): Promise<readonly WirePacket[]>;
  /** Sends GRE from a gateway to so many addresses of the other's subnet, without a turn of the event loop between. */
  flood(from: End, destinations: number): Promise<void>;
  /** Runs `action` with this thread in the gateway's network namespace. */
  within<T>(end: End, action: () => T): T;
  destroy(): Promise<void>;
}

/** Makes the namespaces; `folder` receives their logs. */
export async function linuxBed(folder: string): Promise<LinuxBed> {
  const topology = await Topology.create({ gateways: ["a", "b"], lan: "host" }, folder);
  const hosts = { a: new LinuxHost(topology.gateway("a").machine), b: new LinuxHost(topology.gateway("b").machine) };
  const wire = new Wire(topology.middle);
  for (const end of ["a", "b"] as const) await prepare(topology, end);
  const crossed: Partial<Record<End, { packet: WirePacket; arrival: Arrival }>> = {};
  const ends = Object.values(hosts);

  return {
    async reset() {
      await Promise.all(
        ends.map(async (host) => {
          host.close();
          host.closeAllEncapsulation();
          host.flush();
          if (host.routed) await host.machine.ip(["route flush proto 85", "route flush proto 99"]);
          host.routed = false;
          host.events.length = 0;
          host.open();
        }),
      );
    },
    request: (end, request) => hosts[end].request(request),
    async send(probe) {
      const arrival = open(topology, probe);
      try {
        wire.take();
        const before = ends.map((host) => host.counters());
        const sent = arrival.send();
        const travel = await observe(before, sent ? patience : 0, arrival, probe.from);
        const packet = travel.packets.find(({ from, spi }) => from === probe.from && spi !== undefined);
        if (packet !== undefined) crossed[otherEnd(probe.from)] = { packet, arrival };
        return travel.result;
      } finally {
        arrival.close();
      }
    },
    async replay(end, fromPort) {
      const last = crossed[end];
      if (last === undefined) throw new Error(`no protected packet has crossed towards ${end}`);
      const arrival = open(topology, last.arrival.probe, last.arrival.token);
      try {
        const before = ends.map((host) => host.counters());
        const { frame } = last.packet;
        wire.take();
        wire.inject(end, fromPort === undefined ? frame : withSourcePort(frame, fromPort));
        const { result } = await observe(before, patience, arrival, end);
        return { ...result, wire: "protected", ...(last.packet.spi === undefined ? {} : { spi: last.packet.spi }) };
      } finally {
        arrival.close();
      }
    },
    losesGreOverIpv6: major > 6 || (major === 6 && minor >= 7),
    async offend(from, scope) {
      const socket = new ProbeSocket(hosts[from].machine, scope, addresses[scope][from], undefined);
      wire.take();
      // Version 0 and a protocol for which there is no device: the kernel answers with an ICMP error.
      socket.send(Buffer.from("000088b5000000000000000000000000", "hex"), addresses[scope][otherEnd(from)], 0);
      socket.close();
      await sleep(quiet * 2);
      const answer = wire.take().find((packet) => packet.from !== from && isTraffic(packet));
      if (answer === undefined) return "nothing";
      return answer.spi === undefined ? "clear" : "protected";
    },
    async events(end, atLeast) {
      const { events } = hosts[end];
      for (let waited = 0; events.length < atLeast && waited < patience; waited += step) await sleep(step);
      await sleep(quiet);
      return [...events];
    },
    pass: (seconds) => sleep(seconds * 1000 + 300),
    openEncapsulationSocket: async (end, port) => hosts[end].openEncapsulation(port),
    closeEncapsulationSocket: async (end, port) => hosts[end].closeEncapsulation(port),
    async addForeignPolicy(end, policy) {
      await hosts[end].machine.run(`ip xfrm policy add ${policyArguments(policy)}`);
    },
    async addForeignSa(end, { spi, source, destination }) {
      await hosts[end].machine.run(
        `ip xfrm state add src ${source} dst ${destination} proto esp spi ${spi} reqid 1 mode transport` +
          ` enc 'cbc(aes)' 0x${"00".repeat(16)} auth-trunc 'hmac(sha256)' 0x${"00".repeat(32)} 128`,
      );
    },
    async addForeignRoute(end, destination) {
      hosts[end].routed = true;
      await hosts[end].machine.run(
        `ip route add ${formatPrefix(destination)} via ${addresses.underlay[otherEnd(end)]} proto 99`,
      );
    },
    close: async (end) => hosts[end].close(),
    async flood(from, destinations) {
      const socket = new ProbeSocket(hosts[from].machine, "gateway", addresses.gateway[from], undefined);
      const [first, second] = addressOctets(addresses.gateway[otherEnd(from)]);
      for (let i = 1; i <= destinations; i += 1)
        socket.send(Buffer.alloc(8), `${first}.${second}.${(i >> 8) & 0xff}.${i & 0xff}`, 0);
      socket.close();
    },
    within: (end, action) => inNamespace(hosts[end].machine.pid, action),
    run(where, script) {
      const gateway = topology.gateway(where === "a" || where === "a-lan" ? "a" : "b");
      return (where.endsWith("-lan") ? gateway.inside.machine : gateway.machine).run(script);
    },
    async watch(action) {
      wire.take();
      await action();
      await sleep(quiet * 2);
      return wire.take().filter(isTraffic);
    },
    reopen: async (end) => hosts[end].open(),
    async destroy() {
      for (const host of ends) {
        host.close();
        host.closeAllEncapsulation();
      }
      wire.close();
      await topology.destroy();
    },
  };

  async function observe(
    before: readonly Map<string, number>[],
    milliseconds: number,
    arrival: Arrival,
    from: End,
  ): Promise<{ readonly result: Travel; readonly packets: readonly WirePacket[] }> {
    const packets: WirePacket[] = [];
    let delivered = false;
    let drops: string[] = [];
    for (let waited = 0; ; waited += step) {
      packets.push(...wire.take());
      delivered ||= arrival.arrived();
      drops = ends.flatMap((host, i) => risen(before[i] ?? new Map(), host.counters()));
      if (delivered || drops.length > 0 || waited >= milliseconds) break;
      await sleep(step);
    }
    // What is dropped may still be on its way to the bridge's socket.
    if (!delivered) await sleep(quiet);
    packets.push(...wire.take());
    const own = packets.filter((packet) => packet.from === from);
    const spi = own.find((packet) => packet.spi !== undefined)?.spi;
    const seen = own.some(({ frame }) => frame.includes(arrival.token));
    const way =
      spi !== undefined ? ({ wire: "protected", spi } as const) : ({ wire: seen ? "clear" : "nothing" } as const);
    return { result: { ...way, delivered, drops: [...new Set(drops)] }, packets };
  }
}

/** The sockets of one probe at both ends. */
interface Arrival {
  readonly probe: Probe;
  readonly token: Buffer;
  /** Whether the kernel took it. */
  send(): boolean;
  arrived(): boolean;
  close(): void;
}

let tokens = 0;

function open(topology: Topology, probe: Probe, token?: Buffer): Arrival {
  const { from, scope = "underlay", udp } = probe;
  tokens += 1;
  const known = token ?? Buffer.from(`token ${tokens.toString().padStart(8, "0")} `);
  const machineOf = (end: End) =>
    scope === "lan" ? topology.gateway(end).inside.machine : topology.gateway(end).machine;
  const to = otherEnd(from);
  const receiver = new ProbeSocket(machineOf(to), scope, addresses[scope][to], udp?.destinationPort);
  const sender = new ProbeSocket(machineOf(from), scope, addresses[scope][from], udp?.sourcePort);
  return {
    probe,
    token: known,
    send: () => sender.send(probePayload(probe, known), addresses[scope][to], udp?.destinationPort ?? 0),
    arrived: () => receiver.got(known),
    close() {
      sender.close();
      receiver.close();
    },
  };
}

/** Hardware addresses that are known need no discovery, which a lock could stop; and a short life for larval SAs. */
async function prepare(topology: Topology, end: End): Promise<void> {
  const { machine, inside } = topology.gateway(end);
  const other = otherEnd(end);
  const peer = topology.gateway(other).machine;
  const hardware = (await peer.run("ip -o link show u0")).match(/link\/ether (\S+)/)?.[1];
  if (hardware === undefined) throw new Error(`gateway ${other} has no hardware address`);
  await machine.ip([
    `neighbour replace ${addresses.underlay[other]} lladdr ${hardware} dev u0 nud permanent`,
    `neighbour replace ${addresses.underlay6[other]} lladdr ${hardware} dev u0 nud permanent`,
  ]);
  await machine.run(`echo ${acquireSeconds} >/proc/sys/net/core/xfrm_acq_expires`);
  // The first packet of a LAN's host waits for its gateway's hardware address.
  await inside.machine.run(`ping -c 1 -W 2 ${addresses.gateway[end]} >/dev/null`);
}

function risen(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): string[] {
  return [...after].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name);
}

function policyArguments({ selector, direction, priority, action }: Policy): string {
  const head = `${selectorArguments(selector)} dir ${direction === "forward" ? "fwd" : direction} priority ${priority}`;
  if (action.kind !== "protected") return `${head} action ${action.kind === "locked" ? "block" : "allow"}`;
  const { source, destination, protocol, mode, reqid } = action.template;
  return `${head} action allow tmpl src ${source} dst ${destination} proto ${protocol} mode ${mode} reqid ${reqid}`;
}

function selectorArguments({ source, destination, protocol, sourcePort, destinationPort }: Selector): string {
  const ports = [
    ...(sourcePort === undefined ? [] : [`sport ${sourcePort}`]),
    ...(destinationPort === undefined ? [] : [`dport ${destinationPort}`]),
  ];
  const upper = protocol === 0 ? "" : ` proto ${protocol}`;
  return `src ${formatPrefix(source)} dst ${formatPrefix(destination)}${upper} ${ports.join(" ")}`.trim();
}

/** Milliseconds: how long something is waited for, how often it is looked at, and how long nothing more must come. */
const patience = 400;
const step = 2;
const quiet = 30;
