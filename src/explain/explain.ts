/** What negotiations came to, in sentences. */
import type { Conversation } from "./conversation.ts";
import { explainIkev1 } from "./ikev1.ts";
import { explainIkev2, learnFrom } from "./ikev2.ts";
import { KnownLists } from "./known-lists.ts";

/** One conversation, explained. */
export interface Explanation {
  readonly version: 1 | 2;
  readonly spi: string;
  readonly initiator: string;
  readonly responder: string;
  readonly messages: number;
  readonly sentences: readonly string[];
}

/** Explains all of them; what one shows of an end's list helps to explain the others. */
export function explain(conversations: readonly Conversation[]): Explanation[] {
  const lists = new KnownLists();
  for (const conversation of conversations) if (conversation.version === 2) learnFrom(conversation, lists);
  return conversations.map((conversation) => {
    const { version, spi, initiator, responder, messages, dropped } = conversation;
    const said = version === 2 ? explainIkev2(conversation, lists) : explainIkev1(conversation);
    const sentences = said.length === 0 ? ["Nothing that could be read says what was negotiated."] : said;
    return { version, spi, initiator, responder, messages: messages.length + dropped, sentences };
  });
}

/** The explanation for people: a heading, and what follows from it. */
export function explanationText({ version, spi, initiator, responder, messages, sentences }: Explanation): string[] {
  return [
    `IKEv${version} ${spi}: ${initiator} to ${responder}, ${messages} message${messages === 1 ? "" : "s"}`,
    // A peer's words never move the cursor.
    ...sentences.map((sentence) => `  ${sentence.replace(/[^\x20-\x7e\u00a0-\uffff]/g, "?")}`),
  ];
}
