import type { MessageCase, VectorCase } from "../case.ts";
import { hex, type JsonObject, number, objects, text } from "../json.ts";

/** Recorded messages, chains of payloads and payload bodies. */
export function* messageCases(file: JsonObject, hostile: boolean): Generator<VectorCase> {
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
      octets: withoutMarker(octets),
      ...verdict(entry, hostile),
      ...opening(entry, octets),
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
      yield { check: "message", name: nameOf(entry), octets, firstType, ...verdict(entry, hostile) };
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
      ...verdict(entry, hostile),
    };
  }
}

function nameOf(entry: JsonObject): string {
  return text(entry, "id", "name", "file", "test") ?? String(entry.n ?? "");
}

function verdict(entry: JsonObject, hostile: boolean): { readonly result?: "acceptable" | "invalid" } {
  if (text(entry, "expect", "result") === "invalid" || entry.refused === true) return { result: "invalid" };
  return hostile ? { result: "acceptable" } : {};
}

/** Four octets of zeros stand before an IKE message on port 4500 (RFC 3948 2.2). */
function withoutMarker(octets: string): string {
  return octets.startsWith("00000000") && octets.length > 64 && /^[12]0$/.test(octets.slice(42, 44))
    ? octets.slice(8)
    : octets;
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
