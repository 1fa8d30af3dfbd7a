import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type LoggedProcess, type Machine, waitFor } from "./machine.ts";
import type { Family, Gateway, MadeOverlay, Topology } from "./topology.ts";

/** What became of one endless ping; round trips, so a loss is one direction's or the other's. */
export interface FlowReport {
  readonly flow: string;
  readonly sent: number;
  readonly received: number;
}

export interface OfferOptions {
  /** Pings a second on each flow, 20 where nothing is said. */
  readonly rate?: number;
  /** IP versions of the pings between LANs. */
  readonly families?: readonly Family[];
  /** Names of the gateways that send; all where nothing is said. */
  readonly from?: readonly string[];
}

/** Traffic that is sent without pause, answered or not. */
export class Offer {
  readonly #pings: ReadonlyMap<string, LoggedProcess>;
  readonly #senders: readonly LoggedProcess[];

  private constructor(pings: ReadonlyMap<string, LoggedProcess>, senders: readonly LoggedProcess[]) {
    this.#pings = pings;
    this.#senders = senders;
  }

  /**
   * Pings every overlay and every pair of LANs from both ends, `rate` times a second each, and sends datagrams from an
   * ordinary socket to the VXLAN ports of the underlay. With `from`, only these gateways send.
   */
  static start(topology: Topology, options: OfferOptions = {}): Offer {
    const { rate = 20, families = ["v4"] } = options;
    const sends = (here: Gateway) => options.from?.includes(here.name) ?? true;
    const pings = new Map<string, LoggedProcess>();
    const ping = (flow: string, machine: Machine, from: string, to: string) =>
      pings.set(flow, machine.spawn(`offer ${flow}`, ["ping", "-n", "-q", "-i", `${1 / rate}`, "-I", from, to]));
    const senders: LoggedProcess[] = [];
    for (const overlay of topology.overlays) {
      for (const [here, there] of directions(topology, overlay)) {
        if (!sends(here)) continue;
        const [from, to] = [overlay.inner[here.name] ?? "", overlay.inner[there.name] ?? ""];
        ping(`${overlay.device} ${here.name} to ${there.name}`, here.machine, from, to);
        if (overlay.spec.kind === "vxlan")
          senders.push(datagrams(here, overlay.outer[there.name] ?? "", overlay.spec.port ?? 4789, rate));
      }
    }
    if (topology.lan !== "none") {
      for (const [here, there] of pairs(topology.gateways)) {
        if (!sends(here)) continue;
        for (const family of families) {
          const [from, to] = [here.inside.address[family], there.inside.address[family]];
          ping(`lan ${family} ${here.name} to ${there.name}`, here.inside.machine, from, to);
        }
      }
    }
    return new Offer(pings, senders);
  }

  /** Ends the traffic and says how much of it was answered. */
  async stop(): Promise<FlowReport[]> {
    await Promise.all(this.#senders.map((sender) => sender.stop("SIGTERM")));
    return await Promise.all(
      [...this.#pings].map(async ([flow, ping]) => {
        await ping.stop("SIGINT");
        // A second offer of a scenario goes on in the first one's file.
        const counted = [...ping.log().matchAll(/(\d+) packets transmitted, (\d+) received/g)].at(-1);
        if (counted === undefined)
          throw new Error(`${ping.name} ended without its counts:\n${ping.log().slice(-2000)}`);
        return { flow, sent: Number(counted[1]), received: Number(counted[2]) };
      }),
    );
  }
}

/** Sends `count` pings of each size (octets of ICMP data) and returns how many were not answered, by size. */
export async function lostPings(
  machine: Machine,
  from: string,
  to: string,
  { sizes = [56, 1300, 5000], count = 3 } = {},
): Promise<Record<number, number>> {
  // The kernel learns a path's MTU from large packets that it then loses, one for each header that is added.
  const large = `ping -n -q -c 1 -W 0.5 -s ${Math.max(...sizes)} -I ${from} ${to}`;
  const learn = Math.max(...sizes) > 1300 ? `for i in 1 2 3 4 5 6 7 8; do ${large} && break; done` : ":";
  // All at once, and then as long as the interval: once ping has had an answer it waits for the last ones no longer than
  // that, whatever -W says, and a guest with one processor may take its time.
  const counted = (size: number) => `ping -n -q -l ${count} -i 5 -c ${count} -s ${size} -I ${from} ${to} || true`;
  const each = [`${learn} >/dev/null || true`, ...sizes.map(counted)];
  const printed = await machine.run(each.join("\n"), { timeout: 30_000 });
  const received = [...printed.matchAll(/(\d+) packets transmitted, (\d+) received/g)].map((match) => Number(match[2]));
  if (received.length !== sizes.length)
    throw new Error(`${machine.name}: ping to ${to} printed no counts:\n${printed}`);
  return Object.fromEntries(sizes.map((size, index) => [size, count - (received[index] ?? 0)]));
}

/** Sends so many octets over one TCP connection and compares what arrived; an error when they differ or it stalls. */
export async function transfer(
  sender: Machine,
  receiver: Machine,
  address: string,
  octets = 1_000_000,
  port = 5001,
): Promise<void> {
  const source = join(sender.folder, `transfer-${port}.sent`);
  const sink = join(receiver.folder, `transfer-${port}.received`);
  // Every octet depends on its place, so that a lost or repeated block shows.
  const data = Buffer.alloc(octets);
  for (let at = 0; at + 4 <= octets; at += 4) data.writeUInt32BE(Math.imul(at, 2654435761) >>> 0, at);
  writeFileSync(source, data);
  const host = address.includes(":") ? `[${address}]` : address;
  const version = address.includes(":") ? "6" : "4";
  const listener = receiver.spawn("transfer", [
    "socat",
    "-u",
    `TCP${version}-LISTEN:${port},reuseaddr`,
    `CREATE:${sink}`,
  ]);
  try {
    await sender.run(`socat -u OPEN:${source} TCP${version}:${host}:${port},connect-timeout=5,retry=20,interval=0.1`, {
      timeout: 30_000,
    });
    await waitFor(`${receiver.name}: the end of the transfer`, () => !listener.running);
    await receiver.run(`cmp ${source} ${sink}`);
  } finally {
    listener.kill("SIGKILL");
  }
}

/** The two directions of an overlay. */
function directions(topology: Topology, overlay: MadeOverlay): [Gateway, Gateway][] {
  const [left, right] = [topology.gateway(overlay.spec.between[0]), topology.gateway(overlay.spec.between[1])];
  return [
    [left, right],
    [right, left],
  ];
}

function pairs(gateways: readonly Gateway[]): [Gateway, Gateway][] {
  return gateways.flatMap((here) =>
    gateways.filter((there) => there !== here).map((there): [Gateway, Gateway] => [here, there]),
  );
}

/** An ordinary program that sends to the VXLAN port, from a port of its own; a refused datagram does not stop it. */
function datagrams(here: Gateway, to: string, port: number, rate: number): LoggedProcess {
  const script = `while :; do exec 3<>/dev/udp/${to}/${port}; echo clear >&3; read -t ${1 / rate}; done 2>/dev/null`;
  // Its input is a socket, from which bash concludes that it was started by rsh, and reads a ~/.bashrc that may cost seconds.
  return here.machine.spawn(`datagrams to ${to} port ${port}`, ["bash", "--norc", "-c", script]);
}
