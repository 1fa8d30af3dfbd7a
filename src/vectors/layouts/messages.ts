import type { MessageCase, VectorCase, Verdict } from "../case.ts";
import { hex, type JsonObject, number, objects, text } from "../json.ts";

/** Recorded messages, chains of payloads and payload bodies. */
export function* messageCases(file: JsonObject, hostile: boolean): Generator<VectorCase> {
  const verdict = (entry: JsonObject) => verdictOf(entry, hostile, file.reviewed === true);
  for (const entry of [
    ...objects(file.messages),
    ...objects(file.packets),
    ...objects(file.handshakes).flatMap((h) => objects(h.messages)),
  ]) {
    const octets = hex(entry, "hex", "octets", "data");
    if (octets === undefined) continue;
    yield {
      check: "message",
      name: nameOf(entry),
      octets: messageWithin(octets),
      ...verdict(entry),
      ...opening(entry, octets),
    };
  }
  const loose = [...objects(file.payloads), ...objects(file.files).flatMap((inner) => objects(inner.values))];
  for (const entry of loose) {
    const octets = hex(entry, "hex");
    if (octets === undefined) continue;
    if (/^.{32}..[12]0/.test(messageWithin(octets)) && octets.length >= 56) {
      yield { check: "message", name: nameOf(entry), octets: messageWithin(octets), ...verdict(entry) };
    } else
      yield {
        check: "none",
        name: nameOf(entry),
        algorithm: "constants",
        why: "no whole message, and no type of payload",
      };
  }
  for (const entry of objects(file.exchanges)) {
    for (const side of ["request", "response"]) {
      const octets = hex(entry, side);
      if (octets !== undefined) yield { check: "message", name: `${nameOf(entry)} ${side}`, octets };
    }
  }
  for (const entry of objects(file.chains)) {
    const firstType = number(entry, "firstType");
    const octets = hex(entry, "hex");
    if (firstType !== undefined && octets !== undefined)
      yield { check: "message", name: nameOf(entry), octets, firstType, ...verdict(entry) };
  }
  for (const entry of objects(file.bodies)) {
    const firstType = number(entry, "type");
    const body = hex(entry, "hex");
    if (firstType === undefined || body === undefined) continue;
    const length = (body.length / 2 + 4).toString(16).padStart(4, "0");
    yield {
      check: "message",
      name: nameOf(entry),
      octets: `0000${length}${body}`,
      firstType,
      ...verdict(entry),
    };
  }
}

function nameOf(entry: JsonObject): string {
  return text(entry, "id", "name", "file", "test") ?? String(entry.n ?? "");
}

/** Where somebody has looked at every message of a file, what is not to be refused has to be taken; elsewhere nobody says. */
function verdictOf(entry: JsonObject, hostile: boolean, reviewed: boolean): { readonly result?: Verdict } {
  if (text(entry, "expect", "result") === "invalid" || entry.refused === true) return { result: "invalid" };
  return hostile ? { result: "acceptable" } : reviewed ? { result: "valid" } : {};
}

/** Octets that may stand before a message: the non-ESP marker (RFC 3948 2.2), headers of UDP, IPv4 and Ethernet. */
const before = [0, 4, 8, 12, 28, 32, 42, 46];

/** The message within: where the header's length is that of what follows; otherwise all of it. */
function messageWithin(octets: string): string {
  for (const offset of before) {
    const rest = octets.slice(2 * offset);
    if (rest.length >= 56 && Number.parseInt(rest.slice(48, 56), 16) * 2 === rest.length) return rest;
  }
  return octets;
}

/** The keys with which the source says that it opens. */
function opening(entry: JsonObject, octets: string): Pick<MessageCase, "open"> {
  if (entry.verified === undefined || entry.note !== undefined) return {};
  const initiator = (Number.parseInt(octets.slice(38, 40), 16) & 0x08) !== 0;
  const own = objects(entry.keys).filter((key) => text(key, "from") === (initiator ? "initiator" : "responder"));
  // Where several are given, the source says in words which one it was.
  const keys = own.find((key) => String(entry.verified).includes(text(key, "integ") ?? "no integ")) ?? own[0];
  const [encr, encrKey] = keys === undefined ? [] : [text(keys, "encr"), hex(keys, "SK_e")];
  if (keys === undefined || encr === undefined || encrKey === undefined) return {};
  const [integ, integKey] = [text(keys, "integ"), hex(keys, "SK_a")];
  return {
    open: { encr, encrKey, ...(integ === undefined ? {} : { integ }), ...(integKey === undefined ? {} : { integKey }) },
  };
}
