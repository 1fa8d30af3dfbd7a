/** INFORMATIONAL (RFC 7296 1.4): deletion, signs of life, errors. */
import type { SaProtocol } from "../../kernel/port.ts";
import type { ChildSa } from "../../sa/child-sa.ts";
import type { ChildSas } from "../../sa/child-sas.ts";
import type { Path } from "../../sa/path.ts";
import type { Payload } from "../../wire/ikev2/payloads/table.ts";
import { exchangeType, protocolId } from "../../wire/ikev2/registry/message.ts";
import { notifyType } from "../../wire/ikev2/registry/notify.ts";
import { refusedAuthentication } from "../auth/refused.ts";
import { takeAnnouncement } from "../capabilities.ts";
import type { IkeSa } from "../ike-sa.ts";
import { findNotify, notify, protocolNumber, saProtocol, spiNumber, spiOctets } from "../payloads.ts";
import { takeAuthLifetime } from "../reauthentication.ts";
import { findRedirect } from "../redirect.ts";
import type { Task } from "../task.ts";
import { answerMobike, mappingQuestion, takeMapping } from "./mobike.ts";

const type = exchangeType.INFORMATIONAL;

/** Answers the peer: what it deletes is deleted at this end too, anything else is acknowledged. */
export function answerInformational(sa: IkeSa, payloads: readonly Payload[], path: Path, messageId: number): void {
  if (payloads.some((payload) => payload.kind === "D" && payload.protocolId === protocolId.IKE)) {
    sa.respond(type, []);
    // RFC 7296 2.8.2: the peer has replaced it without having noticed our own rekey.
    sa.succession.concede();
    return sa.end({ code: "peer-deleted", what: "IKE SA" });
  }
  if (findNotify(payloads, notifyType.AUTHENTICATION_FAILED) !== undefined && sa.peer !== undefined) {
    // RFC 7296 2.21.2: the initiator could not authenticate us.
    sa.respond(type, []);
    return sa.end(refusedAuthentication(sa.peer, sa.authentication?.doubts ?? []));
  }
  takeAuthLifetime(sa, payloads);
  const answer = answerMobike(sa, payloads, path, messageId);
  takeAnnouncement(sa, payloads);
  for (const payload of payloads) {
    if (payload.kind !== "D") continue;
    sa.succession.claim();
    const { children } = sa.succession.holder;
    const gone = deletedChildren(children, payload);
    // RFC 7296 1.4.1: the answer deletes the other half of each pair.
    if (gone.size > 0) answer.push(deletion(payload.protocolId, gone));
    for (const child of gone) children.remove(child, { code: "peer-deleted", what: "Child SA" });
  }
  sa.respond(type, answer);
  takeRedirect(sa, payloads);
}

/** RFC 5685 5: the end that was called sends us to another gateway, once we have acknowledged it. */
function takeRedirect(sa: IkeSa, payloads: readonly Payload[]): void {
  const redirect = findRedirect(payloads);
  if (redirect?.nonce.length !== 0 || sa.authentication?.role !== "initiator" || sa.state.kind !== "Established")
    return;
  const refusal = sa.host.redirected(sa, redirect.to);
  if (refusal !== undefined) sa.host.noted(sa, refusal);
}

/** Deletes the whole IKE SA; the answer ends it. */
export const deleteIkeSa: Task = farewell(() => [deletion(protocolId.IKE, [])]);

/** Tells a responder that it could not be authenticated (RFC 7296 2.21.2). */
export const refuseAuthentication: Task = farewell(() => [notify(notifyType.AUTHENTICATION_FAILED)]);

/** An empty request, to which a peer that lives answers (RFC 7296 2.4). */
export const askForLife: Task = {
  exchangeType: type,
  begin: (sa) => sa.sendRequest(askForLife, mappingQuestion(sa)),
  handleResponse: takeMapping,
};

/** The same, for one who waits for the answer; `then` runs when it is in hand, or when there will be none. */
export function proofOfLife(then: () => void): Task {
  const task: Task = {
    exchangeType: type,
    begin: (sa) => sa.sendRequest(task, []),
    handleResponse: then,
    abandon: then,
  };
  return task;
}

/** Deletes the Child SA with this inbound SPI at the peer; `then` runs when it has answered. */
export function deleteChild(protocol: SaProtocol, spiIn: number, then: () => void = () => {}): Task {
  const task: Task = {
    exchangeType: type,
    begin: (sa) => {
      sa.children.exchanges.begun(task);
      sa.sendRequest(task, [deletion(protocolNumber(protocol), [{ spiIn }])]);
    },
    handleResponse: (sa) => {
      sa.children.exchanges.done(task);
      then();
    },
    abandon: (sa) => sa.children.exchanges.done(task),
  };
  return task;
}

function farewell(payloads: () => Payload[]): Task {
  const task: Task = {
    exchangeType: type,
    // What else is under way would be answered by nobody.
    alone: true,
    begin: (sa) => sa.sendRequest(task, payloads()),
    handleResponse: (sa) => {
      if (sa.state.kind === "ExpectDeleteResponse") sa.end(sa.state.reason);
    },
  };
  return task;
}

/**
 * The Child SAs that a DELETE names and that go with it. RFC 7296 1.4.1: one that we are deleting too is not sent on any
 * more, goes with the response to our own request, and is not named in the answer.
 */
function deletedChildren(children: ChildSas, payload: Extract<Payload, { kind: "D" }>): Set<ChildSa> {
  const gone = new Set<ChildSa>();
  const protocol = saProtocol(payload.protocolId);
  for (const octets of payload.spis) {
    const spi = spiNumber(octets);
    const child = protocol === undefined || spi === undefined ? undefined : children.named(protocol, spi);
    if (child === undefined) {
      if (protocol !== undefined && spi !== undefined) children.exchanges.deletedUnknown(protocol, spi);
    } else if (children.state(child)?.kind !== "Deleting") gone.add(child);
  }
  return gone;
}

function deletion(protocol: number, children: Iterable<{ readonly spiIn: number }>): Payload {
  const spiSize = protocol === protocolId.IKE ? 0 : 4;
  return { kind: "D", protocolId: protocol, spiSize, spis: Array.from(children, ({ spiIn }) => spiOctets(spiIn)) };
}
