/** What an observer makes of one IKE SA: who spoke, what was offered, chosen and refused, in the order in which it came. */
import type { Decoded } from "../decode/decoded.ts";
import { spi64 } from "../decode/field.ts";
import { Recent } from "../decode/recent.ts";

/** IKE SAs, and messages of each, that are kept. */
const bounds = { conversations: 512, messages: 256 } as const;

/** One IKE SA as a capture shows it. */
export interface Conversation {
  readonly version: 1 | 2;
  /** The initiator's SPI or cookie, by which it is told from others. */
  readonly spi: string;
  /** Address of who sent the first message. */
  readonly initiator: string;
  readonly responder: string;
  readonly messages: Decoded[];
  /** Messages that found no place any more. */
  dropped: number;
}

/** Sorts messages into conversations, of which a bounded number is kept. */
export class Conversations {
  readonly #all = new Recent<string, Conversation>(bounds.conversations);

  /** Takes one; what is no IKE message that decodes says nothing. */
  add(decoded: Decoded): void {
    const { message, path } = decoded;
    if (message === undefined) return;
    const { header } = message.clear;
    const spi = spi64("initiatorSpi" in header ? header.initiatorSpi : header.initiatorCookie);
    const key = `${message.version} ${spi}`;
    let conversation = this.#all.get(key);
    if (conversation === undefined) {
      const { source: initiator, destination: responder } = path;
      conversation = { version: message.version, spi, initiator, responder, messages: [], dropped: 0 };
      this.#all.set(key, conversation);
    }
    if (conversation.messages.length < bounds.messages) conversation.messages.push(decoded);
    else conversation.dropped += 1;
  }

  /** The conversations, the one that began first before the others. */
  all(): Conversation[] {
    return [...this.#all.values()].sort((a, b) => (a.messages[0]?.number ?? 0) - (b.messages[0]?.number ?? 0));
  }
}
