import type { EspPacket, IkeMessage, Trace } from "./esp-trace.ts";
import type { SaCount } from "./sa-monitor.ts";

/** Packets of one SA that crossed the wire and that the SA at the other end did not take. */
export interface EspLoss {
  readonly spi: number;
  readonly source: string;
  readonly destination: string;
  /** How many crossed, and how many of them were not taken. */
  readonly sent: number;
  readonly lost: number;
  /** When the first and the last packet of the SA crossed, UNIX time in ms. */
  readonly first: number;
  readonly last: number;
  /** The IKE messages that crossed from shortly before the first to shortly after the last. */
  readonly ike: readonly IkeMessage[];
  /**
   * Milliseconds from the response by which the sender agreed to the SA to the last packet lost, where the SA's first packets
   * came with such a response: nobody could have had the keys before reading it. Undefined otherwise.
   */
  readonly tooEarly: number | undefined;
}

/** How often a CREATE_CHILD_SA request met one of the other end's that had not been answered yet; repeats are not counted. */
export function crossings(ike: readonly IkeMessage[]): number {
  const asked = new Map<string, IkeMessage>();
  let crossed = 0;
  for (const message of ike) {
    const [exchange, kind, id] = message.name.split(" ");
    if (exchange !== "CREATE_CHILD_SA") continue;
    const key = `${message.initiatorSpi} ${kind === "request" ? message.source : message.destination} ${id}`;
    if (kind === "response") asked.delete(key);
    else if (!asked.has(key)) {
      const met = [...asked.values()].some(({ source, at }) => source !== message.source && at > message.at - 1000);
      if (met) crossed += 1;
      asked.set(key, message);
    }
  }
  return crossed;
}

/** Compares what crossed with what each receiver's kernel took, SA by SA: `taken` by the receiver's address. */
export function espLosses(trace: Trace, taken: Readonly<Record<string, readonly SaCount[]>>): EspLoss[] {
  const bySa = new Map<string, EspPacket[]>();
  for (const packet of trace.esp) {
    const key = `${packet.destination} ${packet.spi}`;
    const list = bySa.get(key);
    if (list === undefined) bySa.set(key, [packet]);
    else list.push(packet);
  }
  return [...bySa.values()].flatMap((packets) => lossOf(packets, trace.ike, taken));
}

function lossOf(
  packets: readonly EspPacket[],
  ike: readonly IkeMessage[],
  taken: Readonly<Record<string, readonly SaCount[]>>,
): EspLoss[] {
  const [first, last] = [packets[0], packets.at(-1)];
  if (first === undefined || last === undefined) return [];
  const { spi, source, destination } = first;
  const sas = (taken[destination] ?? []).filter((sa) => sa.spi === spi && sa.destination === destination);
  const lost = packets.length - sas.reduce((sum, sa) => sum + sa.packets, 0);
  if (lost === 0) return [];
  const around = ike.filter(({ at }) => at > first.at - 500 && at < last.at + 500);
  const lastLost = packets[lost - 1];
  const answer = ike.find(
    (message) =>
      message.source === source &&
      /^(IKE_AUTH|CREATE_CHILD_SA) response/.test(message.name) &&
      message.at > first.at - 500,
  );
  // What is installed before the answer is sent may be used a moment before it, too.
  const isFirst = answer !== undefined && lastLost !== undefined && answer.at < first.at + 50;
  const tooEarly = isFirst ? lastLost.at - answer.at : undefined;
  return [
    { tooEarly, spi, source, destination, sent: packets.length, lost, first: first.at, last: last.at, ike: around },
  ];
}
