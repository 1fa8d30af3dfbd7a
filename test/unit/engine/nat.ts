/** A NAT on the way: hosts behind it are seen with its address and a port of its choosing, until it forgets them. */
import type { Packet } from "../../../src/kernel/simulated/packet.ts";
import type { Address, Endpoint } from "../../../src/negotiate/address.ts";
import { type Path, sameEndpoint } from "../../../src/sa/path.ts";
import type { Flow, World } from "./world.ts";

interface Mapping {
  readonly inside: Endpoint;
  readonly outside: Endpoint;
  /** When a packet last left through it. */
  used: number;
}

export class Nat {
  readonly address: Address;
  readonly #hosts: ReadonlySet<Address>;
  readonly #world: World;
  /** A mapping that nothing left through for so long is forgotten, in ms. */
  readonly #patience: number;
  #mappings: Mapping[] = [];
  #nextPort = 20_001;

  constructor(world: World, address: Address, hosts: readonly Address[], patience = Number.POSITIVE_INFINITY) {
    this.#world = world;
    this.address = address;
    this.#hosts = new Set(hosts);
    this.#patience = patience;
  }

  /** Ports that are let in without anything having left before. */
  forward(inside: Endpoint, port: number): void {
    this.#mappings.push({ inside, outside: { address: this.address, port }, used: Number.POSITIVE_INFINITY });
  }

  /** All is forgotten: the next packet from inside gets another port. */
  restart(): void {
    this.#mappings = [];
  }

  /** The source of a packet as the world outside sees it. */
  out(inside: Endpoint): Endpoint {
    if (!this.#hosts.has(inside.address)) return inside;
    this.#forget();
    let mapping = this.#mappings.find((one) => sameEndpoint(one.inside, inside));
    if (mapping === undefined) {
      mapping = { inside, outside: { address: this.address, port: this.#nextPort++ }, used: 0 };
      this.#mappings.push(mapping);
    }
    if (mapping.used < Number.POSITIVE_INFINITY) mapping.used = this.#world.now;
    return mapping.outside;
  }

  /** Where a packet for `outside` goes; undefined: to nobody. */
  in(outside: Endpoint): Endpoint | undefined {
    if (outside.address !== this.address) return this.#hosts.has(outside.address) ? undefined : outside;
    this.#forget();
    return this.#mappings.find((one) => sameEndpoint(one.outside, outside))?.inside;
  }

  #forget(): void {
    this.#mappings = this.#mappings.filter(({ used }) => used + this.#patience > this.#world.now);
  }
}

/** Puts NATs on the way of a world's datagrams. */
export function install(world: World, ...nats: readonly Nat[]): void {
  world.translate = ({ local, remote }: Path) => {
    const ends = through(nats, local, remote);
    return ends === undefined ? undefined : { local: ends.to, remote: ends.from };
  };
}

/** Sends a packet through both kernels and the NATs between them; says how it went as `carry` does. */
export function carryThrough(nats: readonly Nat[], { from, to, packet }: Flow): string {
  const out = from.kernel.send(packet);
  if (out.kind !== "protected") return out.kind === "dropped" ? `out: ${out.reason}` : "out: clear";
  const { encapsulation } = out.packet;
  if (encapsulation === undefined) return "out: without UDP";
  const ends = through(
    nats,
    { address: out.packet.source, port: encapsulation.sourcePort },
    { address: out.packet.destination, port: encapsulation.destinationPort },
  );
  if (ends === undefined) return "protected, lost at the NAT";
  const seen: Packet = {
    ...out.packet,
    source: ends.from.address,
    destination: ends.to.address,
    encapsulation: { sourcePort: ends.from.port, destinationPort: ends.to.port },
  };
  const input = to.kernel.receive(seen);
  return input.kind === "dropped" ? `protected, ${input.reason}` : "protected, delivered";
}

/** Both ends of a packet as its receiver sees them; undefined: it comes to nobody. */
export function through(
  nats: readonly Nat[],
  from: Endpoint,
  to: Endpoint,
): { from: Endpoint; to: Endpoint } | undefined {
  const seen = nats.reduce((source, nat) => nat.out(source), from);
  const target = nats.reduce<Endpoint | undefined>((goal, nat) => goal && nat.in(goal), to);
  return target === undefined ? undefined : { from: seen, to: target };
}
