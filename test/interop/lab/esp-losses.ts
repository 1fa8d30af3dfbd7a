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
  return [{ spi, source, destination, sent: packets.length, lost, first: first.at, last: last.at, ike: around }];
}
