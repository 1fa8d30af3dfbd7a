import { join } from "node:path";
import { Machine } from "./machine.ts";

/** The IP version of the underlay. */
export type Family = "v4" | "v6";

/** A tunnel device at both of two gateways. Its inner addresses are 172.16.<index>.<gateway>/24. */
export type Overlay = OverlayEnds &
  (
    | { readonly kind: "gre" }
    | {
        readonly kind: "vxlan";
        /** UDP destination port, 4789 where nothing is said. */
        readonly port?: number;
        /** 24-bit network identifier, 42 where nothing is said. */
        readonly vni?: number;
        /** A multicast group that the device sends to, in the place of the other end. */
        readonly group?: string;
      }
  );

interface OverlayEnds {
  readonly between: readonly [string, string];
  readonly family: Family;
  /** Underlay addresses of a gateway that are this overlay's own, by the gateway's name; they are added to `u0`. */
  readonly at?: Readonly<Record<string, string>>;
}

/** What stands behind a gateway: nothing, a dummy device with the LAN's first address, or a host of its own. */
export type Lan = "none" | "device" | "host";

/** The machines of a scenario. Gateways are numbered from 1 in the order given. */
export interface TopologySpec {
  readonly gateways: readonly string[];
  readonly overlays?: readonly Overlay[];
  readonly lan?: Lan;
}

/** A machine on the underlay, with the addresses that its number gives it. */
export interface Gateway {
  readonly name: string;
  readonly number: number;
  readonly machine: Machine;
  /** Underlay addresses, on the device `u0`. */
  readonly address: Readonly<Record<Family, string>>;
  /** The LAN's prefix, and the gateway's own address in it. */
  readonly lan: Readonly<Record<Family, { readonly prefix: string; readonly address: string }>>;
  /** Where traffic of the LAN starts and ends: a host behind the gateway, or the gateway itself. */
  readonly inside: { readonly machine: Machine; readonly address: Readonly<Record<Family, string>> };
}

/** An overlay as it was made: the device's name at both ends and the inner address at each. */
export interface MadeOverlay {
  readonly spec: Overlay;
  readonly device: string;
  readonly inner: Readonly<Record<string, string>>;
  /** The underlay address at each end. */
  readonly outer: Readonly<Record<string, string>>;
}

/** Gateways joined by a machine that only bridges, where a capture sees what a wire-tap would see. */
export class Topology {
  readonly middle: Machine;
  readonly gateways: readonly Gateway[];
  readonly overlays: readonly MadeOverlay[];
  readonly lan: Lan;
  /** Machines that a scenario put in between. */
  readonly #more: Machine[] = [];

  private constructor(middle: Machine, gateways: readonly Gateway[], overlays: readonly MadeOverlay[], lan: Lan) {
    this.middle = middle;
    this.gateways = gateways;
    this.overlays = overlays;
    this.lan = lan;
  }

  /** Makes the namespaces, devices, addresses and routes; logs of the machines go to folders under `folder`. */
  static async create(spec: TopologySpec, folder: string): Promise<Topology> {
    const lan = spec.lan ?? "none";
    const made: Machine[] = [];
    const make = async (name: string) => {
      const machine = await Machine.create(name, join(folder, name));
      made.push(machine);
      return machine;
    };
    try {
      const middle = await make("middle");
      const gateways: Gateway[] = [];
      for (const [index, name] of spec.gateways.entries()) {
        const machine = await make(name);
        gateways.push(gateway(name, index + 1, machine, lan === "host" ? await make(`${name}-lan`) : machine));
      }
      const overlays = (spec.overlays ?? []).map((overlay, index) => madeOverlay(overlay, index + 1, gateways));
      await bridge(middle, gateways);
      for (const each of gateways) await configure(each, gateways, overlays, lan);
      return new Topology(middle, gateways, overlays, lan);
    } catch (error) {
      await Promise.all(made.map((machine) => machine.destroy()));
      throw error;
    }
  }

  /** The gateway of that name. */
  gateway(name: string): Gateway {
    const found = this.gateways.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no gateway "${name}"; there are ${this.gateways.map((g) => g.name)}`);
    return found;
  }

  /** Every machine: the gateways, the hosts of their LANs, the middle. */
  machines(): Machine[] {
    return [
      ...new Set([...this.gateways.flatMap((each) => [each.inside.machine, each.machine]), this.middle, ...this.#more]),
    ];
  }

  /** A machine that is to be kept, and removed, with the others. */
  adopt(machine: Machine): void {
    this.#more.push(machine);
  }

  /** Ends all processes and removes all namespaces. */
  async destroy(): Promise<void> {
    await Promise.all(this.machines().map((machine) => machine.destroy()));
  }
}

function gateway(name: string, number: number, machine: Machine, inside: Machine): Gateway {
  const host = inside === machine ? 1 : 2;
  return {
    name,
    number,
    machine,
    address: { v4: `192.0.2.${number}`, v6: `2001:db8::${number}` },
    lan: {
      v4: { prefix: `10.${number}.0.0/16`, address: `10.${number}.0.1` },
      v6: { prefix: `fd00:${number}::/32`, address: `fd00:${number}::1` },
    },
    inside: { machine: inside, address: { v4: `10.${number}.0.${host}`, v6: `fd00:${number}::${host}` } },
  };
}

function madeOverlay(spec: Overlay, index: number, gateways: readonly Gateway[]): MadeOverlay {
  const inner: Record<string, string> = {};
  const outer: Record<string, string> = {};
  for (const name of spec.between) {
    const end = gateways.find((each) => each.name === name);
    if (end === undefined) throw new Error(`overlay ${index} names a gateway "${name}" that is not there`);
    inner[name] = `172.16.${index}.${end.number}`;
    outer[name] = spec.at?.[name] ?? end.address[spec.family];
  }
  return { spec, device: `${spec.kind}${index}`, inner, outer };
}

async function bridge(middle: Machine, gateways: readonly Gateway[]): Promise<void> {
  // The middle has no addresses of its own: with IPv6 on it would speak neighbour discovery into the capture.
  await middle.run(
    "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6",
  );
  await middle.ip([
    "link add br0 type bridge forward_delay 0 mcast_snooping 0",
    "link set br0 up",
    ...gateways.flatMap(({ name, machine }) => [
      `link add name port-${name} type veth peer name u0 netns ${machine.pid}`,
      `link set port-${name} master br0 up`,
    ]),
  ]);
}

async function configure(
  self: Gateway,
  gateways: readonly Gateway[],
  overlays: readonly MadeOverlay[],
  lan: Lan,
): Promise<void> {
  const { machine, address } = self;
  const lines = [
    `address add ${address.v4}/24 dev u0`,
    `address add ${address.v6}/64 dev u0 nodad`,
    "link set u0 up",
    ...(lan === "none" ? [] : lanDevice(self, lan)),
    ...overlays
      .filter(({ spec }) => spec.between.includes(self.name))
      .flatMap((each) => overlayDevice(self, each, gateways)),
  ];
  if (lan !== "none") {
    await machine.run("echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding");
    // A route in clear to the other LANs, worse than any a daemon makes: what nothing protects must be seen to leak.
    const others = gateways.filter((other) => other !== self);
    lines.push(...others.flatMap((other) => clearRoutes(self, other)));
  }
  await machine.ip(lines);
  if (lan === "host") {
    await self.inside.machine.ip([
      `address add ${self.inside.address.v4}/16 dev eth0`,
      `address add ${self.inside.address.v6}/32 dev eth0 nodad`,
      "link set eth0 up",
      `route add default via ${self.lan.v4.address}`,
      `route add ::/0 via ${self.lan.v6.address}`,
    ]);
  }
}

function lanDevice(self: Gateway, lan: "device" | "host"): string[] {
  const link =
    lan === "device"
      ? "link add lan0 type dummy"
      : `link add lan0 type veth peer name eth0 netns ${self.inside.machine.pid}`;
  return [
    link,
    `address add ${self.lan.v4.address}/16 dev lan0`,
    `address add ${self.lan.v6.address}/32 dev lan0 nodad`,
    "link set lan0 up",
  ];
}

function clearRoutes(self: Gateway, other: Gateway): string[] {
  return (["v4", "v6"] as const).map(
    (family) =>
      `route add ${other.lan[family].prefix} via ${other.address[family]} dev u0` +
      ` src ${self.lan[family].address} metric 5000`,
  );
}

function overlayDevice(self: Gateway, overlay: MadeOverlay, gateways: readonly Gateway[]): string[] {
  const { spec, device, inner, outer } = overlay;
  const other = gateways.find((each) => each !== self && spec.between.includes(each.name));
  if (other === undefined) throw new Error(`overlay ${device} has only one end`);
  const ends = `remote ${outer[other.name]} local ${outer[self.name]}`;
  const own = spec.at?.[self.name];
  const length = spec.family === "v4" ? 24 : 64;
  const addresses = [
    ...(own === undefined ? [] : [`address add ${own}/${length} dev u0 nodad`]),
    `address add ${inner[self.name]}/24 dev ${device}`,
  ];
  if (spec.kind === "gre") {
    const type = spec.family === "v4" ? "gre" : "ip6gre";
    // IPv6 tunnels put an encapsulation limit option in front of GRE, which hides the protocol from a selector.
    const extra = spec.family === "v6" ? " encaplimit none" : " ttl 64";
    return [`link add ${device} type ${type} ${ends}${extra}`, ...addresses, `link set ${device} up`];
  }
  const type = `vxlan id ${spec.vni ?? 42} dstport ${spec.port ?? 4789} dev u0`;
  // Without learning: else all but the first packet go to the address that the other end's first one came from.
  const towards = spec.group === undefined ? ends : `group ${spec.group} local ${outer[self.name]} nolearning`;
  // Fixed hardware addresses, known to the neighbour: traffic is offered without waiting for an answer to ARP.
  return [
    `link add ${device} address ${hardwareAddress(self)} type ${type} ${towards}`,
    ...addresses,
    `link set ${device} up`,
    `neighbour add ${inner[other.name]} lladdr ${hardwareAddress(other)} dev ${device} nud permanent`,
  ];
}

function hardwareAddress({ number }: Gateway): string {
  return `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
}
