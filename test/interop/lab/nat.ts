import { Machine } from "./machine.ts";
import type { Gateway, Topology } from "./topology.ts";

/** Which gateways sit behind it, and which of them is reached from outside. */
export interface NatOptions {
  readonly behind: readonly string[];
  /** The gateway to which UDP 500 and 4500 are forwarded. */
  readonly forwardTo?: string;
}

/** A router between some gateways and the wire: outside, all of them have its address and ports of its choosing. */
export class Nat {
  readonly machine: Machine;
  /** Its address on the wire. */
  readonly address: string;
  readonly #inside: ReadonlyMap<string, string>;
  #life = 0;

  private constructor(machine: Machine, address: string, inside: ReadonlyMap<string, string>) {
    this.machine = machine;
    this.address = address;
    this.#inside = inside;
  }

  /** Takes the gateways off the bridge and puts the router in between; their underlay addresses are others from now on. */
  static async insert(topology: Topology, folder: string, { behind, forwardTo }: NatOptions): Promise<Nat> {
    const hosts = behind.map((name) => topology.gateway(name));
    const number = hosts[0]?.number ?? 0;
    const machine = await Machine.create(`nat-${number}`, folder);
    topology.adopt(machine);
    const nat = new Nat(
      machine,
      `192.0.2.${100 + number}`,
      new Map(hosts.map((host) => [host.name, `172.31.${host.number}.2`])),
    );
    await topology.middle.ip([
      ...behind.map((name) => `link set port-${name} netns ${machine.pid}`),
      `link add port-nat${number} type veth peer name u0 netns ${machine.pid}`,
      `link set port-nat${number} master br0 up`,
    ]);
    await machine.run("echo 1 >/proc/sys/net/ipv4/ip_forward");
    await machine.ip([
      ...hosts.flatMap((host) => [
        `address add 172.31.${host.number}.1/24 dev port-${host.name}`,
        `link set port-${host.name} up`,
      ]),
      `address add ${nat.address}/24 dev u0`,
      "link set u0 up",
    ]);
    for (const host of hosts) await nat.#settle(topology, host);
    await nat.#translate();
    if (forwardTo !== undefined) {
      const to = nat.inside(forwardTo);
      const rule = "-A PREROUTING -i u0 -p udp --dport";
      await machine.run(
        [500, 4500].map((port) => `iptables-legacy -t nat ${rule} ${port} -j DNAT --to-destination ${to}`).join("\n"),
      );
    }
    return nat;
  }

  /** The address that a gateway has behind it. */
  inside(gateway: string): string {
    const address = this.#inside.get(gateway);
    if (address === undefined) throw new Error(`${gateway} is not behind ${this.machine.name}`);
    return address;
  }

  /** All mappings are forgotten, and new ones get ports that none had before: as when the box is switched off and on. */
  async restart(): Promise<void> {
    await this.#translate();
    // MASQUERADE forgets the mappings of a device that goes down.
    await this.machine.ip(["link set u0 down", "link set u0 up"]);
  }

  async #translate(): Promise<void> {
    this.#life += 1;
    const ports = `${this.#life}0001-${this.#life}9999`;
    await this.machine.run(
      `iptables-legacy -t nat -F POSTROUTING
       iptables-legacy -t nat -A POSTROUTING -o u0 -p udp -j MASQUERADE --to-ports ${ports}
       iptables-legacy -t nat -A POSTROUTING -o u0 -j MASQUERADE`,
    );
  }

  async #settle(topology: Topology, host: Gateway): Promise<void> {
    const router = `172.31.${host.number}.1`;
    await host.machine.ip([
      `address del ${host.address.v4}/24 dev u0`,
      `address add ${this.inside(host.name)}/24 dev u0`,
      `route add default via ${router}`,
      // Taken away with the address; in clear again, and worse than any a daemon makes.
      ...(topology.lan === "none"
        ? []
        : topology.gateways
            .filter((other) => other !== host)
            .map((other) => `route add ${other.lan.v4.prefix} via ${router} src ${host.lan.v4.address} metric 5000`)),
    ]);
  }
}
