// The proofs of a resumed IKE SA (RFC 5723 4.3.3), and the one that Libreswan makes of the same sentence.
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { parseProposal } from "../../../../src/crypto/keywords.ts";
import type { IkeSa } from "../../../../src/ikev2/ike-sa.ts";
import { find } from "../../../../src/ikev2/payloads.ts";
import { ResumedRounds } from "../../../../src/ikev2/resumption/resumed-rounds.ts";
import type { Handshake } from "../../../../src/ikev2/state.ts";
import { makeIdentity } from "../../../../src/negotiate/identity.ts";
import type { Reason } from "../../../../src/negotiate/reason.ts";
import { suiteOf } from "../../../../src/negotiate/suite.ts";
import type { Payload } from "../../../../src/wire/ikev2/payloads/table.ts";

const transforms = parseProposal("aes256gcm16-prfsha256-x25519", "ike").map((row) => [row.type, row]);
const suite = suiteOf("ike", Object.fromEntries(transforms));
const [caller, gateway] = [makeIdentity("fqdn", "caller.example"), makeIdentity("fqdn", "gateway.example")];
const handshake = {
  request: Buffer.from("the first message"),
  response: Buffer.from("its answer"),
  ni: Buffer.alloc(32, 1),
  nr: Buffer.alloc(32, 2),
  skPi: Buffer.alloc(32, 3),
  skPr: Buffer.alloc(32, 4),
} as unknown as Handshake;

function rounds(role: "initiator" | "responder"): ResumedRounds {
  const sa = { role, keying: { suite } } as unknown as IkeSa;
  return role === "initiator"
    ? new ResumedRounds(sa, handshake, caller, gateway)
    : new ResumedRounds(sa, handshake, gateway, caller);
}

function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  return parts.reduce((mac, part) => mac.update(part), createHmac("sha256", key)).digest();
}

function calls(data: Uint8Array, identity = caller): Payload[] {
  return [
    { kind: "IDi", idType: identity.idType, data: identity.octets },
    { kind: "AUTH", method: 2, data },
  ];
}

/** How the gateway takes an AUTH, and with what it answers. */
function answer(request: Payload[]): { reason: Reason | undefined; auth: Buffer | undefined } {
  const ours = rounds("responder");
  let reason: Reason | undefined;
  let auth: Buffer | undefined;
  ours.verify(request, (found) => {
    reason = found;
  });
  ours.prove((proof) => {
    const found = "payloads" in proof ? find(proof.payloads, "AUTH") : undefined;
    if (found !== undefined) auth = Buffer.from(found.data);
  });
  return { reason, auth };
}

const { request, response, ni, nr, skPi, skPr } = handshake;
const id = ({ idType, octets }: typeof caller) => Buffer.concat([Uint8Array.of(idType, 0, 0, 0), octets]);

test("each end proves by its message, the other's nonce and its identity", () => {
  const right = hmac(skPi, request, nr, hmac(skPi, id(caller)));
  expect(answer(calls(right))).toEqual({
    reason: undefined,
    auth: hmac(skPr, response, ni, hmac(skPr, id(gateway))),
  });
});

test("an end that proves by its message alone is believed, and answered likewise", () => {
  expect(answer(calls(hmac(skPi, request)))).toEqual({ reason: undefined, auth: hmac(skPr, response) });
});

test("the caller begins with the whole, whatever it may be answered with", () => {
  let sent: readonly Payload[] = [];
  rounds("initiator").prove((proof) => {
    if ("payloads" in proof) sent = proof.payloads;
  });
  expect(sent).toContainEqual({ kind: "AUTH", method: 2, data: hmac(skPi, request, nr, hmac(skPi, id(caller))) });
});

test.each([
  ["nothing", Buffer.alloc(0)],
  ["zeros", Buffer.alloc(32)],
  ["the other end's key", hmac(skPr, request)],
  ["the other end's message", hmac(skPi, response)],
  ["a message and a nonce", hmac(skPi, request, nr)],
  ["a part of the right one", hmac(skPi, request).subarray(0, 16)],
])("%s proves nothing", (_, data) => {
  expect(answer(calls(data)).reason).toMatchObject({ code: "wrong-secret" });
});

test("another identity than the ticket's is refused with the right proof", () => {
  const reason = answer(calls(hmac(skPi, request), makeIdentity("fqdn", "somebody.example"))).reason;
  expect(reason).toMatchObject({ code: "wrong-identity" });
});
