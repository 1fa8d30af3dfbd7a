/** What of a capture could not be looked into, said at its end: nobody is to take silence for an empty capture. */
import { isKnownLink } from "../../capture/link.ts";
import type { CapturedPacket } from "../../capture/packet.ts";

/** Kinds of link that are told apart; a capture has one or two. */
const maxKinds = 16;

/** Counts packets of links that nothing here reads. */
export class UnreadLinks {
  readonly #counts = new Map<number, number>();

  look({ linkType }: CapturedPacket): void {
    if (isKnownLink(linkType)) return;
    const count = this.#counts.get(linkType);
    if (count !== undefined || this.#counts.size < maxKinds) this.#counts.set(linkType, (count ?? 0) + 1);
  }

  /** One for each kind of link. */
  sentences(file: string): string[] {
    return [...this.#counts].map(
      ([linkType, count]) =>
        `${file}: ${count === 1 ? "a packet" : `${count} packets`} of link type ${linkType} (LINKTYPE_ at tcpdump.org), which is not read; possible are Ethernet, Linux cooked, PPP, loopback and raw IP`,
    );
  }
}

/** Of packets in IP fragments that were never whole. */
export function fragmentsMissing(file: string, count: number): string[] {
  if (count === 0) return [];
  return [`${file}: ${count === 1 ? "a packet in IP fragments is" : `${count} packets in IP fragments are`} not whole`];
}
