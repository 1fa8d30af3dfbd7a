/** What each event of the engine is called in a line of the log. */
import type { LogEvent } from "../sa/log-record.ts";

/** What a sentence is made of; facts must be printable. */
export interface EventParts {
  readonly event: LogEvent;
  readonly peer: string | undefined;
  readonly child: string | undefined;
  readonly facts: Readonly<Record<string, string | number>> | undefined;
}

/** An event without its reason, in words: `site-b / gre: Child SA up (spi c0ffee00)`. */
export function eventSentence(record: EventParts): string {
  const subject = [record.peer, record.child].filter((name) => name !== undefined).join(" / ");
  const facts = Object.entries(record.facts ?? {}).map(([name, value]) => `${name} ${value}`);
  const detail = facts.length === 0 ? "" : ` (${facts.join(", ")})`;
  return `${subject === "" ? "" : `${subject}: `}${words[record.event]}${detail}`;
}

const words: Readonly<Record<LogEvent, string>> = {
  "ike-sa-up": "IKE SA up",
  "ike-sa-down": "IKE SA down",
  "ike-sa-failed": "IKE SA failed",
  "ike-sa-rekeyed": "IKE SA rekeyed",
  "rekey-failed": "IKE SA could not be rekeyed",
  "child-sa-up": "Child SA up",
  "child-sa-down": "Child SA down",
  "child-sa-failed": "Child SA failed",
  "peer-connecting": "connecting",
  "peer-removed": "peer removed",
  redirect: "sent to another gateway",
  "path-changed": "the way to the peer changed",
  "policy-failed": "policy could not be set",
  "route-failed": "route could not be set",
  "message-dropped": "message dropped",
  retransmit: "no answer yet, sent again",
  resync: "listed the kernel's SAs and policies anew",
};
