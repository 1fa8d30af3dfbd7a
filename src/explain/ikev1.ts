/** An IKEv1 conversation in sentences. */
import type { Decoded } from "../decode/decoded.ts";
import { identityText, phase1Text, phase2Text } from "../decode/ikev1/fields.ts";
import { attributeNumber } from "../wire/ikev1/payloads/attribute.ts";
import type { Proposal } from "../wire/ikev1/payloads/sa.ts";
import type { Payload } from "../wire/ikev1/payloads/table.ts";
import { exchangeType, protocolId } from "../wire/ikev1/registry/message.ts";
import { nameOf } from "../wire/ikev1/registry/names.ts";
import { phase1Attribute } from "../wire/ikev1/registry/phase1.ts";
import type { Conversation } from "./conversation.ts";

interface Turn {
  readonly decoded: Decoded;
  readonly exchange: number;
  readonly id: number;
  readonly from: string;
  readonly payloads: readonly Payload[];
  readonly open: boolean;
}

/** Notifications below this are errors (RFC 2408 3.14.1). */
const firstStatus = 16384;

/** What the conversation came to, step by step. */
export function explainIkev1(conversation: Conversation): string[] {
  const turns = turnsOf(conversation);
  const phase1 = turns.filter(({ id, exchange }) => id === 0 && exchange !== exchangeType.INFORMATIONAL);
  const sentences = phase1.length === 0 ? [] : explainPhase1(phase1, conversation);
  const later = new Map<number, Turn[]>();
  for (const turn of turns) {
    if (turn.exchange === exchangeType.INFORMATIONAL) sentences.push(...explainInformational(turn));
    else if (turn.id !== 0) later.set(turn.id, [...(later.get(turn.id) ?? []), turn]);
  }
  for (const exchange of later.values()) sentences.push(...explainLater(exchange, conversation));
  return sentences;
}

function turnsOf(conversation: Conversation): Turn[] {
  return conversation.messages.flatMap((decoded) => {
    const { message, path } = decoded;
    if (message?.version !== 1 || message.repeat) return [];
    const { header } = message.clear;
    const clear = "payloads" in message.clear ? message.clear.payloads : undefined;
    return [
      {
        decoded,
        exchange: header.exchangeType,
        id: header.messageId,
        from: path.source,
        payloads: clear ?? message.inner?.payloads ?? [],
        open: clear !== undefined || message.inner !== undefined,
      },
    ];
  });
}

function explainPhase1(turns: readonly Turn[], { initiator, responder }: Conversation): string[] {
  const name = nameOf.exchange(turns[0]?.exchange ?? 0);
  const [offer, choice] = offerAndChoice(turns, initiator, responder);
  const sentences: string[] = [];
  if (offer !== undefined) sentences.push(`${name}: ${initiator} offered ${offerText(offer)}.`);
  if (choice !== undefined) {
    const aggressive = turns[0]?.exchange === exchangeType.AGGRESSIVE;
    sentences.push(`${responder} chose ${choice.map(proposalText).join(" + ")}.`);
    const psk = choice.some((proposal) => phase1Number(proposal, phase1Attribute.AUTHENTICATION_METHOD) === 1);
    if (aggressive && psk) {
      sentences.push("Aggressive mode with a pre-shared key gives anyone who asks a hash to guess the key from.");
    }
  } else if (turns.every(({ from }) => from === initiator)) {
    sentences.push(
      `${responder} did not answer: nothing listens there, a filter drops it, or it ignores whom it does not know.`,
    );
  }
  for (const turn of turns) {
    const id = turn.payloads.find((payload) => payload.isakmp === "ID");
    if (id?.isakmp === "ID") sentences.push(`${turn.from} says that it is ${identityText(id.idType, id.data)}.`);
  }
  const closed = turns.filter(({ open }) => !open).length;
  if (closed > 0)
    sentences.push(
      `${closed} of its messages ${closed === 1 ? "is" : "are"} encrypted, and no key is there (--keys, or --psk with --dh-private).`,
    );
  return sentences;
}

function explainLater(turns: readonly Turn[], { initiator, responder }: Conversation): string[] {
  const first = turns[0];
  if (first === undefined) return [];
  const name = nameOf.exchange(first.exchange);
  if (!first.open) return [`${name}: ${turns.length} messages, encrypted, and no key is there.`];
  const [asker, other] = first.from === initiator ? [initiator, responder] : [responder, initiator];
  const [offer, choice] = offerAndChoice(turns, asker, other);
  if (offer === undefined) return [];
  const ids = first.payloads.flatMap((payload) =>
    payload.isakmp === "ID" ? [identityText(payload.idType, payload.data)] : [],
  );
  const between = ids.length === 2 ? ` for ${ids[0]} <-> ${ids[1]}` : "";
  const asked = `${name}: ${asker} offered ${offerText(offer)}${between}.`;
  if (choice === undefined)
    return [asked, `${other} did not answer it: its networks or its algorithms differ, or it has no such tunnel.`];
  return [asked, `${other} chose ${choice.map(proposalText).join(" + ")}.`];
}

function explainInformational(turn: Turn): string[] {
  if (!turn.open) return [];
  return turn.payloads.flatMap((payload) => {
    if (payload.isakmp === "D") return [`${turn.from} ${turn.decoded.remark ?? "deletes"}.`];
    if (payload.isakmp !== "N") return [];
    const name = nameOf.notify(payload.type);
    if (payload.type >= firstStatus) return [`${turn.from} said ${name}.`];
    return [`${turn.from} refused with ${name}. ${advice(name)}`.trim()];
  });
}

function advice(name: string): string {
  if (name === "NO-PROPOSAL-CHOSEN" || name === "NO_PROPOSAL_CHOSEN") {
    return "Nothing that was offered is in its list: encryption, hash, group and authentication method must all be the same at both ends.";
  }
  if (/AUTHENTICATION/.test(name)) return "The secret or the certificate differs.";
  if (/INVALID.ID/.test(name)) return "It has no tunnel between those networks, or none for that identity.";
  return "";
}

/** The SA payloads of either end; where both have one address, or none is known, the first and the second. */
function offerAndChoice(
  turns: readonly Turn[],
  asker: string,
  other: string,
): readonly [readonly Proposal[] | undefined, readonly Proposal[] | undefined] {
  const all = turns.flatMap(({ from, payloads }) => {
    const sa = payloads.find((payload) => payload.isakmp === "SA");
    return sa?.isakmp === "SA" ? [{ from, proposals: sa.proposals }] : [];
  });
  if (asker === other) return [all[0]?.proposals, all[1]?.proposals];
  const of = (address: string) => all.find(({ from }) => from === address)?.proposals;
  return [of(asker), of(other)];
}

function phase1Number(proposal: Proposal, type: number): number | undefined {
  const found = proposal.transforms[0]?.attributes.find((attribute) => attribute.type === type);
  return found === undefined ? undefined : attributeNumber(found);
}

/** Proposals of one number belong together, those of different numbers are alternatives (RFC 2408 4.2). */
function offerText(proposals: readonly Proposal[]): string {
  const numbers = [...new Set(proposals.map(({ number }) => number))];
  const together = (number: number) => proposals.filter((one) => one.number === number).map(proposalText);
  return numbers.map((number) => together(number).join(" + ")).join("; or ");
}

/** `AES_CBC 128 SHA MODP_1024 PRE_SHARED_KEY`, each transform an alternative. */
function proposalText({ protocolId: protocol, transforms }: Proposal): string {
  return transforms
    .map(({ id, attributes }) => {
      const isPhase1 = protocol === protocolId.ISAKMP;
      const values = attributes.map(isPhase1 ? phase1Text : phase2Text).join(" ");
      return isPhase1 ? values : `${nameOf.transform(protocol, id)} ${values}`.trim();
    })
    .join(", or ");
}
