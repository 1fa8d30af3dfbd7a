/** An IKEv2 conversation in sentences. */
import type { Decoded } from "../decode/decoded.ts";
import { selectorText } from "../decode/ikev2/fields.ts";
import { identityFromWire } from "../negotiate/identity.ts";
import { flag } from "../wire/ikev2/header.ts";
import type { Payload } from "../wire/ikev2/payloads/table.ts";
import { exchangeType, protocolId } from "../wire/ikev2/registry/message.ts";
import { nameOf } from "../wire/ikev2/registry/names.ts";
import { isErrorNotify, notifyType } from "../wire/ikev2/registry/notify.ts";
import type { Conversation } from "./conversation.ts";
import { firstDifference, type KnownLists, proposalsText } from "./known-lists.ts";

interface Turn {
  readonly decoded: Decoded;
  readonly exchange: number;
  readonly id: number;
  readonly from: string;
  readonly to: string;
  readonly response: boolean;
  readonly payloads: readonly Payload[];
  readonly open: boolean;
}

/** Teaches the lists what each end offered and chose. */
export function learnFrom(conversation: Conversation, lists: KnownLists): void {
  for (const turn of turnsOf(conversation)) {
    for (const payload of turn.payloads) if (payload.kind === "SA") lists.learn(turn.from, payload.proposals);
  }
}

/** What the conversation came to, step by step. */
export function explainIkev2(conversation: Conversation, lists: KnownLists): string[] {
  const turns = turnsOf(conversation);
  const sentences: string[] = [];
  const answered = new Set<Turn>();
  for (const [index, turn] of turns.entries()) {
    if (turn.response) continue;
    const answer = turns
      .slice(index + 1)
      .find((other) => other.response && isAnswer(turn, other) && !answered.has(other));
    if (answer !== undefined) answered.add(answer);
    sentences.push(...explainExchange(turn, answer, lists));
  }
  const repeats = conversation.messages.filter(({ message }) => message?.repeat === true).length;
  if (repeats > 0)
    sentences.push(`${repeats} message${repeats === 1 ? " was" : "s were"} sent again: an answer was lost or late.`);
  return sentences;
}

/** Of a message in fragments the one with which it was whole, or else the first. */
function turnsOf(conversation: Conversation): Turn[] {
  const all = messagesOf(conversation);
  const isPiece = ({ payloads }: Turn) => payloads.some((payload) => payload.kind === "SKF");
  return all.filter((turn) => {
    if (!isPiece(turn)) return true;
    const same = all.filter(
      (other) => isPiece(other) && other.id === turn.id && other.from === turn.from && other.response === turn.response,
    );
    return turn === (same.find(({ open }) => open) ?? same[0]);
  });
}

function messagesOf(conversation: Conversation): Turn[] {
  return conversation.messages.flatMap((decoded) => {
    const { message, path } = decoded;
    if (message?.version !== 2 || message.repeat) return [];
    const { header, payloads } = message.clear;
    const sealed = payloads.some((payload) => payload.kind === "SK" || payload.kind === "SKF");
    return [
      {
        decoded,
        exchange: header.exchangeType,
        id: header.messageId,
        ...endsOf(path, (header.flags & flag.initiator) !== 0),
        response: (header.flags & flag.response) !== 0,
        payloads: [...payloads, ...(message.inner ?? [])],
        open: !sealed || message.inner !== undefined,
      },
    ];
  });
}

/** Addresses, or what the header says of the ends where a pasted message has none. */
function endsOf({ source, destination }: Decoded["path"], byInitiator: boolean): Pick<Turn, "from" | "to"> {
  if (source !== destination) return { from: source, to: destination };
  const [initiator, responder] = ["the initiator", "the responder"];
  return byInitiator ? { from: initiator, to: responder } : { from: responder, to: initiator };
}

function isAnswer(request: Turn, response: Turn): boolean {
  return response.exchange === request.exchange && response.id === request.id && response.from === request.to;
}

function explainExchange(request: Turn, answer: Turn | undefined, lists: KnownLists): string[] {
  const name = nameOf.exchange(request.exchange);
  if (answer === undefined)
    return [
      `${name} ${request.id}: ${request.from} asked ${request.to} and got no answer in this capture. ${silence(request)}`,
      ...asked(request),
    ];
  const refusal = answer.payloads.find((payload) => payload.kind === "N" && isErrorNotify(payload.type));
  if (refusal?.kind === "N") return refused(request, answer, refusal, lists);
  if (!request.open || !answer.open) return [`${name} ${request.id}: answered; encrypted, and no key for it (--keys).`];
  switch (request.exchange) {
    case exchangeType.IKE_SA_INIT:
      return explainInit(request, answer);
    case exchangeType.IKE_AUTH:
      return [...identities(request, answer), ...chosen(request, answer)];
    case exchangeType.CREATE_CHILD_SA:
      return rekeyed(request, answer);
    default:
      return explainInformational(request, answer);
  }
}

function explainInit(request: Turn, answer: Turn): string[] {
  const cookie = answer.payloads.some((payload) => payload.kind === "N" && payload.type === notifyType.COOKIE);
  if (cookie)
    return [
      `IKE_SA_INIT: ${answer.from} is under load and wanted its cookie back before it kept anything (RFC 7296 2.6).`,
    ];
  const redirect = answer.payloads.find((payload) => payload.kind === "N" && payload.type === notifyType.REDIRECT);
  if (redirect !== undefined)
    return [
      `IKE_SA_INIT: ${answer.from} sent ${request.from} to another gateway (${answer.decoded.remark ?? "REDIRECT"}).`,
    ];
  return chosen(request, answer);
}

function chosen(request: Turn, answer: Turn): string[] {
  const [offer, choice] = [saOf(request), saOf(answer)];
  if (offer === undefined || choice === undefined) return [];
  const what = nameOf.protocol(choice.proposals[0]?.protocolId ?? 0);
  return [
    `${what}: ${request.from} offered ${proposalsText(offer.proposals)}; ${answer.from} chose ${proposalsText(choice.proposals)}.`,
    ...selectors(request, answer),
  ];
}

function selectors(request: Turn, answer: Turn): string[] {
  const [asked, given] = [selectorsOf(request), selectorsOf(answer)];
  if (asked === undefined || given === undefined) return [];
  const mode = answer.payloads.some((payload) => payload.kind === "N" && payload.type === notifyType.USE_TRANSPORT_MODE)
    ? "transport mode"
    : "tunnel mode";
  if (asked === given) return [`The Child SA carries ${given}, in ${mode}.`];
  return [
    `The Child SA carries ${given}, in ${mode}: ${request.from} had asked for ${asked}, which ${answer.from} narrowed.`,
  ];
}

function identities(request: Turn, answer: Turn): string[] {
  return [request, answer].flatMap((turn) => {
    const [identity, auth] = [
      turn.payloads.find((payload) => payload.kind === "IDi" || payload.kind === "IDr"),
      turn.payloads.find((payload) => payload.kind === "AUTH"),
    ];
    const isOwn = identity?.kind === (turn === request ? "IDi" : "IDr");
    if (identity === undefined || !isOwn || (identity.kind !== "IDi" && identity.kind !== "IDr")) return [];
    const proof =
      auth?.kind === "AUTH" ? `, proved with ${nameOf.auth(auth.method)}` : ", without an AUTH payload (EAP)";
    return [`${turn.from} says that it is ${identityFromWire(identity.idType, identity.data).text}${proof}.`];
  });
}

function rekeyed(request: Turn, answer: Turn): string[] {
  const rekey = request.payloads.find((payload) => payload.kind === "N" && payload.type === notifyType.REKEY_SA);
  const isIke = saOf(request)?.proposals[0]?.protocolId === protocolId.IKE;
  const spi = rekey?.kind === "N" ? Buffer.from(rekey.spi).toString("hex") : "";
  const begin = isIke
    ? `${request.from} rekeyed the IKE SA.`
    : rekey === undefined
      ? `${request.from} asked for another Child SA.`
      : `${request.from} rekeyed the Child SA ${spi}.`;
  return [begin, ...chosen(request, answer)];
}

function explainInformational(request: Turn, answer: Turn): string[] {
  const remark = request.decoded.remark;
  if (remark !== undefined) return [`${request.from} ${remark}; ${answer.from} agreed.`];
  const notifies = request.payloads.filter((payload) => payload.kind === "N");
  if (notifies.length === 0) return [];
  return [`${request.from} said ${notifies.map((payload) => nameOf.notify(payload.type)).join(", ")}.`];
}

/** What was refused, the first difference where both lists are known, and what each end can change. */
function refused(request: Turn, answer: Turn, notify: Extract<Payload, { kind: "N" }>, lists: KnownLists): string[] {
  const said = answer.decoded.remark ?? nameOf.notify(notify.type);
  const begin = `${nameOf.exchange(request.exchange)} ${request.id}: ${answer.from} refused with ${said}.`;
  switch (notify.type) {
    case notifyType.NO_PROPOSAL_CHOSEN:
      return [begin, ...noProposal(request, answer, lists)];
    case notifyType.INVALID_KE_PAYLOAD: {
      const ke = request.payloads.find((payload) => payload.kind === "KE");
      const sent = ke?.kind === "KE" ? nameOf.ke(ke.group) : "none";
      return [
        `${nameOf.exchange(request.exchange)} ${request.id}: ${request.from} sent a key for ${sent}, ${answer.from} ${said.replace("INVALID_KE_PAYLOAD ", "")}: one more round trip, no failure.`,
        `To spare it, put that key exchange first in the proposal of ${request.from}.`,
      ];
    }
    case notifyType.AUTHENTICATION_FAILED:
      return [
        begin,
        `${answer.from} did not believe who ${request.from} says it is: the secret or the certificate differs, or ${answer.from} knows no peer by that identity.`,
        ...identities(request, answer).slice(0, 1),
        `Compare the secret, and the identities at both ends: ${request.from}'s own with what ${answer.from} expects.`,
      ];
    case notifyType.TS_UNACCEPTABLE:
      return [
        begin,
        request.open
          ? `${request.from} asked for ${selectorsOf(request) ?? "no selectors"}; ${answer.from} protects nothing within them.`
          : "The selectors are encrypted, and no key is there (--keys).",
        `Either end has to name networks that the other's configuration overlaps, with the same protocol and ports.`,
      ];
    default:
      return [begin];
  }
}

function noProposal(request: Turn, answer: Turn, lists: KnownLists): string[] {
  const offer = saOf(request);
  if (offer === undefined) return ["The proposals are encrypted, and no key is there (--keys)."];
  const protocol = offer.proposals[0]?.protocolId ?? 0;
  const known = lists.of(answer.from, protocol);
  const offered = `${request.from} offered ${proposalsText(offer.proposals)}.`;
  const difference = firstDifference(offer.proposals, known);
  if (known.length === 0) {
    return [
      offered,
      `${answer.from} does not say what it would take, and nowhere in this capture offers anything itself: look at its configuration.`,
      `Either ${request.from} adds what ${answer.from} is configured with, or ${answer.from} takes one of the proposals above.`,
    ];
  }
  const elsewhere = `${answer.from} elsewhere in this capture takes ${proposalsText(known)}.`;
  if (difference === undefined)
    return [offered, elsewhere, "Of these one fits: what was refused is something else than the algorithms."];
  const { what, mine, theirs } = difference;
  return [
    offered,
    elsewhere,
    `The first difference is ${what}: ${request.from} has ${mine}, ${answer.from} has ${theirs}.`,
    `Either ${request.from} offers ${theirs}, or ${answer.from} takes ${mine}.`,
  ];
}

/** What a request that came to nothing offered, as far as it can be read. */
function asked(request: Turn): string[] {
  const offer = saOf(request);
  if (offer === undefined) return [];
  const selectors = selectorsOf(request);
  return [
    `${request.from} offered ${proposalsText(offer.proposals)}${selectors === undefined ? "" : ` for ${selectors}`}.`,
  ];
}

function silence(request: Turn): string {
  if (request.exchange === exchangeType.IKE_SA_INIT) {
    return "Nothing listens there, a filter drops it, or the other end ignores who it does not know.";
  }
  if (request.exchange === exchangeType.IKE_AUTH) {
    return "Where IKE_SA_INIT was answered, the message may be too long for the path (fragments are dropped), or port 4500 is filtered.";
  }
  return "The other end is gone, or the capture ends here.";
}

function saOf(turn: Turn): Extract<Payload, { kind: "SA" }> | undefined {
  return turn.payloads.find((payload): payload is Extract<Payload, { kind: "SA" }> => payload.kind === "SA");
}

function selectorsOf(turn: Turn): string | undefined {
  const [i, r] = [turn.payloads.find(({ kind }) => kind === "TSi"), turn.payloads.find(({ kind }) => kind === "TSr")];
  if (i?.kind !== "TSi" || r?.kind !== "TSr") return undefined;
  return `${i.selectors.map(selectorText).join(", ")} <-> ${r.selectors.map(selectorText).join(", ")}`;
}
